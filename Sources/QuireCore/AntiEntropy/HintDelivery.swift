/// Delivers what this node holds of one partition as a stand-in to the members of the partition's row (Dynamo §4.6).
///
/// A hint belongs to the partition, not to a node: it goes to every member of the *current* write rows, so it follows
/// a row that has moved, and it is dropped only when all of them have it synced; then exactly what was delivered is
/// dropped, so that a newer put that merged into the hint meanwhile stays (SAFETY rule 8). A member is offered the
/// digests first: what it has already costs it some 40 bytes a key.
///
/// The hint store is gone through page by page. A member that cannot be reached is not tried again in this run;
/// the others are served all the same, and the hints are kept for the next run.
///
/// Transitions of a page: `reading → (offering → delivering | storing)… → dropping → reading`.
package struct HintDelivery: Sendable {
    package enum Action: Equatable, Sendable {
        case ask(NodeID, PeerMessage)
        case store(StorageCommand)
        /// The summary says what was achieved.
        case finish
    }

    package typealias Answer = MerkleExchange.Answer

    /// What a run has achieved so far.
    package struct Summary: Sendable, Equatable {
        /// Records that a member had not got and now has, once per member.
        package var deliveredRecords = 0
        /// Hints that every member has.
        package var droppedHints = 0
        /// Hints that stay because some member has not confirmed them.
        package var keptHints = 0
        /// Why each member that could not be served was not.
        package var unserved: [NodeID: String] = [:]
        /// Why this node's own storage ended the run.
        package var failure: String?

        package init() {}

        package var isComplete: Bool { self.keptHints == 0 && self.unserved.isEmpty && self.failure == nil }
    }

    private enum State {
        case reading
        case offering(NodeID)
        case delivering(NodeID, count: Int)
        case storing
        case dropping
        case over
    }

    private static let limit = PageLimit(records: 500)

    package let partition: PartitionID
    package private(set) var summary = Summary()
    private let own: NodeID
    private let digester: RecordDigester
    private var members: [NodeID]
    private var page: [KeyedRecord] = []
    private var isLastPage = false
    /// Members that have all of the page, synced.
    private var acknowledged: Set<NodeID> = []
    private var state = State.over

    /// - Parameters:
    ///   - own: This node.
    ///   - members: Of the partition's write rows now; not empty.
    ///   - digester: The cluster's.
    package init(partition: PartitionID, own: NodeID, members: [NodeID], digester: RecordDigester) {
        precondition(!members.isEmpty, "partition \(partition) has no row")
        self.partition = partition
        self.own = own
        self.members = members
        self.digester = digester
    }

    package mutating func start() -> Action {
        self.read(after: nil)
    }

    /// A layout was adopted: from now on these must have a hint before it is dropped.
    package mutating func rowChanged(to members: [NodeID]) {
        self.members = members
    }

    package mutating func answered(_ answer: Answer) -> Action {
        switch (self.state, answer) {
        case (.reading, .storage(.page(let entries, let isLast))):
            return self.pageRead(entries, isLast: isLast)
        case (.offering(let member), .peer(.lacking(let indexes))):
            return self.offered(member, lacking: indexes)
        case (.delivering(let member, let count), .peer(.acknowledged)):
            self.summary.deliveredRecords += count
            return self.acknowledged(by: member)
        case (.storing, .storage(.durable)):
            return self.acknowledged(by: self.own)
        case (.dropping, .storage(.durable)):
            self.summary.droppedHints += self.page.count
            return self.readNextPage()
        case (.offering(let member), _), (.delivering(let member, _), _):
            return self.notServed(member, Self.reason(answer))
        case (.reading, _), (.storing, _), (.dropping, _), (.over, _):
            self.summary.failure = Self.reason(answer)
            return self.end()
        }
    }

    private static func reason(_ answer: Answer) -> String {
        switch answer {
        case .unreachable(let reason): reason
        case .peer(.failed(let reason)): reason
        case .storage(.failed(let failure)): "own storage: \(failure)"
        case .peer(let message): "unexpected answer: \(String(describing: message).prefix(80))"
        case .storage(let outcome): "unexpected answer of storage: \(String(describing: outcome).prefix(80))"
        }
    }

    // MARK: One page

    private mutating func pageRead(_ entries: [KeyedRecord], isLast: Bool) -> Action {
        guard !entries.isEmpty else { return self.end() }
        self.page = entries
        self.isLastPage = isLast
        self.acknowledged = []
        return self.serveNextMember()
    }

    private mutating func serveNextMember() -> Action {
        let next = self.members.first { !self.acknowledged.contains($0) && self.summary.unserved[$0] == nil }
        guard let next else { return self.endPage() }
        guard next != self.own else {
            self.state = .storing
            return .store(.mergeBatch(.replica(self.partition), self.page))
        }
        self.state = .offering(next)
        let digests = self.page.map { entry in
            KeyDigest(
                key: entry.key,
                digest: self.digester.digest(key: entry.key, encodedRecord: entry.record.encoded())
            )
        }
        return .ask(next, .offer(self.partition, digests))
    }

    private mutating func offered(_ member: NodeID, lacking indexes: [Int]) -> Action {
        guard indexes.allSatisfy(self.page.indices.contains), Set(indexes).count == indexes.count else {
            return self.notServed(member, "it asked for hints that were not offered")
        }
        guard !indexes.isEmpty else { return self.acknowledged(by: member) }
        self.state = .delivering(member, count: indexes.count)
        return .ask(member, .deliver(self.partition, indexes.map { self.page[$0] }))
    }

    private mutating func acknowledged(by member: NodeID) -> Action {
        self.acknowledged.insert(member)
        return self.serveNextMember()
    }

    private mutating func notServed(_ member: NodeID, _ reason: String) -> Action {
        self.summary.unserved[member] = reason
        return self.serveNextMember()
    }

    /// Everyone who could be served was.
    private mutating func endPage() -> Action {
        guard self.members.allSatisfy(self.acknowledged.contains) else {
            self.summary.keptHints += self.page.count
            return self.readNextPage()
        }
        self.state = .dropping
        return .store(.dropBatch(.hints(self.partition), self.page))
    }

    private mutating func readNextPage() -> Action {
        guard !self.isLastPage, let last = self.page.last else { return self.end() }
        return self.read(after: ScanPosition(key: last.key))
    }

    private mutating func read(after position: ScanPosition?) -> Action {
        self.state = .reading
        return .store(.scan(.hints(self.partition), after: position, limit: Self.limit))
    }

    private mutating func end() -> Action {
        self.state = .over
        self.page = []
        return .finish
    }
}

/// A key and the digest of what the sender has of it.
package struct KeyDigest: Sendable, Hashable {
    package let key: Key
    package let digest: UInt128

    package init(key: Key, digest: UInt128) {
        self.key = key
        self.digest = digest
    }
}
