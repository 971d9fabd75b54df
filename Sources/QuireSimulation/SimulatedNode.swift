import QuireCore

/// One node: both real cores, the model of its storage, and what its shell would remember.
final class SimulatedNode {
    /// On whose behalf a peer was asked.
    enum Origin {
        case request(UInt64)
        case control(UInt64)
        case task(UInt64)
    }

    struct Ask {
        let to: NodeID
        let origin: Origin
    }

    struct Proposal: Hashable {
        let version: LayoutVersion
        let isVote: Bool
    }

    let member: Member
    var clock: SimulatedClock
    /// Counts starts and crashes: what was meant for an earlier life is dropped.
    private(set) var life: UInt64 = 0
    private(set) var isUp = false
    var request: RequestCore
    var control: ControlCore
    var storage: SimulatedStorage
    /// The layout by which the data path lives: the control core's, once that was stored.
    var layout: Layout?
    /// The newest layout of all its lives.
    var lastVersion: LayoutVersion?
    /// The acceptor's state as it is on disk.
    var stored = LayoutAcceptor.State()
    var asks: [UInt64: Ask] = [:]
    /// What this node asked for in this life, as a proposer of layouts.
    var proposed: Set<Proposal> = []
    /// Requests of peers that were refused in this life.
    var refused: Set<UInt64> = []
    /// Requests of peers that came in this life.
    var seen: Set<UInt64> = []
    var tasks: [UInt64: NodeTask] = [:]
    /// What tombstones must wait for: how often old values may have come in this life.
    var disturbances: [PartitionID: UInt64] = [:]
    /// When tombstones are looked for next.
    var collectsAt = Duration.zero
    var schedule: BackgroundSchedule
    var seals: [UInt64: SimulatedImage] = [:]
    /// When the disk will have taken the last state of the acceptor: they are written one after the other.
    var stateSavedAt = Duration.zero
    var isSyncing = false
    var isDiskSlow = false
    /// What happens to the node while it does not run.
    var isPaused = false
    var backlog: [SimulatedCluster.Event] = []
    /// Layouts come from here.
    private let catalogue: LayoutCatalogue
    private let tombstones: TombstoneRules?

    init(
        member: Member,
        clock: SimulatedClock,
        storage: SimulatedStorage,
        catalogue: LayoutCatalogue,
        tombstones: TombstoneRules?
    ) {
        self.member = member
        self.clock = clock
        self.catalogue = catalogue
        self.storage = storage
        self.tombstones = tombstones
        self.request = Self.makeRequests(member, seed: 0, tombstones)
        self.control = Self.makeControl(member, seed: 0, incarnation: 0, catalogue)
        self.schedule = BackgroundSchedule(node: member.id, configuration: Self.background)
    }

    /// Cycles of the product, shortened so that a run of some seconds has several.
    private static let background = BackgroundSchedule.Configuration(
        repairCycle: .seconds(3),
        retry: .milliseconds(300),
        hintPause: .milliseconds(300),
        hintPauseMax: .seconds(2)
    )

    var id: NodeID { self.member.id }
    var isRunning: Bool { self.isUp && !self.isPaused }

    /// Where tombstones are collected, everything ends sooner, so that a run of some seconds collects several times.
    private static func makeRequests(_ member: Member, seed: UInt64, _ rules: TombstoneRules?) -> RequestCore {
        var configuration = RequestCore.Configuration(node: member.id, seed: seed)
        if let rules {
            configuration.operationTimeout = rules.operationTimeout
            configuration.stragglerTimeout = rules.operationTimeout / 4
            configuration.patience = rules.operationTimeout / 4
            configuration.messageLifetime = rules.messageLifetime
        }
        return RequestCore(configuration: configuration)
    }

