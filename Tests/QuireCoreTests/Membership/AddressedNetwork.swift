import QuireCore

/// Control cores that listen at addresses: a link from one to another comes up where the other really is, and only if
/// the first looks for it there.
final class AddressedNetwork {
    private struct Pair: Hashable {
        let from: NodeID
        let to: NodeID
    }

    private struct Place {
        var core: ControlCore
        var member: Member
        var targets: [PeerTarget] = []
        var remembered: [GossipEntry] = []
        var stored: LayoutAcceptor.State
        var isUp = true
    }

    private let first: Layout
    private(set) var answers: [ControlCore.OperatorRequestID: ControlCore.OperatorResult] = [:]
    private(set) var alarms: [NodeID: [LayoutAlarm]] = [:]
    /// Why a layout must not follow another, to nodes that are started from now on; `nil` for what nodes think.
    var check: (@Sendable (Layout, Layout) -> String?)?
    private var requests: UInt64 = 0
    private(set) var now = Duration.zero
    private var places: [NodeID: Place] = [:]
    private var links: [Pair: Endpoint] = [:]
    private var cut: Set<Pair> = []
    private var incarnation = 100
    /// Every exchange that was begun: when, by whom, with whom.
    private(set) var exchanges: [(at: Duration, from: NodeID, to: NodeID)] = []

    /// - Parameter first: What members start with.
    init(_ first: Layout) {
        self.first = first
    }

    private var order: [NodeID] { self.places.keys.sorted() }

    func core(_ number: Int) -> ControlCore? { self.places[NodeID(number: number)]?.core }

    func layout(at number: Int) -> Layout? { self.core(number)?.layout }

    func isLinked(_ from: Int, _ to: Int) -> Bool {
        self.links[Pair(from: NodeID(number: from), to: NodeID(number: to))] != nil
    }

    func knows(_ number: Int, _ other: Int, at endpoint: Endpoint) -> Bool {
        self.core(number)?.knownNodes.first { $0.node == NodeID(number: other) }?.member.peer == endpoint
    }

    static func endpoint(_ port: Int) -> Endpoint { Endpoint(host: "127.0.0.1", port: port) }

    // MARK: What happens to nodes

    /// Starts a node, or starts it again with what it has stored.
    ///
    /// - Parameters:
    ///   - port: Where it listens now.
    ///   - forgets: Whether the file with the last known addresses is lost.
    ///   - state: What a node that never ran here has stored; by default that of a member.
    func start(
        _ number: Int,
        at port: Int,
        seeds: [Int] = [],
        forgets: Bool = false,
        state: LayoutAcceptor.State? = nil
    ) {
        let id = NodeID(number: number)
        self.stop(number)
        var member = Member.numbered(number)
        member.peer = Self.endpoint(port)
        self.incarnation += 1
        var configuration = ControlCore.Configuration(
            member: member,
            seed: UInt64(number),
            encode: LayoutBytes.encode,
            decode: LayoutBytes.decode
        )
        if let check = self.check { configuration.check = check }
        configuration.incarnation = self.incarnation
        configuration.seeds = seeds.map(Self.endpoint)
        let earlier = self.places[id]
        configuration.remembered = forgets ? [] : earlier?.remembered ?? []
        let stored = state ?? earlier?.stored ?? Self.state(self.first)
        self.places[id] = Place(
            core: ControlCore(configuration: configuration),
            member: member,
            remembered: configuration.remembered,
            stored: stored
        )
        self.handle(.started(stored), at: id)
    }

    static func state(_ layout: Layout) -> LayoutAcceptor.State {
        var state = LayoutAcceptor.State()
        state.decided = AcceptedLayout(ballot: .none, layout: LayoutBytes.encode(layout))
        state.decidedVersion = layout.version
        state.voting = layout.version.next
        return state
    }

    func stop(_ number: Int) {
        let id = NodeID(number: number)
        guard self.places[id]?.isUp == true else { return }
        self.places[id]?.isUp = false
        for pair in self.links.keys.filter({ $0.from == id || $0.to == id }).sorted(by: { $0.from < $1.from }) {
            self.unlink(pair)
        }
    }

