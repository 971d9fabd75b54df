import QuireCore

/// Links between nodes: one per ordered pair, for the requests of the first and the answers to them.
///
/// A message is lost only together with its link, as on a TCP connection: somebody notices the silence and both
/// cores of the asker hear `.peerLost`. An answer reaches nobody when its link has broken meanwhile; a request may
/// still arrive, even after a later one.
struct SimulatedNetwork {
    struct Pair: Hashable {
        let from: NodeID
        let to: NodeID
    }

    /// What becomes of one message.
    enum Fate {
        /// Delivered after each of these delays.
        case delivered([Duration])
        /// Kept back until its way is free again.
        case held
        /// The link breaks when somebody has noticed the silence.
        case lost(noticedAfter: Duration)
    }

    var faults: FaultMix
    /// Links that work, by their generation.
    private var links: [Pair: UInt64] = [:]
    private var generation: UInt64 = 0
    private var cut: Set<Pair> = []
    private var clogged: Set<Pair> = []

    init(faults: FaultMix) {
        self.faults = faults
    }

    func generation(from: NodeID, to: NodeID) -> UInt64? {
        self.links[Pair(from: from, to: to)]
    }

    func isCut(from: NodeID, to: NodeID) -> Bool {
        !self.cut.isEmpty && self.cut.contains(Pair(from: from, to: to))
    }

    mutating func connect(from: NodeID, to: NodeID) {
        self.generation += 1
        self.links[Pair(from: from, to: to)] = self.generation
    }

    /// - Returns: whether there was such a link.
    mutating func disconnect(from: NodeID, to: NodeID) -> Bool {
        self.links.removeValue(forKey: Pair(from: from, to: to)) != nil
    }

    /// Nothing passes from one to the other until `heal`.
    mutating func cut(from: NodeID, to: NodeID) {
        self.cut.insert(Pair(from: from, to: to))
    }

    mutating func heal() {
        self.cut = []
    }

    mutating func clog(_ pair: Pair) {
        self.clogged.insert(pair)
    }

    mutating func unclog(_ pair: Pair) {
        self.clogged.remove(pair)
    }

    func fate(from: NodeID, to: NodeID, using random: inout SeededGenerator) -> Fate {
        if self.isCut(from: from, to: to) || random.chance(self.faults.loss) {
            return .lost(noticedAfter: random.milliseconds(20...800))
        }
        if !self.clogged.isEmpty, self.clogged.contains(Pair(from: from, to: to)) { return .held }
        var delays = [self.delay(using: &random)]
        if random.chance(self.faults.duplication) {
            let isLate = random.chance(self.faults.lateDuplication)
            delays.append(
                isLate ? random.milliseconds(self.faults.latenessMilliseconds) : self.delay(using: &random)
            )
        }
        return .delivered(delays)
    }

    func delay(using random: inout SeededGenerator) -> Duration {
        if random.chance(self.faults.lateness) { return random.milliseconds(self.faults.latenessMilliseconds) }
        let most = random.chance(self.faults.slowness) ? 300_000 : 1500
        return .microseconds(Int.random(in: 100...most, using: &random))
    }
}
