import QuireClient
import Testing

/// Keys and values of many sizes and all bytes; the same ones for the same count.
struct Dataset: Sendable {
    let entries: [(key: [UInt8], value: [UInt8])]

    /// - Parameter count: The last few values are large.
    init(count: Int, prefix: String = "data") {
        self.entries = (0..<count).map { index in
            let size = index < count - 5 ? 20 + index * 37 % 700 : 100_000 + index
            let value = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index &* 7) }
            return (Array("\(prefix)/\(index)".utf8), value)
        }
    }

    /// Writes everything through one node; each write has to be acknowledged.
    func store(through node: ClusterNode) async throws {
        let connection = try await node.connect()
        for batch in self.batches {
            let replies = try await connection.sendAll(batch.map { [Array("SET".utf8), $0.key, $0.value] })
            try #require(replies.allSatisfy { $0 == .status("OK") }, "\(replies)")
        }
        await connection.close()
    }

    /// Reads everything through one node.
    ///
    /// - Returns: The keys whose values are not byte for byte those that were stored.
    func differences(through node: ClusterNode) async throws -> [String] {
        let connection = try await node.connect()
        var differences: [String] = []
        for batch in self.batches {
            let reply = try await connection.send([Array("MGET".utf8)] + batch.map(\.key))
            let expected = batch.map { QuireReply.bytes($0.value) }
            guard case .array(let values) = reply, values.count == expected.count else {
                differences.append("MGET answered \(reply)")
                continue
            }
            for (index, value) in values.enumerated() where value != expected[index] {
                differences.append(String(decoding: batch[index].key, as: UTF8.self))
            }
        }
        await connection.close()
        return differences
    }

    private var batches: [ArraySlice<(key: [UInt8], value: [UInt8])>] {
        stride(from: 0, to: self.entries.count, by: 50).map { self.entries[$0..<min($0 + 50, self.entries.count)] }
    }
}
