/// What nodes say to each other. Requests are answered with the same correlation id; layouts travel as the
/// bytes in which they were decided.
package enum PeerMessage: Sendable, Hashable {
    // Requests of the data path.

    /// Answered by `.record`.
    case get(PartitionID, Key)
    /// Store this record; answered by `.acknowledged` once synced, or without `sync` as soon as it is merged.
    case put(PartitionID, Key, Record, sync: Bool = true)
    /// Store this record for members of the row that cannot be reached; answered like `.put`.
    case hint(PartitionID, Key, Record, sync: Bool = true)
    /// Which versions do you hold of this key? Answered by `.outline`.
    case getOutline(PartitionID, Key)
    /// What do you hold of this key as a stand-in? Answered by `.record`.
    case getHint(PartitionID, Key)
    /// Store these records of one partition; answered by `.acknowledged` once synced.
    case putBatch(PartitionID, [KeyedRecord])
    /// Coordinate this put as a member of the key's row, or as a stand-in when the asker can reach no member;
    /// answered by `.coordinated`.
    case coordinate(PutRequest, request: RequestID, timestamp: HybridTimestamp, asStandIn: Bool = false)
    /// Answered by `.page`.
    case scan(PartitionID, after: ScanPosition?, limit: PageLimit)
    /// How many live keys these partitions hold; answered by `.counted`.
    case count([PartitionID])

    // Requests of anti-entropy.

    /// Answered by `.leaves`.
    case readLeaves(PartitionID)
    /// Answered by `.page`.
    case leafEntries(PartitionID, leaf: Int, after: ScanPosition?, limit: PageLimit)

    /// The sums of the children of these Merkle nodes, all of one level above the twigs; answered by `.sums`.
    case readSums(PartitionID, [MerkleNode])
    /// The digests of all records below these twigs, which ascend; answered by `.digests`.
    case readDigests(PartitionID, [MerkleNode])
    /// The records of these key hashes, which ascend; answered by `.page`, never cut within one hash.
    case readRecords(PartitionID, [KeyHash], limit: PageLimit)

    // Requests of hint delivery: refused by whoever is not a member of the partition's write rows.

    /// Which of these do you lack? Answered by `.lacking` once all others are synced.
    case offer(PartitionID, [KeyDigest])
    /// Store these hints; answered by `.acknowledged` once synced.
    case deliver(PartitionID, [KeyedRecord])

    // Requests of the control path, opaque to the data path.

    case control(ControlMessage)

    // Answers.

    case record(Record?)
    case outline(RecordOutline)
    case acknowledged(latestTimestamp: HybridTimestamp, isSynced: Bool = true)
    case coordinated(ClientResult)
    case page([KeyedRecord], isLast: Bool)
    case counted(Int)
    case leaves(MerkleLeaves)
    /// Of the children of the first nodes that were asked for, in order; at least one node's.
    case sums([UInt128])
    /// Ascending; everything below the first `covered` nodes that were asked for, at least one.
    case digests([HashDigest], covered: Int)
    /// Indexes into the offer, ascending.
    case lacking([Int])
    /// The request is older than the fence of its partition at the answerer, whose layout version this is: what it
    /// carried is stored as asked, but it counts for no quorum (SAFETY rule 11).
    case fenced(LayoutVersion)
    case failed(String)
}

extension PeerMessage {
    /// Whether its receiver stores something.
    package var carriesData: Bool {
        switch self {
        case .put, .hint, .putBatch, .coordinate, .deliver: true
        case .get, .getOutline, .getHint, .scan, .count, .readLeaves, .leafEntries, .readSums, .readDigests,
            .readRecords, .offer, .control, .record, .outline, .acknowledged, .coordinated, .page, .counted, .leaves,
            .sums, .digests, .lacking, .fenced, .failed:
            false
        }
    }
}

