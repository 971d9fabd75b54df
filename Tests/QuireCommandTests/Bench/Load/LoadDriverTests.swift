import NIOCore
import NIOEmbedded
import QuireCore
import Testing

@testable import quire

@Suite struct LoadDriverTests {
    /// Answers every operation after the same time.
    private final class SteadyClient: MeasuredClient {
        var finished: (LoadOutcome) -> Void = { _ in }
        private let loop: EmbeddedEventLoop
        private let delay: TimeAmount?
        private let outcome: LoadOutcome
        private(set) var begun: [LoadOperation] = []

        /// - Parameter delay: `nil`: never.
        init(_ loop: EmbeddedEventLoop, answersAfter delay: TimeAmount?, with outcome: LoadOutcome = .succeeded) {
            self.loop = loop
            self.delay = delay
            self.outcome = outcome
        }

        func connect() -> EventLoopFuture<Void> { self.loop.makeSucceededVoidFuture() }

        func begin(_ operation: LoadOperation) {
            self.begun.append(operation)
            guard let delay = self.delay else { return }
            let bound = NIOLoopBound(self, eventLoop: self.loop)
            self.loop.scheduleTask(in: delay) { bound.value.finished(bound.value.outcome) }
        }

        func close() {}
    }

    private let loop = EmbeddedEventLoop()
    private static let gets = LoadSource.drawn(
        LoadMix(put: 0, get: 1),
        KeyChooser(.uniform, count: 10),
        SeededGenerator(seed: 1)
    )

    @Test func aClosedLoopGoesOnUntilTheTimeIsOver() throws {
        let clients = (0..<4).map { _ in SteadyClient(self.loop, answersAfter: .milliseconds(10)) }
        let tally = try self.run(clients, Self.gets, duration: .seconds(1), advance: .seconds(2))
        #expect(tally.gets.succeeded == 400)
        #expect(tally.failures.isEmpty)
        #expect(abs(tally.gets.latency.quantile(0.5) - 10) < 0.02)
        #expect(tally.nanoseconds == 1_000_000_000)
    }

    @Test func fillingEndsWhenEveryKeyIsPut() throws {
        let clients = (0..<3).map { _ in SteadyClient(self.loop, answersAfter: .milliseconds(10)) }
        let source = LoadSource.filling(next: 0, step: 1, end: 10)
        let tally = try self.run(clients, source, duration: nil, advance: .seconds(1))
        #expect(tally.puts.succeeded == 10)
        #expect(clients.flatMap(\.begun).map(\.key).sorted() == Array(0..<10))
        #expect(tally.nanoseconds == 40_000_000)
    }

    @Test func anOpenLoopKeepsItsRateWhileAClientIsFree() throws {
        let clients = (0..<50).map { _ in SteadyClient(self.loop, answersAfter: .milliseconds(10)) }
        let tally = try self.run(
            clients,
            Self.gets,
            duration: .seconds(10),
            rate: 1000,
            advance: .seconds(30)
        )
        #expect((9700...10_300).contains(tally.gets.succeeded))
        #expect(tally.gets.latency.quantile(0.99) < 10.1)
    }

    @Test func theLatencyOfAnOpenLoopCountsFromTheArrival() throws {
        // One client can answer 100 in a second; twice as many arrive, so that the line grows until the last arrival.
        let clients = [SteadyClient(self.loop, answersAfter: .milliseconds(10))]
        let tally = try self.run(clients, Self.gets, duration: .seconds(2), rate: 200, advance: .seconds(30))
        #expect((350...450).contains(tally.gets.succeeded))
        #expect(tally.gets.latency.slowestMilliseconds > 1500)
        #expect((600...1400).contains(tally.gets.latency.quantile(0.5)))
    }

    @Test func whatIsNeverAnsweredIsCountedWithItsAge() throws {
        let clients = [SteadyClient(self.loop, answersAfter: nil)]
        let tally = try self.run(clients, Self.gets, duration: .seconds(1), rate: 100, advance: .seconds(30))
        let arrived = tally.failures["unanswered"] ?? 0
        #expect((70...130).contains(arrived))
        #expect(tally.failures.count == 1)
        #expect(tally.gets.succeeded == 0)
        #expect(tally.gets.latency.quantile(0.01) >= 10_000)
    }

    @Test func aClientPausesAfterAFailure() throws {
        let clients = [SteadyClient(self.loop, answersAfter: .milliseconds(5), with: .failed("no"))]
        let tally = try self.run(clients, Self.gets, duration: .seconds(1), advance: .seconds(30))
        #expect(tally.failures == ["no": 40])
        #expect(tally.gets.latency.isEmpty)
    }

    private func run(
        _ clients: [SteadyClient],
        _ source: LoadSource,
        duration: TimeAmount?,
        rate: Double? = nil,
        advance time: TimeAmount
    ) throws -> LoadTally {
        let driver = LoadDriver(
            loop: self.loop,
            clients: clients,
            source: source,
            duration: duration,
            schedule: rate.map { ArrivalSchedule(rate: $0, seed: 1) }
        )
        let future = driver.run()
        self.loop.advanceTime(by: time)
        // Ends the wait should the driver not have ended: an error instead of a hang.
        var tally: Result<LoadTally, any Error>?
        future.assumeIsolated().whenComplete { tally = $0 }
        return try #require(try tally?.get())
    }
}