    private static func makeControl(
        _ member: Member,
        seed: UInt64,
        incarnation: UInt64,
        _ catalogue: LayoutCatalogue
    ) -> ControlCore {
        var configuration = ControlCore.Configuration(
            member: member,
            seed: seed,
            encode: { catalogue.encode($0) },
            decode: { catalogue.decode($0, at: member.id) }
        )
        configuration.incarnation = Int(incarnation)
        configuration.undoWindow = .seconds(2)
        // Copies take no time here.
        configuration.stepPauseWhileFilling = configuration.stepPause
        return ControlCore(configuration: configuration)
    }

    func started(using random: inout SeededGenerator) {
        self.life += 1
        self.isUp = true
        self.layout = nil
        self.schedule = BackgroundSchedule(node: self.id, configuration: Self.background)
        self.request = Self.makeRequests(self.member, seed: random.next(), self.tombstones)
        self.disturbances = [:]
        self.collectsAt = .zero
        self.control = Self.makeControl(
            self.member,
            seed: random.next(),
            incarnation: self.life,
            self.catalogue
        )
    }

    /// Only what is on disk is left.
    func crashed() {
        self.life += 1
        self.isUp = false
        self.storage.crashed()
        self.asks = [:]
        self.proposed = []
        self.refused = []
        self.seen = []
        self.tasks = [:]
        self.seals = [:]
        self.isSyncing = false
        self.stateSavedAt = .zero
        self.isPaused = false
        self.backlog = []
    }

    func moment(at now: Duration) -> Moment {
        Moment(elapsed: now, wallMilliseconds: self.clock.wallMilliseconds(at: now))
    }

    /// Whom this node keeps links to: the members, and those who are staged to join.
    var wantedPeers: [NodeID] {
        guard let layout = self.control.layout else { return [] }
        var wanted = layout.members.map(\.id)
        for member in layout.staged.compactMap(\.joiner) where !wanted.contains(member.id) {
            wanted.append(member.id)
        }
        return wanted.filter { $0 != self.id }
    }
}

/// A wall clock that is wrong, runs wrong, and is set wrong.
struct SimulatedClock {
    /// What it is ahead of true time; may be negative.
    var offsetMilliseconds: Int
    /// By which part it is too fast; may be negative.
    let drift: Double

    func wallMilliseconds(at now: Duration) -> UInt64 {
        let elapsed = Double(now.microseconds) / 1000 * (1 + self.drift)
        return UInt64(1_700_000_000_000 + Int(elapsed) + self.offsetMilliseconds)
    }
}

/// Something that a node is busy with in the background.
struct NodeTask {
    enum Asker: Equatable {
        case peer(RequestCore.PeerRequestID)
        case task(UInt64)
    }

    enum Purpose: Equatable {
        /// Each in a session of the control core.
        case fill(UInt64)
        case takeOver(UInt64)
        /// A replica that was damaged or lost is brought back, as it should be under this version.
        case refetch(LayoutVersion)
        case repair(BackgroundSchedule.Pair)
        case deliverHints
        /// Tombstones are to go.
        case collect
        /// Somebody asked whether tombstones may go.
        case witness(Asker)

        var isRefetch: Bool {
            if case .refetch = self { return true }
            return false
        }

        var session: UInt64? {
            switch self {
            case .fill(let session), .takeOver(let session): session
            case .refetch, .repair, .deliverHints, .collect, .witness: nil
            }
        }

        /// It reads records here, and stores or sends them later.
        var keepsRecords: Bool {
            switch self {
            case .fill, .takeOver, .refetch, .repair, .deliverHints: true
            case .collect, .witness: false
            }
        }
    }

    enum Machine {
        case transfer(PartitionTransfer)
        case cover(ReplicaCover)
        case exchange(MerkleExchange)
        case hints(HintDelivery)
        case collection(TombstoneCollection)
        case witness(TombstoneWitness)
    }

    enum Answer {
        case peer(PeerMessage)
        case storage(StorageOutcome)
        case done
        /// Whether a retired file came back.
        case revived(Bool)
        case prepared(heldBytes: Int)
        /// It is as late as was waited for.
        case timePassed(Duration)
        case failed(String)
    }

    let partition: PartitionID
    let purpose: Purpose
    var machine: Machine
    var pull: SimulatedPull?
}
