/// What the HTTP API takes and tells about planned changes of capacity.
package enum OperationsAPI {
    /// `POST /v1/cluster/stage`: notes one change; nothing moves before it is committed.
    package struct StageRequest: Codable, Sendable, Equatable {
        package enum Action: String, Codable, Sendable {
            case join
            case leave
            case replace
            case setWeight = "set-weight"
            case setZone = "set-zone"
            case setReplicas = "set-replicas"
        }

        package var action: Action
        /// The member, by name or id; of all but `join` and `set-replicas`.
        package var node: String?
        /// The newcomer's peer address; of `join` and `replace`.
        package var peer: String?
        package var zone: String?
        package var weight: Int?
        /// Of `leave` and `replace`: the node will not come back.
        package var isLost: Bool?
        package var replicas: Int?
        package var readQuorum: Int?
        package var writeQuorum: Int?

        package init(_ action: Action, node: String? = nil, peer: String? = nil) {
            self.action = action
            self.node = node
            self.peer = peer
        }
    }

    /// `POST /v1/cluster/operation`: something that is done to the change that runs, or has finished last.
    package struct OperationRequest: Codable, Sendable, Equatable {
        package enum Operation: String, Codable, Sendable {
            case pause
            case resume
            case abort
            case undo
            case giveUp = "give-up"
            case throttle
        }

        package var operation: Operation
        /// Of `give-up`: a leaving member, by name or id.
        package var node: String?
        /// Of `throttle`: what one node takes in per second; 0 for no limit, `nil` for as before.
        package var bytesPerSecond: Int?
        /// Of `throttle`: partitions that one node takes in at the same time; `nil` for as before.
        package var transfers: Int?

        package init(_ operation: Operation, node: String? = nil) {
            self.operation = operation
            self.node = node
        }
    }

    /// `POST /v1/cluster/recover`: begins a new life of the layout log on the node that is asked; answered by `Status`.
    package struct RecoverRequest: Codable, Sendable, Equatable {
        /// Members that will not come back, by name or id.
        package var lost: [String]

        package init(lost: [String]) {
            self.lost = lost
        }
    }

    /// What a commit looks at before it begins.
    package struct Check: Codable, Sendable, Equatable {
        package enum Result: String, Codable, Sendable {
            case passed
            /// It could not be found out: a warning, which refuses nothing.
            case unknown
            case failed
        }

        /// `no-other-change`, `nodes-up`, `space`, `in-sync` or `snapshot-age`.
        package var name: String
        package var result: Result
        /// What was found, with the figures.
        package var finding: String
        /// What to do about it, unless it has passed.
        package var remedy: String?

        package init(_ name: String, _ result: Result, _ finding: String, remedy: String? = nil) {
            self.name = name
            self.result = result
            self.finding = finding
            self.remedy = remedy
        }
    }

    /// `GET /v1/cluster/undo`: what `undo` would do now.
    package struct UndoPreview: Codable, Sendable, Equatable {
        package var plan: String
        /// What is taken back.
        package var staged: [ClusterAPI.Staged]
        /// Partitions that return to their earlier row.
        package var partitions: Int
        /// Replicas that their earlier owners take up again.
        package var replicas: Int
        /// Of those, how many still have their file in `retired/`: only what was written since is copied to them. `nil`
        /// when an owner did not answer.
        package var replicasWithFiles: Int?
        /// The size of the files of all replicas; less is copied where a file is still there. `nil` when not known.
        package var bytesMax: Int?
        /// Until when it is possible, by the clock of the node that answers; `nil` when that node did not see the end.
        package var untilMilliseconds: Int?

        package init(plan: String, staged: [ClusterAPI.Staged], partitions: Int, replicas: Int) {
            self.plan = plan
            self.staged = staged
            self.partitions = partitions
            self.replicas = replicas
        }
    }

    /// `GET`, `POST` and `DELETE /v1/node/drain`: maintenance of the node that answers.
    package struct Drain: Codable, Sendable, Equatable {
        package var node: String
        /// Whether it refuses clients.
        package var isDraining: Bool
        /// Writes that it still holds for others; `nil` when they cannot be counted.
        package var hints: Int?
        /// Whether all that it has stored is in partition files: what the log holds beside them is flushed.
        package var isFlushed: Bool
        /// Why hints are not delivered.
        package var blocker: String?

        package init(node: String, isDraining: Bool, hints: Int?, isFlushed: Bool, blocker: String? = nil) {
            self.node = node
            self.isDraining = isDraining
            self.hints = hints
            self.isFlushed = isFlushed
            self.blocker = blocker
        }

        /// Nothing that only this node has is missing elsewhere while it is away.
        package var isSafeToStop: Bool { self.isDraining && self.hints == 0 && self.isFlushed }
    }

    /// `GET /v1/cluster/history`: the latest change first.
    package struct History: Codable, Sendable, Equatable {
        package var changes: [Entry]

        package init(changes: [Entry]) {
            self.changes = changes
        }
    }

    package struct Entry: Codable, Sendable, Equatable {
        package var plan: String
        /// `planned`, `undo`, or `abort` for one that is, or was, on its way back.
        package var kind: String
        /// `running`, `paused` or `finished`.
        package var state: String
        package var staged: [ClusterAPI.Staged]
        package var beganAt: Int
        package var endedAt: Int?
        /// When the node that answers learned of it; milliseconds since 1970.
        package var beganMilliseconds: Int?
        package var endedMilliseconds: Int?
        package var movedReplicas: Int
        package var movedReplicasMinimum: Int
        package var copiedReplicas: Int
        package var copiedBytes: Int
        /// `running`, `paused`, `done`, `aborting`, `aborted`, or `undone` when it was done and taken back later.
        package var outcome: String?
        /// Whether it takes, or took, another change back.
        package var isUndo: Bool?

        package init(
            plan: String,
            kind: String,
            state: String,
            staged: [ClusterAPI.Staged],
            beganAt: Int,
            movedReplicas: Int,
            movedReplicasMinimum: Int,
            copiedReplicas: Int,
            copiedBytes: Int
        ) {
            self.plan = plan
            self.kind = kind
            self.state = state
            self.staged = staged
            self.beganAt = beganAt
            self.movedReplicas = movedReplicas
            self.movedReplicasMinimum = movedReplicasMinimum
            self.copiedReplicas = copiedReplicas
            self.copiedBytes = copiedBytes
        }
    }
}
