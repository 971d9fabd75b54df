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

    let member: Member
    /// What the node's wall clock is ahead of true time; may be negative.
    let skewMilliseconds: Int
    /// Counts starts and crashes: what was meant for an earlier life is dropped.
    private(set) var life: UInt64 = 0
    private(set) var isUp = false
    var request: RequestCore
    var control: ControlCore
    var storage: SimulatedStorage
    /// The acceptor's state as it is on disk.
    var stored = LayoutAcceptor.State()
    var asks: [UInt64: Ask] = [:]
    var tasks: [UInt64: MoveTask] = [:]
    var seals: [UInt64: SimulatedImage] = [:]
    /// When the disk will have taken the last state of the acceptor: they are written one after the other.
    var stateSavedAt = Duration.zero
    /// Layouts come from here.
    private let catalogue: LayoutCatalogue

    init(
        member: Member,
        skewMilliseconds: Int,
        catalogue: LayoutCatalogue,
        mutation: Mutation?,
        random: inout SeededGenerator
    ) {
        self.member = member
        self.skewMilliseconds = skewMilliseconds
        self.catalogue = catalogue
        self.storage = SimulatedStorage(seed: random.next(), mutation: mutation)
        self.request = RequestCore(configuration: .init(node: member.id, seed: 0))
        self.control = Self.makeControl(member, seed: 0, catalogue)
    }

    var id: NodeID { self.member.id }

    var isSyncing = false

    private static func makeControl(_ member: Member, seed: UInt64, _ catalogue: LayoutCatalogue) -> ControlCore {
        ControlCore(
            configuration: .init(
                member: member,
                seed: seed,
                encode: { catalogue.encode($0) },
                decode: { catalogue.decode($0) }
            )
        )
    }

    func started(using random: inout SeededGenerator) {
        self.life += 1
        self.isUp = true
        self.request = RequestCore(configuration: .init(node: self.id, seed: random.next()))
        self.control = Self.makeControl(self.member, seed: random.next(), self.catalogue)
    }

    /// Only what is on disk is left.
    func crashed() {
        self.life += 1
        self.isUp = false
        self.storage.crashed()
        self.asks = [:]
        self.tasks = [:]
        self.seals = [:]
        self.isSyncing = false
        self.stateSavedAt = .zero
    }

    func moment(at now: Duration) -> Moment {
        let wall = 1_700_000_000_000 + Int(now.microseconds / 1000) + self.skewMilliseconds
        return Moment(elapsed: now, wallMilliseconds: UInt64(wall))
    }

    /// Whom this node keeps links to: the members, and those who are staged to join.
    var wantedPeers: [NodeID] {
        guard let layout = self.control.layout else { return [] }
        let staged = layout.staged.compactMap { change -> NodeID? in
            if case .join(let member) = change { return member.id }
            return nil
        }
        return Set(layout.members.map(\.id) + staged).subtracting([self.id]).sorted()
    }
}

/// A filling or covering that a node is busy with.
struct MoveTask {
    enum Purpose {
        case fill
        case takeOver
        /// After the run, to bring all replicas of a row to the same records.
        case equalise
    }

    enum Machine {
        case transfer(PartitionTransfer)
        case cover(ReplicaCover)
    }

    enum Answer {
        case peer(PeerMessage)
        case storage(StorageOutcome)
        case done
        case failed(String)
    }

    let partition: PartitionID
    let purpose: Purpose
    var machine: Machine
    var image: [UInt8] = []
}
