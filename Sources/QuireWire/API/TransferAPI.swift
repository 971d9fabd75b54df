/// What the HTTP API says about partitions in motion: `GET /v1/transfers`.
package enum TransferAPI {
    package struct Report: Codable, Sendable, Equatable {
        package var change: ClusterAPI.Change?
        package var layoutVersion: Int
        /// Bytes copied and to copy, over all incoming transfers that are known to the members that answered.
        package var bytesDone: Int
        package var bytesTotal: Int
        /// Replicas whose newcomer covers the partition, of all that this change moves.
        package var replicasDone: Int
        package var replicasTotal: Int
        package var moves: [Move]
        /// Of all images that are copied now; `nil` while none is.
        package var bytesPerSecond: Int?
        /// The member that drives the change, as the node that answers sees it.
        package var coordinator: String?
        /// What each node may take in per second; `nil` without a limit other than admission.
        package var bytesPerSecondMax: Int?
        package var transfersPerNodeMax: Int?

        package init(
            change: ClusterAPI.Change?,
            layoutVersion: Int,
            bytesDone: Int,
            bytesTotal: Int,
            replicasDone: Int,
            replicasTotal: Int,
            moves: [Move]
        ) {
            self.change = change
            self.layoutVersion = layoutVersion
            self.bytesDone = bytesDone
            self.bytesTotal = bytesTotal
            self.replicasDone = replicasDone
            self.replicasTotal = replicasTotal
            self.moves = moves
        }
    }

    package struct Move: Codable, Sendable, Equatable {
        package var partition: Int
        package var phase: String
        /// Names.
        package var from: [String]
        package var to: [String]
        package var incoming: [Incoming]
        /// What happens to it now: `fencing`, `waiting`, `sealing`, `copying`, `installing`, `covering`, `deciding`,
        /// `handing over` or `settling`.
        package var step: String?
        /// Since its phase began, as far as the node that answers knows.
        package var ageMilliseconds: Int?
        /// Why it does not go on, if it does not, and the command that resolves it, if there is one.
        package var blocker: String?
        package var command: String?
        /// The kind of blocker, for programs: see `MoveBlocker.Cause`.
        package var cause: String?
        /// Whether it will not go on before a person does something.
        package var needsAction: Bool?
        /// Replicas of the old row that do not count by the new layout yet, as the node that answers knows.
        package var waitsForFencesOf: [String]?

        package init(partition: Int, phase: String, from: [String], to: [String], incoming: [Incoming]) {
            self.partition = partition
            self.phase = phase
            self.from = from
            self.to = to
            self.incoming = incoming
        }
    }

    /// One newcomer filling itself.
    package struct Incoming: Codable, Sendable, Equatable {
        package var partition: Int
        package var target: String
        package var source: String?
        /// `waiting`, `sealing`, `copying`, `installing`, `covering`, `covered`.
        package var step: String
        package var bytesDone: Int
        package var bytesTotal: Int
        package var ageMilliseconds: Int
        package var attempts: Int
        /// Why it does not go on, if it does not.
        package var blocker: String?
        /// Of the image, over the last seconds; `nil` while nothing is copied.
        package var bytesPerSecond: Int?
        /// Until the image is here, at this rate.
        package var etaSeconds: Int?
        /// Bytes of the image for each byte on the wire; 1 without compression.
        package var compressionRatio: Double?
        /// The first block that this attempt had to pull: blocks before it were here already. `nil` when it began anew.
        package var resumedFromBlock: Int?
        /// Names of all replicas that are covered; the one that is copied from is `source`.
        package var sources: [String]?

        package init(
            partition: Int,
            target: String,
            source: String?,
            step: String,
            bytesDone: Int,
            bytesTotal: Int,
            ageMilliseconds: Int,
            attempts: Int,
            blocker: String?
        ) {
            self.partition = partition
            self.target = target
            self.source = source
            self.step = step
            self.bytesDone = bytesDone
            self.bytesTotal = bytesTotal
            self.ageMilliseconds = ageMilliseconds
            self.attempts = attempts
            self.blocker = blocker
        }
    }
}

/// Long work that a node does for an operator: snapshots and restores.
package enum TaskAPI {
    /// `POST /v1/snapshots`; answered by `TaskAPI.Status`.
    package struct SnapshotRequest: Codable, Sendable, Equatable {
        /// An absolute path that every member sees.
        package var repository: String

        package init(repository: String) {
            self.repository = repository
        }
    }

    /// `POST /v1/restores`; answered by `TaskAPI.Status`.
    package struct RestoreRequest: Codable, Sendable, Equatable {
        /// An absolute path that the node which is asked sees.
        package var repository: String
        /// An id, a unique beginning of one, or `latest`.
        package var snapshot: String
        /// `merge`.
        package var mode: String

        package init(repository: String, snapshot: String, mode: String) {
            self.repository = repository
            self.snapshot = snapshot
            self.mode = mode
        }
    }

    /// `GET /v1/tasks/{id}`.
    package struct Status: Codable, Sendable, Equatable {
        package enum State: String, Codable, Sendable {
            case running
            case succeeded
            case failed
        }

        package var id: String
        /// `snapshot` or `restore`.
        package var kind: String
        package var state: State
        /// What it does now, in a few words.
        package var step: String
        package var unitsDone: Int
        package var unitsTotal: Int
        /// `partitions` or `records`.
        package var unit: String
        package var bytesDone: Int
        package var startedMilliseconds: Int
        package var endedMilliseconds: Int?
        package var warnings: [String]
        package var failure: ClusterAPI.Failure?
        /// The id of the snapshot that was made or restored.
        package var snapshot: String?
        /// `quorum` or `fuzzy`, for a snapshot that was made.
        package var promise: String?
        package var records: Int
        package var imageBytes: Int
        package var storedBytes: Int

        package init(id: String, kind: String, unit: String, startedMilliseconds: Int) {
            self.id = id
            self.kind = kind
            self.state = .running
            self.step = "starting"
            self.unitsDone = 0
            self.unitsTotal = 0
            self.unit = unit
            self.bytesDone = 0
            self.startedMilliseconds = startedMilliseconds
            self.warnings = []
            self.records = 0
            self.imageBytes = 0
            self.storedBytes = 0
        }
    }
}
