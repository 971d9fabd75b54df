/// What the HTTP API says about a cluster. JSON with these names; times are milliseconds since 1970, sizes bytes.
package enum ClusterAPI {
    /// `GET /v1/cluster`.
    package struct Status: Codable, Sendable, Equatable {
        /// The node that answered.
        package var node: NodeIdentity
        /// `nil` until the node belongs to a cluster.
        package var clusterID: String?
        package var layoutVersion: Int
        package var partitions: Int
        package var replicas: Int
        package var readQuorum: Int
        package var writeQuorum: Int
        package var members: [MemberStatus]
        package var staged: [Staged]
        package var change: Change?
        /// The clock of the node that answered: all times here are its.
        package var nowMilliseconds: Int?
        /// Names: the member that drives changes, as this node sees it, and those that vote on layouts.
        package var coordinator: String?
        package var voters: [String]?
        /// How fast partitions may move; see `quire cluster throttle`.
        package var bytesPerSecondMax: Int?
        package var transfersPerNodeMax: Int?
        /// What the asker should know about the step that was just taken.
        package var notes: [String]?

        package init(
            node: NodeIdentity,
            clusterID: String?,
            layoutVersion: Int,
            partitions: Int,
            replicas: Int,
            readQuorum: Int,
            writeQuorum: Int,
            members: [MemberStatus],
            staged: [Staged],
            change: Change?
        ) {
            self.node = node
            self.clusterID = clusterID
            self.layoutVersion = layoutVersion
            self.partitions = partitions
            self.replicas = replicas
            self.readQuorum = readQuorum
            self.writeQuorum = writeQuorum
            self.members = members
            self.staged = staged
            self.change = change
        }
    }

    package struct NodeIdentity: Codable, Sendable, Equatable {
        package var id: String
        package var name: String

        package init(id: String, name: String) {
            self.id = id
            self.name = name
        }
    }

    package struct MemberStatus: Codable, Sendable, Equatable {
        package var id: String
        package var name: String
        package var zone: String
        package var peer: String
        package var proxy: String
        package var http: String
        /// As seen by the node that answered: linked, and not silent.
        package var isUp: Bool
        package var tokens: Int
        package var replicas: Int
        /// `nil` when the member did not answer.
        package var layoutVersion: Int?
        package var records: Int?
        package var storedBytes: Int?
        package var diskFreeBytes: Int?
        package var quarantinedPartitions: [Int]?
        /// Deleted keys of which the member still has a tombstone.
        package var tombstones: Int?
        /// What it has let go since it started, as holder of partitions' tokens.
        package var tombstonesDropped: Int?
        package var tombstonesKept: [KeptTombstones]?
        package var work: BackgroundAPI.Work?
        /// Layouts that the member's checker has objected to since it started, and layouts of another life of the
        /// layout log that it has refused; both are 0 in a healthy cluster.
        package var layoutObjections: Int?
        package var foreignLayouts: Int?
        /// The last of these in words.
        package var layoutAlarm: String?
        /// How the node that answered sees the member; others may see it otherwise. `nil` for itself.
        package var seen: Sighting?
        /// What the member says of itself, as far as it has reached the node that answered; `nil` when nothing has.
        package var told: Gossip?

        package init(
            id: String,
            name: String,
            zone: String,
            peer: String,
            proxy: String,
            http: String,
            isUp: Bool,
            tokens: Int,
            replicas: Int
        ) {
            self.id = id
            self.name = name
            self.zone = zone
            self.peer = peer
            self.proxy = proxy
            self.http = http
            self.isUp = isUp
            self.tokens = tokens
            self.replicas = replicas
        }
    }

    /// Tombstones that a member would let go, and for whose sake it keeps them.
    package struct KeptTombstones: Codable, Sendable, Equatable {
        package var partition: Int
        package var count: Int
        package var node: String
        package var reason: String

        package init(partition: Int, count: Int, node: String, reason: String) {
            self.partition = partition
            self.count = count
            self.node = node
            self.reason = reason
        }
    }

    /// One node's own view of another.
    package struct Sighting: Codable, Sendable, Equatable {
        /// `reachable`, `silent` (linked, but it has not answered for a while) or `unreachable`.
        package var state: String
        package var sinceMilliseconds: Int
        /// `nil`: never since the node that answered has started.
        package var lastHeardMilliseconds: Int?

        package init(state: String, sinceMilliseconds: Int, lastHeardMilliseconds: Int?) {
            self.state = state
            self.sinceMilliseconds = sinceMilliseconds
            self.lastHeardMilliseconds = lastHeardMilliseconds
        }
    }

    /// What a node says of itself, spread by gossip.
    package struct Gossip: Codable, Sendable, Equatable {
        /// Grows with each start of the node.
        package var incarnation: Int
        /// Grows with each change within the incarnation.
        package var version: Int
        package var layoutVersion: Int
        /// Where the node listens now; the layout keeps where it joined.
        package var peer: String
        package var proxy: String
        package var http: String
        /// Public figures by name, `hints` and `hint-bytes` among them.
        package var figures: [String: Int]

        package init(
            incarnation: Int,
            version: Int,
            layoutVersion: Int,
            peer: String,
            proxy: String,
            http: String,
            figures: [String: Int]
        ) {
            self.incarnation = incarnation
            self.version = version
            self.layoutVersion = layoutVersion
            self.peer = peer
            self.proxy = proxy
            self.http = http
            self.figures = figures
        }
    }

    package struct Staged: Codable, Sendable, Equatable {
        /// `join`, `leave`, `leave, lost`, `replaced by NAME`, `weight 100 → 200`, …: for people.
        package var action: String
        package var node: String
        package var name: String
        package var zone: String

        package init(action: String, node: String, name: String, zone: String) {
            self.action = action
            self.node = node
            self.name = name
            self.zone = zone
        }
    }

    /// A running change, or the last one.
    package struct Change: Codable, Sendable, Equatable {
        package var plan: String
        /// `planned`, `abort` or `undo`.
        package var kind: String
        /// `running`, `paused` or `finished`.
        package var state: String
        package var isFinished: Bool
        /// Whether `undo` leads back.
        package var isUndoable: Bool
        /// Until when, by the clock of the node that answers; `nil` when it is not, or that node did not see the end.
        package var undoUntilMilliseconds: Int?
        package var movedReplicas: Int
        package var movedReplicasMinimum: Int
        /// Replicas whose newcomer covers them by now, and the bytes of the files that were copied for them.
        package var copiedReplicas: Int
        package var copiedBytes: Int
        /// Partitions still in motion, by phase.
        package var dualWrite: Int
        package var readNew: Int
        package var draining: Int

        package init(
            plan: String,
            kind: String = "planned",
            state: String = "running",
            isFinished: Bool,
            isUndoable: Bool = false,
            movedReplicas: Int,
            movedReplicasMinimum: Int,
            copiedReplicas: Int = 0,
            copiedBytes: Int = 0,
            dualWrite: Int,
            readNew: Int,
            draining: Int
        ) {
            self.plan = plan
            self.kind = kind
            self.state = isFinished ? "finished" : state
            self.isFinished = isFinished
            self.isUndoable = isUndoable
            self.movedReplicas = movedReplicas
            self.movedReplicasMinimum = movedReplicasMinimum
            self.copiedReplicas = copiedReplicas
            self.copiedBytes = copiedBytes
            self.dualWrite = dualWrite
            self.readNew = readNew
            self.draining = draining
        }
    }

    /// `POST /v1/cluster/init`.
    package struct InitRequest: Codable, Sendable, Equatable {
        /// Peer addresses (`HOST:PORT`) of the other first members; the node that answers is one by itself.
        package var peers: [String]
        package var partitions: Int
        package var replicas: Int
        package var readQuorum: Int
        package var writeQuorum: Int
        /// The smallest W that a request may ask for; `nil`: the cluster's W.
        package var minWriteQuorum: Int?

        package init(
            peers: [String],
            partitions: Int,
            replicas: Int,
            readQuorum: Int,
            writeQuorum: Int,
            minWriteQuorum: Int? = nil
        ) {
            self.minWriteQuorum = minWriteQuorum
            self.peers = peers
            self.partitions = partitions
            self.replicas = replicas
            self.readQuorum = readQuorum
            self.writeQuorum = writeQuorum
        }
    }

    /// `GET /v1/cluster/plan`.
    package struct Plan: Codable, Sendable, Equatable {
        package struct Node: Codable, Sendable, Equatable {
            package var id: String
            package var name: String
            package var zone: String
            package var tokensBefore: Int
            package var tokensAfter: Int
            package var replicasBefore: Int
            package var replicasAfter: Int
            package var incoming: Int
            package var outgoing: Int
            /// Bytes of its partition files, of those that it receives, and that are free on its disk; `nil` when not
            /// known.
            package var storedBytes: Int?
            package var incomingBytes: Int?
            package var diskFreeBytes: Int?
            /// The most that its files will take while the change runs, with those that are kept for `undo`; `nil` when
            /// not known.
            package var peakBytes: Int?
            /// What they take after each step, in each of which every node takes in as many partitions as it may at
            /// once; of a change of many steps, after some of them. The last one is the peak.
            package var bytesBySteps: [Int]?

            package init(
                id: String,
                name: String,
                zone: String,
                tokensBefore: Int,
                tokensAfter: Int,
                replicasBefore: Int,
                replicasAfter: Int,
                incoming: Int,
                outgoing: Int
            ) {
                self.id = id
                self.name = name
                self.zone = zone
                self.tokensBefore = tokensBefore
                self.tokensAfter = tokensAfter
                self.replicasBefore = replicasBefore
                self.replicasAfter = replicasAfter
                self.incoming = incoming
                self.outgoing = outgoing
            }
        }

        package struct Link: Codable, Sendable, Equatable {
            /// Names.
            package var from: String
            package var to: String
            package var bytes: Int

            package init(from: String, to: String, bytes: Int) {
                self.from = from
                self.to = to
                self.bytes = bytes
            }
        }

        /// How safe data is during the change, and before and after it; of the plan's certificate.
        package struct Safety: Codable, Sendable, Equatable {
            /// Of any partition at any moment of the change: replicas that answer reads and are not lost.
            package var liveReplicasMinimum: Int
            /// Distinct sets of nodes that hold a partition.
            package var replicaSetsBefore: Int
            package var replicaSetsAfter: Int
            /// The probability that some partition loses all its replicas when as many nodes as it has replicas die at
            /// once, any of them alike; 0...1.
            package var lossBefore: Double
            package var lossAfter: Double
            /// The same for one node more; `nil` where it was not counted.
            package var lossOfOneMoreBefore: Double?
            package var lossOfOneMoreAfter: Double?

            package init(
                liveReplicasMinimum: Int,
                replicaSetsBefore: Int,
                replicaSetsAfter: Int,
                lossBefore: Double,
                lossAfter: Double
            ) {
                self.liveReplicasMinimum = liveReplicasMinimum
                self.replicaSetsBefore = replicaSetsBefore
                self.replicaSetsAfter = replicaSetsAfter
                self.lossBefore = lossBefore
                self.lossAfter = lossAfter
            }
        }

        package var plan: String
        package var layoutVersion: Int
        package var staged: [Staged]
        package var nodes: [Node]
        package var movedReplicas: Int
        package var movedReplicasMinimum: Int
        /// Estimated bytes to copy, from the sizes of the files now; `nil` when a holder did not answer.
        package var movedBytes: Int?
        package var saturatedZones: [String]
        /// Replicas that would move if each staged change were committed by itself, one after the other; `nil` for one
        /// change, and where planning them all takes too long.
        package var movedReplicasSeparately: Int?
        /// Bytes that are copied over each link, as far as sizes are known now; the busiest first, ten at most.
        package var links: [Link]?
        /// How long the copies take at the limit of `throttle`, or else at the rate of the last change; `nil` without both.
        package var secondsEstimate: Int?
        /// Steps in each of which every node takes in as many partitions as it may at once.
        package var steps: Int?
        /// Bytes per second into each node that the estimate reckons with, and whether that is the limit.
        package var bytesPerSecondAssumed: Int?
        package var isAtLimit: Bool?
        package var safety: Safety?
        /// What a person should know before committing: what may be lost, above all.
        package var warnings: [String]?
        /// What `commit` will look at.
        package var checks: [OperationsAPI.Check]?

        package init(
            plan: String,
            layoutVersion: Int,
            staged: [Staged],
            nodes: [Node],
            movedReplicas: Int,
            movedReplicasMinimum: Int,
            movedBytes: Int?,
            saturatedZones: [String],
            checks: [OperationsAPI.Check]? = nil
        ) {
            self.plan = plan
            self.layoutVersion = layoutVersion
            self.staged = staged
            self.nodes = nodes
            self.movedReplicas = movedReplicas
            self.movedReplicasMinimum = movedReplicasMinimum
            self.movedBytes = movedBytes
            self.saturatedZones = saturatedZones
            self.checks = checks
        }
    }

    /// `POST /v1/cluster/commit`; answered by `Status`.
    package struct CommitRequest: Codable, Sendable, Equatable {
        package var plan: String
        /// Names of checks that may fail.
        package var skippedChecks: [String]?
        /// For the check `snapshot-age`; the default is a week.
        package var snapshotAgeMaxSeconds: Int?

        package init(plan: String, skippedChecks: [String] = [], snapshotAgeMaxSeconds: Int? = nil) {
            self.plan = plan
            self.skippedChecks = skippedChecks
            self.snapshotAgeMaxSeconds = snapshotAgeMaxSeconds
        }
    }

    /// `GET /v1/cluster/locate?key=KEY`.
    package struct Location: Codable, Sendable, Equatable {
        package var key: String
        package var slot: Int
        package var partition: Int
        /// Names of the replicas, token holder first.
        package var replicas: [String]

        package init(key: String, slot: Int, partition: Int, replicas: [String]) {
            self.key = key
            self.slot = slot
            self.partition = partition
            self.replicas = replicas
        }
    }

    /// Any answer with a status of 400 or more.
    package struct Failure: Codable, Sendable, Equatable, Error {
        /// Stable and short, for programs: `plan_stale`, `not_initialised`, `wrong_cluster_key` …
        package var code: String
        /// For people: what was wrong and what to do.
        package var message: String

        package init(code: String, message: String) {
            self.code = code
            self.message = message
        }
    }
}
