/// The control path of a node, without I/O: votes on layouts and proposes them, spreads them by gossip, and
/// drives partitions from one row to another (DESIGN §6; SAFETY rules 10-15).
///
/// Whatever must survive a crash is stored before anything that follows from it leaves: see `emitStored`.
package struct ControlCore: Sendable {
    package struct Configuration: Sendable {
        package var member: Member
        package var seed: UInt64
        /// Greater than in any earlier start of this node.
        package var incarnation = 1
        /// Where other nodes may be found when their own addresses are not known.
        package var seeds: [Endpoint] = []
        /// What the node knew of the others when it stopped.
        package var remembered: [GossipEntry] = []
        /// The layout as bytes, deterministic, and back; `nil` for bytes that are not a valid layout.
        package var encode: @Sendable (Layout) -> [UInt8]
        package var decode: @Sendable ([UInt8]) -> Layout?
        /// Why a layout must not follow another, by an independent checker; gates acceptance, never adoption
        /// (SAFETY rule 14).
        package var check: @Sendable (_ before: Layout, _ after: Layout) -> String? = { before, after in
            PlanChecker.objection(before: before, after: after).map { "\($0)" }
        }
        package var gossipInterval: Duration = .seconds(1)
        package var retryInterval: Duration = .milliseconds(300)
        /// How long an operator waits for members that do not answer.
        package var operatorTimeout: Duration = .seconds(10)
        /// How long a finished change can be taken back.
        package var undoWindow = Duration.seconds(24 * 3600)
        /// At most so often a step of a change is decided.
        package var stepPause = Duration.milliseconds(200)
        /// The same while partitions are copied: more of them are on their way to the same step then, and each decision
        /// costs every node some of the time in which it could copy.
        package var stepPauseWhileFilling = Duration.seconds(1)

        package init(
            member: Member,
            seed: UInt64,
            encode: @escaping @Sendable (Layout) -> [UInt8],
            decode: @escaping @Sendable ([UInt8]) -> Layout?
        ) {
            self.member = member
            self.seed = seed
            self.encode = encode
            self.decode = decode
        }
    }

    package enum Event: Sendable {
        /// What was stored before this start; the first event.
        case started(LayoutAcceptor.State)
        case peerAsked(RequestCore.PeerRequestID, ControlMessage)
        case peerAnswered(NodeID, correlation: UInt64, PeerMessage)
        /// The request was lost with its link, or not answered in time.
        case peerSilent(NodeID, correlation: UInt64)
        case peerConnected(NodeID)
        case peerLost(NodeID)
        /// The state of this token is on disk.
        case stored(token: UInt64)
        /// Every request core counts by this version.
        case adoptionConfirmed(LayoutVersion)
        /// The data path was told of this version by a peer.
        case layoutSeen(LayoutVersion)
        case operatorAsked(OperatorRequestID, OperatorRequest)
        /// The work of this session has ended well.
        case covered(session: UInt64, PartitionMove.Receipt)
        case coverFailed(session: UInt64, reason: String)
        /// This node answers at the address of a seed, and has proven to be who it is.
        case seedIdentified(Endpoint, Member, clusterID: String?)
        /// Nobody does.
        case seedSilent(Endpoint)
        /// One does who is this node itself, of another cluster, or without its key.
        case seedRefused(Endpoint)
        /// What this node wants to be known of it.
        case figuresMeasured(GossipFigures)
        /// How many keys this node holds as a stand-in; `Int.max` when it cannot be found out now.
        case hintsCounted(Int)
        case timePassed
    }

    package enum Effect: Equatable, Sendable {
        /// Sync this state, then report `.stored(token:)`.
        case store(token: UInt64, LayoutAcceptor.State)
        case answerPeer(RequestCore.PeerRequestID, ControlMessage)
        case askPeer(NodeID, correlation: UInt64, ControlMessage)
        /// Hand this layout to every request core and keep links to its members.
        case adopt(Layout)
        /// Report `.adoptionConfirmed` when every request core counts by this version.
        case confirmAdoption(LayoutVersion)
        /// Fill a partition from its fenced replicas, then report `.covered`.
        case fill(CoverOrder)
        /// Take over what these nodes may still hold alone, then report `.covered`.
        case takeOver(CoverOrder)
        /// End these sessions: whatever they bring counts no more. What they have copied may be of use to later ones.
        case stop([CoverOrder])
        /// Count the keys that this node holds as a stand-in, then report `.hintsCounted`.
        case countHints
        /// Move files of all other partitions to `retired/`.
        case keepOnly([PartitionID])
        case answerOperator(OperatorRequestID, OperatorResult)
        /// Keep links to exactly these nodes; comes whenever they or their addresses change.
        case link([PeerTarget])
        /// Ask who is there, then report `.seedIdentified`, `.seedSilent` or `.seedRefused`.
        case identify(Endpoint)
        /// Give these to the next start as `remembered`; no harm is done if they are lost.
        case remember([GossipEntry])
        /// Tell people.
        case raise(LayoutAlarm)
    }

    /// One attempt of this node to cover others.
    package struct CoverOrder: Equatable, Sendable {
        package let partition: PartitionID
        /// Names the attempt; never used twice in one start of the node.
        package let session: UInt64
        /// Whom to cover, the one to copy from first; empty when all are lost.
        package let sources: [NodeID]
        /// A retired file of the partition may serve as a base when it is not from before this version.
        package let reviveSince: LayoutVersion

        package init(partition: PartitionID, session: UInt64, sources: [NodeID], reviveSince: LayoutVersion) {
            self.partition = partition
            self.session = session
            self.sources = sources
            self.reviveSince = reviveSince
        }
    }

    package struct OperatorRequestID: Hashable, Sendable {
        package let rawValue: UInt64

        package init(rawValue: UInt64) {
            self.rawValue = rawValue
        }
    }

    package enum OperatorRequest: Sendable, Hashable {
        case initialise(clusterID: String, members: [Member], PartitionCount, QuorumSettings)
        case stage(StagedChange)
        case clearStaged
        case commit(planID: String)
        case pause
        case resume
        case abort
        case undo
        /// Deletes what `undo` would need.
        case closeUndo
        case setLimits(TransferLimits)
        /// A leaving member does not come back.
        case declareLost(NodeID)
        /// Begins a new life of the layout log after the loss of a majority of the voters: see `LogRecovery`.
        case recover(lost: [NodeID], lineageID: String)
    }

    package enum OperatorResult: Sendable, Hashable {
        case done(Layout)
        /// Nothing was changed.
        case refused(OperatorRefusal)
        /// Too few voters answered in time; the step may still be decided when they do. Of `voters` it takes
        /// `needed`; both are 0 when other steps kept being decided first.
        case unreachable(missing: [NodeID], needed: Int, voters: Int)
    }

    package enum OperatorRefusal: Error, Sendable, Hashable {
        case alreadyInitialised(clusterID: String)
        case notInitialised
        case plan(PlanRefusal)
        case change(ChangeRefusal)
        case planChanged(asked: String, current: String)
        /// Someone else's step was decided first.
        case overtaken(LayoutVersion)
        /// The checker of this node, or so many others' that no quorum is left (SAFETY rule 14).
        case objected(by: [NodeID], reason: String)
        case recovery(RecoveryRefusal)
    }

    let configuration: Configuration
    var acceptor: LayoutAcceptor
    package internal(set) var layout: Layout?
    package internal(set) var connected: Set<NodeID> = []
    var generator: SeededGenerator
    var nextID: UInt64 = 1
    var now = Duration.zero

    // Storing.
    var afterStore: [UInt64: [Effect]] = [:]
    var votesAfterStore: [UInt64: ControlMessage] = [:]

    // Proposing.
    var decision: LayoutDecision?
    var wishes: [Wish] = []
    var round: UInt64 = 1
    var retryAt = Duration.zero
    var asked: [UInt64: Asked] = [:]
    var recovery: RunningRecovery?
    /// Nodes whose layout was refused: of another life of the log.
    var foreigners: Set<NodeID> = []
    var lastDecoded: (bytes: [UInt8], layout: Layout)?
    /// What people should have looked at since the start.
    package internal(set) var alarms = LayoutAlarms()

    // Gossip.
    var gossipState: GossipState
    var seedBook: SeedBook
    var peerWatch = PeerWatch()
    var gossipAt = Duration.zero
    var gossipRound = 0
    var targets: [PeerTarget] = []

    // Fences.
    var fenceWaiters: [(version: LayoutVersion, request: RequestCore.PeerRequestID)] = []
    var adoptedVersion = LayoutVersion.none
    var fences = FenceBook()

    // Moves.
    package internal(set) var moves = MoveProgress()
    /// Who waits for our receipts and the number of our hints.
    var receiptWaiters: [RequestCore.PeerRequestID] = []
    var isCountingOwnHints = false
    /// When the last step of the change was proposed: steps of several partitions are decided together.
    var stepAt = Duration.seconds(-1)
    /// When this node learned that the last change has finished.
    var finishedAt = Duration.zero

    package init(configuration: Configuration) {
        self.configuration = configuration
        self.generator = SeededGenerator(seed: configuration.seed)
        self.gossipState = GossipState(member: configuration.member, incarnation: configuration.incarnation)
        self.seedBook = SeedBook(configuration.seeds.filter { $0 != configuration.member.peer })
        self.acceptor = LayoutAcceptor(state: LayoutAcceptor.State(), isStranger: true)
    }

    package var node: NodeID { self.configuration.member.id }

    package mutating func handle(_ event: Event, now: Duration) -> [Effect] {
        self.now = now
        var effects: [Effect] = []
        switch event {
        case .started(let state):
            self.started(state, into: &effects)
        case .peerAsked(let request, let message):
            self.peerAsked(request, message, into: &effects)
        case .peerAnswered(let node, let correlation, let message):
            self.peerAnswered(node, correlation, message, into: &effects)
        case .peerSilent(_, let correlation):
            self.asked[correlation] = nil
        case .peerConnected(let node):
            self.connected.insert(node)
            self.peerWatch.connected(node, at: now)
            self.fences.connected(node)
            self.gossip(with: node, into: &effects)
        case .peerLost(let node):
            self.connected.remove(node)
            self.peerWatch.lost(node, at: now)
            self.fences.lost(node, at: now)
        case .stored(let token):
            self.stateStored(token, into: &effects)
        case .adoptionConfirmed(let version):
            self.adoptionConfirmed(version, into: &effects)
        case .layoutSeen(let version):
            self.layoutSeen(version, into: &effects)
        case .operatorAsked(let id, let request):
            self.operatorAsked(id, request, into: &effects)
        case .covered(let session, let receipt):
            self.moves.covered(session, receipt)
        case .hintsCounted(let count):
            self.hintsCounted(count, into: &effects)
        case .coverFailed(let session, let reason):
            self.moves.failed(session, reason: reason, retryAt: now + .seconds(1))
        case .seedIdentified(let endpoint, let member, let clusterID):
            self.seedIdentified(endpoint, member, clusterID, into: &effects)
        case .seedSilent(let endpoint):
            self.seedAnswered(endpoint, .silence, into: &effects)
        case .seedRefused(let endpoint):
            self.seedAnswered(endpoint, .refusal, into: &effects)
        case .figuresMeasured(let figures):
            self.gossipState.figuresMeasured(figures)
        case .timePassed:
            self.timePassed(into: &effects)
        }
        self.driveMoves(into: &effects)
        return effects
    }

    private mutating func started(_ state: LayoutAcceptor.State, into effects: inout [Effect]) {
        let layout = state.decided.flatMap { self.decoded($0.layout) }
        precondition(state.decided == nil || layout != nil, "the stored layout does not decode")
        let isMember = layout?.member(self.node) != nil
        self.peerWatch.started(at: self.now)
        self.fences.started(at: self.now)
        self.acceptor = LayoutAcceptor(state: state, isStranger: !isMember)
        // Ballots of an earlier life are not used again.
        self.round = state.promised.round + 1
        // What a stranger has stored is a void invitation, or the layout in which it had left.
        if let layout, isMember {
            self.gossipState.expect(Set(layout.members.map(\.id)))
            _ = self.gossipState.told(self.configuration.remembered)
            self.install(layout, into: &effects)
        }
    }

    private mutating func timePassed(into effects: inout [Effect]) {
        if self.now >= self.gossipAt {
            self.gossipAt = self.now + self.configuration.gossipInterval
            self.gossipWithSomeone(into: &effects)
        }
        self.askSeeds(into: &effects)
        self.expireWishes(into: &effects)
        if self.now >= self.retryAt {
            self.retryAt = self.now + self.configuration.retryInterval
            self.pushDecision(into: &effects)
            self.askForFences(into: &effects)
            self.driveRecovery(asks: true, into: &effects)
            self.collectReceipts(into: &effects)
        }
    }

    // MARK: Storing before speaking

    /// Stores the acceptor's state and lets `after` out once it is on disk.
    mutating func emitStored(_ after: [Effect], vote: ControlMessage? = nil, into effects: inout [Effect]) {
        let token = self.takeID()
        self.afterStore[token] = after
        self.votesAfterStore[token] = vote
        effects.append(.store(token: token, self.acceptor.state))
    }

    private mutating func stateStored(_ token: UInt64, into effects: inout [Effect]) {
        effects += self.afterStore.removeValue(forKey: token) ?? []
        if let vote = self.votesAfterStore.removeValue(forKey: token) {
            self.voteArrived(from: self.node, vote, into: &effects)
        }
    }

    mutating func takeID() -> UInt64 {
        defer { self.nextID += 1 }
        return self.nextID
    }

    // MARK: Adopting

    /// A layout was decided; ignored unless it is newer than what this node has, and of its life of the log.
    ///
    /// Versions may be skipped: a layout is complete.
    mutating func learn(_ bytes: [UInt8], then after: [Effect] = [], into effects: inout [Effect]) {
        guard let layout = self.decoded(bytes), self.mayAdopt(layout, into: &effects) else {
            // Not adopted, but whoever waits for an answer gets it.
            effects += after
            return
        }
        let wasAccepted = self.acceptor.state.accepted?.layout == bytes
        let isMember = layout.member(self.node) != nil
        guard self.acceptor.learned(layout.version, bytes, isMember: isMember) else {
            effects += after
            return
        }
        if !wasAccepted { self.objectAfterwards(to: layout, into: &effects) }
        if let decision = self.decision, decision.version <= layout.version {
            self.decision = nil
        }
        var adopting: [Effect] = []
        self.install(layout, into: &adopting)
        self.emitStored(adopting + after, into: &effects)
    }

    private mutating func install(_ layout: Layout, into effects: inout [Effect]) {
        let former = self.layout
        self.layout = layout
        if layout.change?.state == .finished, former?.change?.state != .finished { self.finishedAt = self.now }
        let stopped = self.moves.adopted(layout, at: self.node)
        self.gossipState.layoutAdopted(layout.version)
        self.aimLinks(into: &effects)
        if !stopped.isEmpty { effects.append(.stop(stopped)) }
        effects.append(.adopt(layout))
        effects.append(.confirmAdoption(layout.version))
        let isHeld = { (partition: PartitionID) in layout.holders(of: partition).contains(self.node) }
        effects.append(.keepOnly(layout.partitionCount.partitions.filter(isHeld)))
    }
}
