import QuireCore

/// The answer to `QUIRE.LAYOUT`: a map, in RESP2 its flat array. Other clients may read it as well.
///
/// ```
/// cluster        32 hexadecimal digits
/// version        integer; greater for a newer layout of the same cluster
/// partitions     integer, Q: a key's partition is (CRC16-XMODEM of its hash tag or itself mod 16384) / (16384 / Q)
/// replicas, read-quorum, write-quorum   integers: N, R, W
/// members        array of [id: 16 hexadecimal digits, name, zone, host, port: integer]
/// rows           text: Q rows, separated by one space; a row is the positions of its replicas in `members`,
///                decimal, from 0, separated by commas, token holder first
/// ```
///
/// A reader ignores entries that it does not know. It checks everything else before it believes it: see `init(reply:)`.
extension RoutingTable {
    /// Why an answer is no routing table.
    package enum Malformation: Error, Hashable, Sendable {
        /// There is no such entry, or it is of another type.
        case missing(String)
        /// The entry is there, and its value is impossible.
        case impossible(String)
    }

    /// As many as partitions, and again as many that are leaving.
    private static let nodeCountMax = 2 * 4096
    private static let textBytesMax = 1024
    private static let replicaCountMax = 7
    /// Of 4096 rows of 7 positions with at most 4 digits and a separator each.
    private static let rowsBytesMax = 4096 * 7 * 5

    package var reply: RESPValue {
        .map([
            .init(.bulk("cluster"), .bulk(self.clusterID)),
            .init(.bulk("version"), .integer(Int64(self.version.rawValue))),
            .init(.bulk("partitions"), .integer(Int64(self.partitionCount.rawValue))),
            .init(.bulk("replicas"), .integer(Int64(self.quorums.replicaCount))),
            .init(.bulk("read-quorum"), .integer(Int64(self.quorums.readQuorum))),
            .init(.bulk("write-quorum"), .integer(Int64(self.quorums.writeQuorum))),
            .init(.bulk("members"), .array(self.nodes.map(Self.entry))),
            .init(.bulk("rows"), .bulk(self.rowsText)),
        ])
    }

    private static func entry(_ node: Node) -> RESPValue {
        .array([
            .bulk(node.id.description), .bulk(node.name), .bulk(node.zone), .bulk(node.endpoint.host),
            .integer(Int64(node.endpoint.port)),
        ])
    }

    private var rowsText: [UInt8] {
        var text: [UInt8] = []
        for row in self.rows {
            if !text.isEmpty { text.append(UInt8(ascii: " ")) }
            for (place, position) in row.enumerated() {
                if place > 0 { text.append(UInt8(ascii: ",")) }
                text += String(position).utf8
            }
        }
        return text
    }

    /// Reads an answer, of either version of the protocol, and believes nothing of it unchecked.
    package init(reply: RESPValue) throws(Malformation) {
        let fields = try Self.fields(of: reply)
        guard let partitionCount = PartitionCount(try Self.number("partitions", in: fields)) else {
            throw .impossible("partitions")
        }
        let clusterID = try Self.text(fields["cluster"], "cluster")
        guard clusterID.utf8.count == 32, clusterID.utf8.allSatisfy({ Self.isHexadecimal($0) }) else {
            throw .impossible("cluster")
        }
        let version = LayoutVersion(try Self.number("version", in: fields))
        guard version > .none else { throw .impossible("version") }
        let nodes = try Self.nodes(fields["members"])
        self.init(
            clusterID: clusterID,
            version: version,
            partitionCount: partitionCount,
            quorums: try Self.quorums(fields),
            nodes: nodes,
            rows: try Self.rows(fields["rows"], count: partitionCount.rawValue, nodeCount: nodes.count)
        )
    }

    private static func fields(of reply: RESPValue) throws(Malformation) -> [String: RESPValue] {
        var fields: [String: RESPValue] = [:]
        switch reply {
        case .map(let entries):
            for entry in entries {
                fields[try self.text(entry.key, "a name")] = entry.value
            }
        case .array(let elements):
            guard elements.count.isMultiple(of: 2) else { throw .impossible("map") }
            for index in stride(from: 0, to: elements.count, by: 2) {
                fields[try self.text(elements[index], "a name")] = elements[index + 1]
            }
        default:
            throw .missing("map")
        }
        return fields
    }

    private static func quorums(_ fields: [String: RESPValue]) throws(Malformation) -> QuorumSettings {
        let quorums = QuorumSettings(
            replicaCount: try self.number("replicas", in: fields),
            readQuorum: try self.number("read-quorum", in: fields),
            writeQuorum: try self.number("write-quorum", in: fields)
        )
        guard (1...self.replicaCountMax).contains(quorums.replicaCount),
            (1...quorums.replicaCount).contains(quorums.readQuorum),
            (1...quorums.replicaCount).contains(quorums.writeQuorum)
        else { throw .impossible("replicas") }
        return quorums
    }

    private static func nodes(_ members: RESPValue?) throws(Malformation) -> [Node] {
        guard case .array(let elements)? = members else { throw .missing("members") }
        guard (1...self.nodeCountMax).contains(elements.count) else { throw .impossible("members") }
        var nodes: [Node] = []
        var ids: Set<NodeID> = []
        nodes.reserveCapacity(elements.count)
        for element in elements {
            guard case .array(let values) = element, values.count >= 5, case .integer(let port) = values[4] else {
                throw .missing("members")
            }
            let host = try self.text(values[3], "members")
            guard let id = NodeID(try self.text(values[0], "members")), ids.insert(id).inserted, !host.isEmpty,
                (1...65535).contains(port)
            else { throw .impossible("members") }
            nodes.append(
                Node(
                    id: id,
                    name: try self.text(values[1], "members"),
                    zone: try self.text(values[2], "members"),
                    endpoint: Endpoint(host: host, port: Int(port))
                )
            )
        }
        return nodes
    }

    private static func rows(_ value: RESPValue?, count: Int, nodeCount: Int) throws(Malformation) -> [[Int]] {
        guard case .bulk(let text)? = value else { throw .missing("rows") }
        guard text.count <= self.rowsBytesMax else { throw .impossible("rows") }
        let words = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == count else { throw .impossible("rows") }
        var rows: [[Int]] = []
        rows.reserveCapacity(count)
        for word in words {
            var row: [Int] = []
            for digits in word.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                guard let position = self.position(digits), position < nodeCount, !row.contains(position),
                    row.count < self.replicaCountMax
                else { throw .impossible("rows") }
                row.append(position)
            }
            rows.append(row)
        }
        return rows
    }

    private static func position(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...4).contains(digits.count) else { return nil }
        var number = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            number = number * 10 + Int(digit - 0x30)
        }
        return number
    }

    private static func number(_ name: String, in fields: [String: RESPValue]) throws(Malformation) -> Int {
        guard case .integer(let number)? = fields[name] else { throw .missing(name) }
        return Int(number)
    }

    private static func text(_ value: RESPValue?, _ name: String) throws(Malformation) -> String {
        guard case .bulk(let bytes)? = value else { throw .missing(name) }
        guard bytes.count <= self.textBytesMax, let text = String(validating: bytes, as: UTF8.self) else {
            throw .impossible(name)
        }
        return text
    }

    private static func isHexadecimal(_ character: UInt8) -> Bool {
        (0x30...0x39).contains(character) || (0x61...0x66).contains(character)
    }
}