/// Requests and answers of membership, transfers and snapshots.
package enum ControlMessage: Sendable, Hashable {
    /// Who are you? Answered by `.identity`.
    case identify
    case identity(Member, clusterID: String?, version: LayoutVersion)

    /// The sender's decided layout version; answered by `.layout` when the receiver's is newer, else by `.nothingNewer`.
    case gossip(LayoutVersion)
    case layout([UInt8])
    case nothingNewer(LayoutVersion)

    // What nodes know of each other (Dynamo §4.8.1), see `GossipState`; with the sender's decided layout version.

    /// Answered by `.gossipDifference`.
    case gossipDigests(LayoutVersion, [GossipDigest])
    case gossipDifference(LayoutVersion, entries: [GossipEntry], wanted: [NodeID])
    /// What was wanted; answered by `.nothingNewer`.
    case gossipEntries([GossipEntry])

    // The layout log (SAFETY rules 13-15): one single-decree Paxos per version.

    case prepare(LayoutVersion, Ballot)
    case promise(LayoutVersion, Ballot, accepted: AcceptedLayout?)
    case accept(LayoutVersion, Ballot, layout: [UInt8])
    case accepted(LayoutVersion, Ballot)
    /// A refusal of `accept` by a node that is up to date, with the very ballot, is the objection of its checker.
    case refused(LayoutVersion, promised: Ballot, decided: LayoutVersion)
    /// The layout of a version is decided; answered by `.adopted` once it is stored.
    case decided([UInt8])
    case adopted(LayoutVersion)

    /// Answer `.fenceInstalled` when you have durably adopted this version, and no request core of yours lets older
    /// requests of partitions that moved count any more.
    case installFence(LayoutVersion)
    case fenceInstalled(LayoutVersion)

    /// Which partitions do you cover? Answered by `.receipts`.
    case collectReceipts
    ///
    /// - Parameter hintsHeld: How many keys the answerer still holds as a stand-in, if it knows that it is leaving;
    ///   else `Int.max`: it may take more.
    case receipts([PartitionReceipt], hintsHeld: Int)

    // Partition transfer: the target pulls.

    /// Answered by `.sealed`; `nil` when there is nothing to copy.
    case seal(PartitionID)
    case sealed(SealManifest?)
    /// Asked on a connection of its own, which from then on carries nothing but the frames of these blocks
    /// (`BlockFrame`). Where messages travel whole, the first block is answered by `.block`, or by `.sealExpired`.
    case readBlocks(PartitionID, seal: UInt64, blocks: [Range<Int>])
    case block([UInt8])
    case sealExpired
    /// Answered by `.sealExpired`.
    case unseal(PartitionID, seal: UInt64)

    /// Bring the partition's snapshot image into the repository; answered by `.imageStored`.
    case storeImage(PartitionID, repository: String, intent: String)
    /// The stored object's description as JSON, defined by the archive module; nil for an empty partition.
    case imageStored([UInt8]?)
    /// Can you see this intent in this repository? Answered by `.repositoryChecked`.
    case checkRepository(String, intent: String)
    case repositoryChecked(failure: String?)
    /// Deliver now what you hold as a stand-in; answered by `.hintsSettled`.
    case settleHints
    case hintsSettled(unserved: [HintGap])
    /// What a node knows of itself, as JSON for operators; answered by `.statistics`.
    case collectStatistics
    /// The Merkle root of every replica that a node holds, as JSON for operators; answered by `.statistics`.
    case collectRoots
    case statistics([UInt8])
    /// Compare all your replicas with those of the others now; answered by `.repairStarted`.
    case startRepair
    case repairStarted(pairs: Int)

    // Tombstones (SAFETY rule 9). Both are answered by `.tombstonesAnswered`.

    case attestTombstones(TombstoneBatch)
    case dropTombstones(TombstoneBatch)
    case tombstonesAnswered(TombstoneAnswer)
}

extension ControlMessage {
    /// Whether a voter gave what it was asked for.
    package var isConsent: Bool {
        switch self {
        case .promise, .accepted: true
        default: false
        }
    }
}

/// A member of a partition's rows that could not be given what a stand-in holds for the partition.
package struct HintGap: Sendable, Hashable {
    package let partition: PartitionID
    package let member: NodeID

    package init(partition: PartitionID, member: NodeID) {
        self.partition = partition
        self.member = member
    }
}

/// A receipt on its way to the layout.
package struct PartitionReceipt: Sendable, Hashable {
    package let partition: PartitionID
    package let phase: PartitionMove.Phase
    /// Of the move that it is for: a receipt of an abandoned attempt is of no use to a later one.
    package let fence: LayoutVersion
    package let receipt: PartitionMove.Receipt

    package init(
        partition: PartitionID,
        phase: PartitionMove.Phase,
        fence: LayoutVersion,
        receipt: PartitionMove.Receipt
    ) {
        self.partition = partition
        self.phase = phase
        self.fence = fence
        self.receipt = receipt
    }
}

/// Orders proposals for one layout version; ties between nodes are broken by id.
package struct Ballot: Sendable, Hashable, Comparable {
    package static let none = Ballot(round: 0, node: NodeID(rawValue: 0))

    package let round: UInt64
    package let node: NodeID

    package init(round: UInt64, node: NodeID) {
        self.round = round
        self.node = node
    }

    package static func < (left: Ballot, right: Ballot) -> Bool {
        (left.round, left.node) < (right.round, right.node)
    }
}

package struct AcceptedLayout: Sendable, Hashable {
    package let ballot: Ballot
    package let layout: [UInt8]

    package init(ballot: Ballot, layout: [UInt8]) {
        self.ballot = ballot
        self.layout = layout
    }
}

/// One message on a peer link.
package struct PeerEnvelope: Sendable, Hashable {
    /// Chosen by the asker; the answer repeats it.
    package let correlation: UInt64
    package let isReply: Bool
    /// The sender's layout version.
    package let version: LayoutVersion
    /// Milliseconds of the sender's monotonic clock when it was sent; 0 when the sender does not say.
    package let sentAtMilliseconds: UInt64
    /// How long, from then on, anybody waits for the answer; 0 when there is no limit.
    package let budgetMilliseconds: UInt64
    package let message: PeerMessage

    package init(
        correlation: UInt64,
        isReply: Bool,
        version: LayoutVersion,
        sentAtMilliseconds: UInt64 = 0,
        budgetMilliseconds: UInt64 = 0,
        message: PeerMessage
    ) {
        self.correlation = correlation
        self.isReply = isReply
        self.version = version
        self.sentAtMilliseconds = sentAtMilliseconds
        self.budgetMilliseconds = budgetMilliseconds
        self.message = message
    }
}

/// How late a request is when it is taken up, as the shell finds out, and how old its sender's layout.
package struct MessageTiming: Sendable, Hashable {
    package static let fresh = MessageTiming(age: .zero, budget: nil)

    /// The layout version under which it was sent; `nil` when it is the receiver's.
    package var version: LayoutVersion?

    /// Since it was sent.
    package let age: Duration
    /// How long its sender was going to wait; `nil` without a limit.
    package let budget: Duration?

    package init(age: Duration, budget: Duration?, version: LayoutVersion? = nil) {
        self.version = version
        self.age = age
        self.budget = budget
    }

    /// Nobody waits for the answer any more.
    package var isLate: Bool { self.budget.map { self.age >= $0 } ?? false }
}
