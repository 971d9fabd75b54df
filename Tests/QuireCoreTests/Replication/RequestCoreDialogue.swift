import QuireCore
import Testing

/// A request core at node 1 of a cluster of four: partitions have three replicas, and all peers are connected.
struct RequestCoreDialogue {
    private(set) var core: RequestCore
    let layout: Layout
    private(set) var time = Duration.zero

    init(node: NodeID = .a, layout: Layout? = nil) throws {
        self.layout = try layout ?? Layout.initial(Member.inZones([4]), partitions: 8)
        self.core = RequestCore(configuration: .init(node: node, seed: 1))
        for member in self.layout.members where member.id != node {
            _ = self.handle(.peerConnected(member.id))
        }
        _ = self.handle(.layoutAdopted(self.layout))
    }

    mutating func handle(_ event: RequestCore.Event) -> [RequestCore.Effect] {
        self.core.handle(event, now: Moment(elapsed: self.time, wallMilliseconds: 1000))
    }

    /// Lets time pass without telling the core.
    mutating func pass(_ duration: Duration) {
        self.time += duration
    }

    /// Lets time pass, and tells the core.
    mutating func wait(_ duration: Duration) -> [RequestCore.Effect] {
        self.time += duration
        return self.handle(.timePassed)
    }

    static let client = RequestCore.ClientOperationID(connection: 1, operation: 1)

    mutating func ask(_ operation: ClientOperation) -> [RequestCore.Effect] {
        self.handle(.clientAsked(Self.client, operation))
    }

    mutating func stored(_ token: UInt64, _ outcome: StorageOutcome) -> [RequestCore.Effect] {
        self.handle(.storageCompleted(StorageCompletion(token: token, outcome: outcome)))
    }

    /// A key that node 1 is a replica of, or is not.
    func key(isOwn: Bool) throws -> Key {
        let keys = (0..<100).compactMap { Key("key\($0)") }
        return try #require(keys.first { self.row(of: $0).contains(.a) == isOwn })
    }

    func row(of key: Key) -> [NodeID] {
        self.layout.readRow(of: self.layout.partitionCount.partition(of: key))
    }
}

extension [RequestCore.Effect] {
    var storeTokens: [UInt64] {
        self.compactMap { effect in
            if case .store(let token, _) = effect { return token }
            return nil
        }
    }

    /// What peers are asked, in order.
    var questions: [(node: NodeID, correlation: UInt64, message: PeerMessage)] {
        self.compactMap { effect in
            if case .askPeer(let node, let correlation, let message, _) = effect { return (node, correlation, message) }
            return nil
        }
    }

    var clientResults: [ClientResult] {
        self.compactMap { effect in
            if case .answerClient(_, let result) = effect { return result }
            return nil
        }
    }

    var mintRequest: MintRequest? {
        for case .store(_, .mint(_, let request)) in self { return request }
        return nil
    }
}