    /// Nothing passes between the two groups any more.
    func cut(_ left: [Int], _ right: [Int]) {
        for one in left {
            for other in right {
                let pair = Pair(from: NodeID(number: one), to: NodeID(number: other))
                let back = Pair(from: pair.to, to: pair.from)
                self.cut.formUnion([pair, back])
                [pair, back].forEach(self.unlink)
            }
        }
    }

    func heal() { self.cut = [] }

    func handle(_ event: ControlCore.Event, at number: Int) {
        self.handle(event, at: NodeID(number: number))
    }

    /// - Returns: what `answers` will have the result under.
    func ask(_ number: Int, _ request: ControlCore.OperatorRequest) -> ControlCore.OperatorRequestID {
        self.requests += 1
        let id = ControlCore.OperatorRequestID(rawValue: self.requests)
        self.handle(.operatorAsked(id, request), at: number)
        return id
    }

    // MARK: Time

    func run(for duration: Duration) {
        let end = self.now + duration
        while self.now < end {
            self.now += .milliseconds(100)
            for id in self.order where self.places[id]?.isUp == true {
                self.makeLinks(of: id)
                self.handle(.timePassed, at: id)
            }
        }
    }

    private func makeLinks(of id: NodeID) {
        for target in self.places[id]?.targets ?? [] {
            let pair = Pair(from: id, to: target.id)
            guard self.links[pair] == nil, !self.cut.contains(pair), let other = self.places[target.id], other.isUp,
                target.endpoints.contains(other.member.peer)
            else { continue }
            self.links[pair] = other.member.peer
            self.handle(.peerConnected(target.id), at: id)
        }
    }

    private func unlink(_ pair: Pair) {
        guard self.links.removeValue(forKey: pair) != nil, self.places[pair.from]?.isUp == true else { return }
        self.handle(.peerLost(pair.to), at: pair.from)
    }

    // MARK: Effects

    private func handle(_ event: ControlCore.Event, at id: NodeID) {
        let effects = self.places[id]?.core.handle(event, now: self.now) ?? []
        for effect in effects { self.perform(effect, at: id) }
    }

    private func perform(_ effect: ControlCore.Effect, at id: NodeID) {
        switch effect {
        case .store(let token, let state):
            self.places[id]?.stored = state
            self.handle(.stored(token: token), at: id)
        case .confirmAdoption(let version):
            self.handle(.adoptionConfirmed(version), at: id)
        case .askPeer(let peer, let correlation, let message):
            self.ask(peer, correlation, message, from: id)
        case .answerPeer(let request, let message):
            let asker = NodeID(rawValue: request.link)
            let event = ControlCore.Event.peerAnswered(id, correlation: request.correlation, .control(message))
            if self.places[asker]?.isUp == true { self.handle(event, at: asker) }
        case .link(let targets):
            self.places[id]?.targets = targets
        case .remember(let entries):
            self.places[id]?.remembered = entries
        case .identify(let endpoint):
            self.identify(endpoint, for: id)
        case .answerOperator(let request, let result):
            self.answers[request] = result
        case .raise(let alarm):
            self.alarms[id, default: []].append(alarm)
        case .adopt, .fill, .takeOver, .stop, .keepOnly, .countHints:
            break
        }
    }

    private func ask(_ peer: NodeID, _ correlation: UInt64, _ message: ControlMessage, from id: NodeID) {
        guard self.links[Pair(from: id, to: peer)] != nil else { return }
        if case .gossipDigests = message { self.exchanges.append((self.now, id, peer)) }
        let request = RequestCore.PeerRequestID(link: id.rawValue, correlation: correlation)
        self.handle(.peerAsked(request, message), at: peer)
    }

    private func identify(_ endpoint: Endpoint, for id: NodeID) {
        let found = self.places.values.first { $0.isUp && $0.member.peer == endpoint }
        guard let found, !self.cut.contains(Pair(from: id, to: found.member.id)) else {
            return self.handle(.seedSilent(endpoint), at: id)
        }
        guard found.member.id != id else { return self.handle(.seedRefused(endpoint), at: id) }
        self.handle(
            .seedIdentified(endpoint, found.member, clusterID: found.core.layout?.clusterID),
            at: id
        )
    }
}
