/// A committed change of capacity while it runs, and the last one after it has ended.
package struct LayoutChange: Hashable, Sendable, Codable {
    package enum Kind: String, Hashable, Sendable, Codable {
        case planned
        /// A change on its way back to the rows before it.
        case abort
        /// A finished change that is taken back.
        case undo
    }

    package enum State: String, Hashable, Sendable, Codable {
        case running
        /// Nothing new is begun; what was decided stays.
        case paused
        case finished
    }

    /// A partition and the row that it had.
    package struct FormerRow: Hashable, Sendable, Codable {
        package let partition: PartitionID
        package let row: [NodeID]

        package init(partition: PartitionID, row: [NodeID]) {
            self.partition = partition
            self.row = row
        }
    }

    /// What was before the change, and what `abort` and `undo` lead back to.
    package struct Origin: Hashable, Sendable, Codable {
        package let members: [Member]
        package let quorums: QuorumSettings
        /// Of the partitions whose row the change touches, ascending.
        package let rows: [FormerRow]

        package init(members: [Member], quorums: QuorumSettings, rows: [FormerRow]) {
            self.members = members
            self.quorums = quorums
            self.rows = rows
        }
    }

    package let planID: String
    package var kind: Kind
    /// What was asked for.
    package let staged: [StagedChange]
    /// The layout version with which it began.
    package let beganAt: LayoutVersion
    /// The layout version with which it finished.
    package var endedAt: LayoutVersion?
    /// Replicas to move, and the proven minimum for this change.
    package let movedReplicas: Int
    package let movedReplicasMinimum: Int
    package var state: State
    /// Replicas that were copied so far, and the bytes of their files.
    package var copiedReplicas: Int
    package var copiedBytes: Int
    /// Of a planned change: why nothing less would have done.
    package var certificate: PlanCertificate?
    /// `nil` once the time for `undo` is over: retired files may be deleted then.
    package var origin: Origin?

    package init(
        planID: String,
        kind: Kind = .planned,
        staged: [StagedChange] = [],
        beganAt: LayoutVersion,
        movedReplicas: Int,
        movedReplicasMinimum: Int,
        state: State,
        origin: Origin? = nil,
        certificate: PlanCertificate? = nil
    ) {
        self.planID = planID
        self.kind = kind
        self.staged = staged
        self.beganAt = beganAt
        self.endedAt = state == .finished ? beganAt : nil
        self.movedReplicas = movedReplicas
        self.movedReplicasMinimum = movedReplicasMinimum
        self.state = state
        self.copiedReplicas = 0
        self.copiedBytes = 0
        self.origin = origin
        self.certificate = certificate
    }

    package var isFinished: Bool { self.state == .finished }

    /// Whether `undo` would lead back: it has finished, and files that went are still kept.
    package var isUndoable: Bool { self.isFinished && self.kind != .abort && self.origin != nil }
}
