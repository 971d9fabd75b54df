/// Which connections to which node are open, or being made.
///
/// Each node has a few places; requests take them in turn, and the first to find one empty makes the connection that
/// the others wait for.
struct ConnectionPool {
    typealias Attempt = Task<Result<QuireConnection, QuireError>, Never>

    /// What a request gets.
    enum Claim {
        case open(QuireConnection)
        /// To be awaited; `settled` is to be told of the result.
        case connecting(Attempt, Place)
    }

    struct Place: Hashable, Sendable {
        let endpoint: QuireEndpoint
        let index: Int
    }

    private enum Slot {
        case connecting(Attempt)
        case open(QuireConnection)
    }

    private let connectionsPerNode: Int
    private let connect: @Sendable (QuireEndpoint) -> Attempt
    private var slots: [Place: Slot] = [:]
    private var turn = 0

    init(connectionsPerNode: Int, connect: @escaping @Sendable (QuireEndpoint) -> Attempt) {
        self.connectionsPerNode = max(1, connectionsPerNode)
        self.connect = connect
    }

    mutating func claim(_ endpoint: QuireEndpoint) -> Claim {
        self.turn = (self.turn + 1) % self.connectionsPerNode
        let place = Place(endpoint: endpoint, index: self.turn)
        switch self.slots[place] {
        case .open(let connection)? where connection.isOpen:
            return .open(connection)
        case .connecting(let attempt)?:
            return .connecting(attempt, place)
        case .open?, nil:
            let attempt = self.connect(endpoint)
            self.slots[place] = .connecting(attempt)
            return .connecting(attempt, place)
        }
    }

    /// The first of those who waited for a connection puts it where the others find it.
    ///
    /// - Returns: `false` for a connection that was given up while it was being made: it is to be closed.
    mutating func settled(_ result: Result<QuireConnection, QuireError>, of attempt: Attempt, at place: Place) -> Bool {
        switch self.slots[place] {
        case .connecting(let current)? where current == attempt:
            if case .success(let connection) = result {
                self.slots[place] = .open(connection)
            } else {
                self.slots[place] = nil
            }
            return true
        case .open(let other)?:
            if case .success(let connection) = result { return connection === other }
            return true
        case .connecting?, nil:
            return false
        }
    }

    /// Gives up all connections to a node, or to every node.
    ///
    /// - Returns: Those that are open.
    mutating func discard(_ endpoint: QuireEndpoint? = nil) -> [QuireConnection] {
        let places = self.slots.keys.filter { endpoint == nil || $0.endpoint == endpoint }
        return places.compactMap { place in
            guard case .open(let connection)? = self.slots.removeValue(forKey: place) else { return nil }
            return connection
        }
    }
}
