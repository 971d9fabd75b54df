import NIOConcurrencyHelpers
import QuireCore

/// What is at work on this node's partitions, and what has happened to them: what tombstones must wait for (SAFETY
/// rule 9).
///
/// Everything that reads records of a partition, keeps them in memory, and stores or sends them later, calls `begin`
/// before it reads and `end` after its last record is acknowledged or given up. Requests do not: their time is limited.
final class PartitionActivity: Sendable {
    private struct State {
        var working: [PartitionID: Int] = [:]
        var workingEverywhere = 0
        var disturbances: [PartitionID: UInt64] = [:]
    }

    /// Tells this life of the node from others.
    private let seed: UInt64
    private let state = NIOLockedValueBox(State())

    init(seed: UInt64) {
        self.seed = seed
    }

    /// - Parameter partition: `nil`: all of them.
    func begin(_ partition: PartitionID?) {
        self.state.withLockedValue { state in
            if let partition {
                state.working[partition, default: 0] += 1
            } else {
                state.workingEverywhere += 1
            }
        }
    }

    func end(_ partition: PartitionID?) {
        self.state.withLockedValue { state in
            guard let partition else {
                state.workingEverywhere -= 1
                return
            }
            let left = (state.working[partition] ?? 0) - 1
            state.working[partition] = left > 0 ? left : nil
        }
    }

    /// Old values of the partition may have come to this node, or have gone from it.
    func disturbed(_ partition: PartitionID) {
        self.state.withLockedValue { $0.disturbances[partition, default: 0] += 1 }
    }

    /// A hint may have come and been delivered between two looks at the hint store.
    func noteHint(_ command: StorageCommand) {
        switch command {
        case .merge(.hints(let partition), _, _, _), .mint(.hints(let partition), _),
            .mergeBatch(.hints(let partition), _):
            self.disturbed(partition)
        default:
            return
        }
    }

    /// The epoch and business of a partition; of copies the storage knows.
    func surroundings(of partition: PartitionID) -> PartitionSurroundings {
        self.state.withLockedValue { state in
            PartitionSurroundings(
                epoch: self.seed &+ (state.disturbances[partition] ?? 0),
                isBusy: state.workingEverywhere > 0 || state.working[partition] != nil
            )
        }
    }
}
