import Foundation
import QuireCore
import QuireStorage

/// The Merkle root of every replica that a node holds. Travels as JSON.
///
/// A partition without a file and without records is left out: its root is that of no records.
struct ReplicaRoots: Codable, Sendable {
    /// Hexadecimal, by partition.
    var roots: [Int: String]
    /// Replicas that are set aside or could not be read.
    var unreadable: [Int]
    /// Records held for others.
    var hints: Int

    static let empty = Hexadecimal.encode(MerkleLeaves().root)

    /// `nil` for a replica that cannot tell.
    func root(of partition: PartitionID) -> String? {
        guard !self.unreadable.contains(partition.rawValue) else { return nil }
        return self.roots[partition.rawValue] ?? Self.empty
    }

    /// - Throws: when the storage is stopping.
    static func collect(services: NodeServices) async throws -> ReplicaRoots {
        let statistics = try await services.storage.engine.statistics()
        var result = ReplicaRoots(
            roots: [:],
            unreadable: statistics.quarantined.keys.map(\.rawValue).sorted(),
            hints: statistics.hints.stores.reduce(0) { $0 + $1.records }
        )
        for held in statistics.partitions where statistics.quarantined[held.partition] == nil {
            switch await services.storage.execute(.leaves(.replica(held.partition))) {
            case .leaves(let leaves):
                let root = Hexadecimal.encode(leaves.root)
                if root != Self.empty { result.roots[held.partition.rawValue] = root }
            default:
                result.unreadable.append(held.partition.rawValue)
            }
        }
        return result
    }

    func encoded() -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(self))
        } catch {
            preconditionFailure("roots that JSON cannot hold: \(error)")
        }
    }

    static func decode(_ bytes: [UInt8]) -> ReplicaRoots? {
        // A peer of another version may send what this one does not read: it counts as one that did not answer.
        try? JSONDecoder().decode(ReplicaRoots.self, from: Data(bytes))
    }
}
