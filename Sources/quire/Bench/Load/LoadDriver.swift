import DequeModule
import NIOCore

/// The clients of one event loop and what they do next.
///
/// Closed loop: a client begins its next operation when it has finished one. Open loop: operations arrive by the
/// schedule; each goes to the client that has been free longest, or waits in line for the first that becomes free, and
/// its latency counts from its arrival.
///
/// Ends when the source or the time has run out and everything is answered, at the latest `patience` after the time.
final class LoadDriver {
    private struct Arrival {
        let operation: LoadOperation
        let at: NIODeadline
    }

    /// For answers that come after the end.
    private static let patience = TimeAmount.seconds(10)
    /// Of a client whose operation has failed, so that a server that refuses is not hammered.
    private static let pauseAfterFailure = TimeAmount.milliseconds(20)

    private let loop: any EventLoop
    private let clients: [any MeasuredClient]
    private let duration: TimeAmount?
    private var source: LoadSource
    private var schedule: ArrivalSchedule?

    private var started = NIODeadline.uptimeNanoseconds(0)
    private var underWay: [Arrival?]
    private var idle: Deque<Int>
    private var waiting: Deque<Arrival> = []
    private var arriving: Arrival?
    private var hasMore = true
    private var tally = LoadTally()
    private var result: EventLoopPromise<LoadTally>?

    /// - Parameters:
    ///   - duration: `nil`: until the source has run out.
    ///   - schedule: `nil` for a closed loop.
    init(
        loop: any EventLoop,
        clients: [any MeasuredClient],
        source: LoadSource,
        duration: TimeAmount?,
        schedule: ArrivalSchedule?
    ) {
        self.loop = loop
        self.clients = clients
        self.source = source
        self.duration = duration
        self.schedule = schedule
        self.underWay = [Arrival?](repeating: nil, count: clients.count)
        self.idle = Deque(clients.indices)
        for index in clients.indices {
            clients[index].finished = { [weak self] in self?.finished(index, $0) }
        }
    }

    func connect() -> EventLoopFuture<Void> {
        EventLoopFuture.andAllSucceed(self.clients.map { $0.connect() }, on: self.loop)
    }

    func run() -> EventLoopFuture<LoadTally> {
        let result = self.loop.makePromise(of: LoadTally.self)
        self.result = result
        self.started = self.loop.now
        if let duration = self.duration {
            let bound = NIOLoopBound(self, eventLoop: self.loop)
            self.loop.scheduleTask(in: duration + Self.patience) { bound.value.end() }
        }
        if self.schedule != nil {
            self.planArrival()
            self.arrivalsDue()
        } else {
            self.idle = []
            for index in self.clients.indices { self.becameFree(index, now: self.started) }
        }
        self.endIfDone()
        return result.futureResult
    }

    // MARK: Arrivals

    private func planArrival() {
        guard let offset = self.schedule?.next(), let operation = self.source.next() else {
            self.arriving = nil
            self.hasMore = false
            return
        }
        let isInTime = self.duration.map { offset < $0.nanoseconds } ?? true
        self.arriving = isInTime ? Arrival(operation: operation, at: self.started + .nanoseconds(offset)) : nil
        self.hasMore = isInTime
    }

    private func arrivalsDue() {
        guard self.result != nil else { return }
        let now = self.loop.now
        while let arrival = self.arriving, arrival.at <= now {
            if let index = self.idle.popFirst() {
                self.begin(index, arrival)
            } else {
                self.waiting.append(arrival)
            }
            self.planArrival()
        }
        if let next = self.arriving {
            let bound = NIOLoopBound(self, eventLoop: self.loop)
            self.loop.scheduleTask(deadline: next.at) { bound.value.arrivalsDue() }
        } else {
            self.endIfDone()
        }
    }

    // MARK: Clients

    private func begin(_ index: Int, _ arrival: Arrival) {
        self.underWay[index] = arrival
        self.clients[index].begin(arrival.operation)
    }

    private func finished(_ index: Int, _ outcome: LoadOutcome) {
        guard self.result != nil, let arrival = self.underWay[index] else { return }
        let now = self.loop.now
        self.underWay[index] = nil
        self.tally.ended(arrival.operation.kind, outcome, nanoseconds: (now - arrival.at).nanoseconds)
        switch outcome {
        case .succeeded:
            self.becameFree(index, now: now)
        case .failed:
            let bound = NIOLoopBound(self, eventLoop: self.loop)
            self.loop.scheduleTask(in: Self.pauseAfterFailure) {
                bound.value.becameFree(index, now: bound.value.loop.now)
            }
        }
        self.endIfDone()
    }

    private func becameFree(_ index: Int, now: NIODeadline) {
        guard self.result != nil else { return }
        if self.schedule != nil {
            if let arrival = self.waiting.popFirst() {
                self.begin(index, arrival)
            } else {
                self.idle.append(index)
            }
            return
        }
        let isInTime = self.duration.map { now < self.started + $0 } ?? true
        if isInTime, let operation = self.source.next() {
            self.begin(index, Arrival(operation: operation, at: now))
        } else {
            self.hasMore = false
            self.endIfDone()
        }
    }

    // MARK: End

    private func endIfDone() {
        guard !self.hasMore, self.waiting.isEmpty, self.underWay.allSatisfy({ $0 == nil }) else { return }
        self.end()
    }

    private func end() {
        guard let result = self.result else { return }
        self.result = nil
        let now = self.loop.now
        self.tally.nanoseconds = (now - self.started).nanoseconds
        for arrival in self.underWay.compactMap({ $0 }) + self.waiting {
            self.tally.unanswered(arrival.operation.kind, nanoseconds: (now - arrival.at).nanoseconds)
        }
        for client in self.clients { client.close() }
        result.succeed(self.tally)
    }
}
