import NIOCore
import QuireCore

/// The slot map of the clients of one event loop, and its renewal when a node says that a slot has moved.
final class SlotRouter {
    private(set) var map: SlotMap
    private let loop: any EventLoop
    private let fetch: @Sendable () async throws -> SlotMap
    private var isRefreshing = false

    init(_ map: SlotMap, loop: any EventLoop, fetch: @escaping @Sendable () async throws -> SlotMap) {
        self.map = map
        self.loop = loop
        self.fetch = fetch
    }

    /// Believes the one redirection at once, and asks for the whole map.
    func moved(_ redirection: SlotMap.Redirection, asked node: Int) {
        self.map.moved(redirection, asked: self.map.nodes[node])
        guard !self.isRefreshing else { return }
        self.isRefreshing = true
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.loop.makeFutureWithTask(self.fetch).whenComplete { bound.value.refreshed($0) }
    }

    private func refreshed(_ result: Result<SlotMap, any Error>) {
        self.isRefreshing = false
        // Without an answer the redirections that have come still hold, and the next one asks again.
        if case .success(let newer) = result { self.map.refresh(from: newer) }
    }
}
