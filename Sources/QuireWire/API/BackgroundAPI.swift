/// What the HTTP API says about background work: `GET /v1/background`, `POST /v1/repair`.
package enum BackgroundAPI {
    /// `GET /v1/background`: every member as the asked node hears from it.
    package struct Report: Codable, Sendable, Equatable {
        package var members: [Member]

        package init(members: [Member]) {
            self.members = members
        }
    }

    package struct Member: Codable, Sendable, Equatable {
        package var id: String
        package var name: String
        /// `nil` when the member did not answer.
        package var work: Work?

        package init(id: String, name: String, work: Work?) {
            self.id = id
            self.name = name
            self.work = work
        }
    }

    /// What one node does in the background, since it started.
    package struct Work: Codable, Sendable, Equatable {
        package var hints: Hints
        package var repair: Repair
        package var admission: Admission

        package init(hints: Hints, repair: Repair, admission: Admission) {
            self.hints = hints
            self.repair = repair
            self.admission = admission
        }
    }

    /// Writes that the node holds for members that could not be reached.
    package struct Hints: Codable, Sendable, Equatable {
        /// Held now, in how many partitions.
        package var held = 0
        package var heldBytes = 0
        package var partitions = 0
        /// Since the oldest of them came; `nil` without hints.
        package var oldestAgeMilliseconds: Int?
        /// Records given to members that lacked them.
        package var delivered = 0
        /// Hints that every member of their row has.
        package var dropped = 0
        /// Why the last run that could not serve everyone could not.
        package var blocker: String?

        package init() {}
    }

    /// Comparisons of this node's replicas with those of its peers.
    package struct Repair: Codable, Sendable, Equatable {
        /// Replica and peer, of all partitions that the node holds.
        package var pairs = 0
        /// Of these, those that wait to be compared before their turn: a peer came back, or an operator asked.
        package var urgentPairs = 0
        /// Pairs whose peer is away: they are compared when it comes back.
        package var blockedPairs = 0
        package var comparisons = 0
        package var failedComparisons = 0
        /// Comparisons that found a difference.
        package var partitionsRepaired = 0
        package var keysRepaired = 0
        package var bytesReceived = 0
        /// The partition that is being compared now.
        package var running: Int?
        package var lastFailure: String?

        package init() {}
    }

    /// How much of its time the node gives to background work, and why.
    package struct Admission: Codable, Sendable, Equatable {
        /// From just above 0 to 1.
        package var share: Double
        package var reason: String
        package var targetMilliseconds: Double
        /// p99 over the last minute; `nil` without traffic.
        package var latencyMilliseconds: Double?
        package var storageWaitMilliseconds: Double?
        package var operations: Int
        package var failures: Int
        /// Slices of transfers that were let go on, and that were told to wait, since the node has started.
        package var transferSlicesGranted: Int?
        package var transferSlicesDenied: Int?

        package init(
            share: Double,
            reason: String,
            targetMilliseconds: Double,
            latencyMilliseconds: Double?,
            storageWaitMilliseconds: Double?,
            operations: Int,
            failures: Int
        ) {
            self.share = share
            self.reason = reason
            self.targetMilliseconds = targetMilliseconds
            self.latencyMilliseconds = latencyMilliseconds
            self.storageWaitMilliseconds = storageWaitMilliseconds
            self.operations = operations
            self.failures = failures
        }
    }
}
