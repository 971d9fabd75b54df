import NIOCore
import QuireCore

/// A client of a Redis Cluster or a Quire cluster: sends each operation to the node of its key's slot, over one
/// connection to each node.
///
/// A SET with a WAIT is one operation: both leave in one write, and it has succeeded when SET has said OK and WAIT at
/// least as many replicas as it was asked for.
final class RESPLoadClient: MeasuredClient {
    private struct UnderWay {
        let operation: LoadOperation
        let node: Int
        let redirectionCount: Int
        var missingReplies: Int
        var redirection: SlotMap.Redirection?
        var failure: String?
    }

    private static let redirectionCountMax = 5

    var finished: (LoadOutcome) -> Void = { _ in }

    private let keys: LoadKeys
    private let requests: RESPRequests
    private let wait: Int
    private let router: SlotRouter
    private let loop: any EventLoop
    /// By the node's position in the slot map; `nil` where there is none.
    private var connections: [RESPLoadConnection?] = []
    private var request = ByteBuffer()
    private var underWay: UnderWay?
    private var turn: Int

    init(_ keys: LoadKeys, wait: Int, router: SlotRouter, loop: any EventLoop, turn: Int) {
        self.keys = keys
        self.requests = RESPRequests(keys, wait: wait)
        self.wait = wait
        self.router = router
        self.loop = loop
        self.turn = turn
    }

    func connect() -> EventLoopFuture<Void> {
        let attempts = self.router.map.nodes.indices.map { self.open($0) }
        return EventLoopFuture.andAllSucceed(attempts, on: self.loop)
    }

    func begin(_ operation: LoadOperation) {
        self.begin(operation, redirectionCount: 0)
    }

    func close() {
        self.underWay = nil
        for connection in self.connections { connection?.close() }
        self.connections = []
    }

    private func begin(_ operation: LoadOperation, redirectionCount: Int) {
        precondition(self.underWay == nil, "a client began \(operation) with another operation under way")
        let node = self.router.map.node(of: self.keys.slot(of: operation.key))
        self.underWay = UnderWay(
            operation: operation,
            node: node,
            redirectionCount: redirectionCount,
            missingReplies: operation.kind == .put && self.wait > 0 ? 2 : 1
        )
        if node < self.connections.count, let connection = self.connections[node], connection.isOpen {
            self.send(operation, connection)
            return
        }
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.open(node).whenComplete { bound.value.opened(node, $0) }
    }

    private func open(_ node: Int) -> EventLoopFuture<Void> {
        let connection = RESPLoadConnection(reader: LoadReplyReader(bulkBytesMax: max(self.keys.valueBytes, 1 << 20)))
        connection.replied = { [weak self] in self?.replied($0) }
        connection.ended = { [weak self] in self?.ended(node, $0) }
        while self.connections.count <= node { self.connections.append(nil) }
        self.connections[node] = connection
        return connection.connect(to: self.router.map.nodes[node], on: self.loop)
    }

    private func opened(_ node: Int, _ result: Result<Void, any Error>) {
        guard let underWay = self.underWay, underWay.node == node else { return }
        switch result {
        case .success:
            guard let connection = self.connections[node] else {
                preconditionFailure("a connection was made to node \(node) and is not there")
            }
            self.send(underWay.operation, connection)
        case .failure(let error):
            self.finish(.failed(FailureReason.words(error)))
        }
    }

    private func send(_ operation: LoadOperation, _ connection: RESPLoadConnection) {
        self.turn &+= 1
        self.request.clear()
        self.requests.write(operation, turn: self.turn, into: &self.request)
        connection.send(self.request)
    }

    private func replied(_ reply: LoadReply) {
        guard var underWay = self.underWay else { return }
        let isWait = underWay.missingReplies == 1 && underWay.operation.kind == .put && self.wait > 0
        switch (reply, underWay.operation.kind) {
        case (.error(let text), _):
            underWay.redirection = SlotMap.Redirection(error: text) ?? underWay.redirection
            underWay.failure = underWay.failure ?? String(text.prefix { $0 != " " })
        case (.integer(let replicas), .put) where isWait:
            if replicas < self.wait { underWay.failure = underWay.failure ?? "too few replicas" }
        case (.ok, .put) where !isWait:
            break
        case (.bulk(let bytes), .get):
            if bytes != self.keys.valueBytes { underWay.failure = "wrong size" }
        case (.null, .get):
            underWay.failure = "missing"
        case (.integer, _), (.ok, _), (.bulk, _), (.null, _):
            underWay.failure = underWay.failure ?? "unexpected reply"
        }
        underWay.missingReplies -= 1
        self.underWay = underWay
        guard underWay.missingReplies == 0 else { return }
        if let redirection = underWay.redirection, underWay.redirectionCount < Self.redirectionCountMax {
            self.router.moved(redirection, asked: underWay.node)
            self.underWay = nil
            self.begin(underWay.operation, redirectionCount: underWay.redirectionCount + 1)
        } else {
            self.finish(underWay.failure.map { .failed($0) } ?? .succeeded)
        }
    }

    private func ended(_ node: Int, _ reason: String) {
        self.connections[node] = nil
        if self.underWay?.node == node { self.finish(.failed(reason)) }
    }

    private func finish(_ outcome: LoadOutcome) {
        self.underWay = nil
        self.finished(outcome)
    }
}
