import QuireCore
import Testing

@Suite struct AdmissionControllerTests {
    private typealias Work = AdmissionController.Work

    private static func sample(_ milliseconds: Int, count: Int = 100, failures: Int = 0) -> ForegroundSample {
        var sample = ForegroundSample()
        for _ in 0..<count { sample.latency.record(.milliseconds(milliseconds)) }
        sample.failures = failures
        return sample
    }

    /// Feeds one sample per second, while transfers use all of the share that they get.
    private static func feed(
        _ controller: inout AdmissionController,
        _ seconds: Range<Int>,
        milliseconds: Int,
        isUsed: Bool = true
    ) {
        for second in seconds {
            controller.foregroundSampled(Self.sample(milliseconds), now: .seconds(second))
            if isUsed { Self.use(&controller, second: second) }
        }
    }

    /// Slices of 10 ms, one after the other, for a second.
    ///
    /// - Returns: How long they took in all.
    @discardableResult
    private static func use(_ controller: inout AdmissionController, second: Int) -> Duration {
        var worked = Duration.zero
        var now = Duration.seconds(second)
        while now < .seconds(second + 1) {
            switch controller.sliceAsked(by: .transfer, now: now) {
            case .granted:
                now += .milliseconds(10)
                worked += .milliseconds(10)
                controller.sliceEnded(by: .transfer, took: .milliseconds(10), now: now)
            case .wait(let time): now += time
            }
        }
        return worked
    }

    @Test func withoutForegroundTrafficBackgroundWorkHasFullSpeed() {
        var controller = AdmissionController()
        for second in 0..<100 {
            #expect(controller.sliceAsked(by: .antiEntropy, now: .seconds(second)) == .granted)
            controller.sliceEnded(by: .antiEntropy, took: .seconds(1), now: .seconds(second + 1))
        }
        let state = controller.state(now: .seconds(100))
        #expect(state.share == 1)
        #expect(state.reason == .idle)
        #expect(state.latency == nil)
    }

    /// Dynamo §6.5: p99 over the last 60 seconds against a preset threshold of 50 ms.
    @Test func overloadLowersTheShareWithinOneWindow() {
        var controller = AdmissionController()
        Self.feed(&controller, 0..<60, milliseconds: 5)
        #expect(controller.state(now: .seconds(60)).share == 1)
        Self.feed(&controller, 60..<75, milliseconds: 80)
        let state = controller.state(now: .seconds(75))
        #expect(state.share <= 0.25)
        guard case .latencyOver(let latency) = state.reason else {
            Issue.record("\(state.reason)")
            return
        }
        #expect(latency >= .milliseconds(80) && latency <= .milliseconds(91))
    }

    @Test func oneOperationInAHundredIsEnoughToBeOver() {
        var controller = AdmissionController()
        for second in 0..<30 {
            var sample = Self.sample(1, count: 98)
            sample.latency.record(.milliseconds(200))
            sample.latency.record(.milliseconds(200))
            controller.foregroundSampled(sample, now: .seconds(second))
        }
        #expect(controller.state(now: .seconds(30)).share < 0.5)
    }

    @Test func aSpikeIsNotPunishedForAWholeWindow() {
        var controller = AdmissionController()
        Self.feed(&controller, 0..<30, milliseconds: 5)
        let before = controller.state(now: .seconds(29)).share
        Self.feed(&controller, 30..<33, milliseconds: 300)
        Self.feed(&controller, 33..<80, milliseconds: 5)
        let state = controller.state(now: .seconds(80))
        #expect(state.reason == .settling)
        #expect(state.share >= before / 4)
    }

    @Test func recoveryRaisesTheShareStepByStep() {
        var controller = AdmissionController()
        Self.feed(&controller, 0..<60, milliseconds: 80)
        let low = controller.state(now: .seconds(60)).share
        var shares = [low]
        for second in 60..<240 {
            Self.feed(&controller, second..<second + 1, milliseconds: 5)
            shares.append(controller.state(now: .seconds(second)).share)
        }
        #expect(low == 0.1)
        #expect(shares == shares.sorted())
        #expect(zip(shares, shares.dropFirst()).allSatisfy { $1 - $0 <= 0.1 + 1e-9 })
        #expect(shares.last == 1)
    }

    @Test func theFloorHoldsSoThatHintsAreDelivered() {
        var controller = AdmissionController(configuration: .init(floor: 0.02))
        var worked = Duration.zero
        var now = Duration.zero
        var nextSample = Duration.zero
        while now < .seconds(600) {
            if now >= nextSample {
                controller.foregroundSampled(Self.sample(500), now: now)
                nextSample = now + .seconds(1)
            }
            switch controller.sliceAsked(by: .hintDelivery, now: now) {
            case .granted:
                now += .milliseconds(20)
                controller.sliceEnded(by: .hintDelivery, took: .milliseconds(20), now: now)
                if now > .seconds(300) { worked += .milliseconds(20) }
            case .wait(let time):
                now += time
            }
        }
        #expect(controller.state(now: now).share == 0.02)
        // 2 % of 300 seconds.
        #expect(worked >= .seconds(5) && worked <= .seconds(7))
    }

    @Test func kindsShareByWeight() {
        var controller = AdmissionController(configuration: .init(floor: 0.02))
        var worked: [Work: Duration] = [:]
        for step in 0..<20_000 {
            let now = Duration.milliseconds(step * 10)
            if step % 100 == 0 { controller.foregroundSampled(Self.sample(500), now: now) }
            for work in [Work.hintDelivery, .antiEntropy] {
                guard controller.sliceAsked(by: work, now: now) == .granted else { continue }
                controller.sliceEnded(by: work, took: .milliseconds(5), now: now)
                if step > 10_000 { worked[work, default: .zero] += .milliseconds(5) }
            }
        }
        let hints = worked[.hintDelivery] ?? .zero
        let repair = worked[.antiEntropy] ?? .zero
        #expect(hints / repair > 1.8 && hints / repair < 2.2)
        #expect(hints + repair < .seconds(3))
    }

    @Test func failedStorageOperationsLowerTheShareAtOnceAndAreForgivenAfterwards() {
        var controller = AdmissionController()
        Self.feed(&controller, 0..<10, milliseconds: 5)
        let before = controller.state(now: .seconds(10)).share
        controller.foregroundSampled(Self.sample(5, failures: 3), now: .seconds(10))
        controller.foregroundSampled(Self.sample(5), now: .seconds(15))
        let state = controller.state(now: .seconds(15))
        #expect(state.share == before / 2)
        #expect(state.reason == .storageFailed(3))
        Self.feed(&controller, 16..<90, milliseconds: 5)
        #expect(controller.state(now: .seconds(90)).share == 1)
    }

    @Test func aSlowQueueCountsAsMuchAsASlowAnswer() {
        var controller = AdmissionController()
        for second in 0..<20 {
            var sample = Self.sample(5)
            for _ in 0..<100 { sample.storageWait.record(.milliseconds(70)) }
            controller.foregroundSampled(sample, now: .seconds(second))
        }
        guard case .storageWaitOver = controller.state(now: .seconds(20)).reason else {
            Issue.record("\(controller.state(now: .seconds(20)))")
            return
        }
    }

    @Test func trafficThatEndsFreesBackgroundWork() {
        var controller = AdmissionController()
        Self.feed(&controller, 0..<60, milliseconds: 500)
        #expect(controller.state(now: .seconds(60)).share == 0.1)
        #expect(controller.state(now: .seconds(125)).share == 1)
    }

    @Test func aFewSlowOperationsSayNothing() {
        var controller = AdmissionController()
        controller.foregroundSampled(Self.sample(900, count: 5), now: .seconds(1))
        #expect(controller.state(now: .seconds(10)).reason == .idle)
    }

    @Test func clientsThatComeFindBackgroundWorkSlow() {
        var controller = AdmissionController(configuration: .init(start: 0.2))
        for second in 0..<10 { Self.use(&controller, second: second) }
        #expect(controller.state(now: .seconds(10)).share == 1)
        controller.foregroundSampled(Self.sample(5), now: .seconds(10))
        // At once, not with the next step.
        #expect(controller.state(now: .seconds(10)).share == 0.2)
        let worked = Self.use(&controller, second: 10)
        #expect(worked <= .milliseconds(250))
    }

    @Test func aReplicaThatNoClientAsksStillServesClients() {
        var controller = AdmissionController()
        var sample = ForegroundSample()
        for _ in 0..<100 { sample.storageWait.record(.milliseconds(2)) }
        controller.foregroundSampled(sample, now: .seconds(1))
        #expect(controller.state(now: .seconds(6)).share == 0.2)
    }

    @Test func aShareThatNobodyUsesDoesNotGrow() {
        var controller = AdmissionController()
        Self.feed(&controller, 0..<120, milliseconds: 5, isUsed: false)
        #expect(controller.state(now: .seconds(120)).share == 0.2)
        Self.feed(&controller, 120..<180, milliseconds: 5)
        #expect(controller.state(now: .seconds(180)).share == 1)
        Self.feed(&controller, 180..<200, milliseconds: 5, isUsed: false)
        #expect(controller.state(now: .seconds(200)).share == 0.2)
    }

    @Test func manyThatAskAtTheSameMomentAreNotAllLetIn() {
        var controller = AdmissionController()
        Self.feed(&controller, 0..<10, milliseconds: 5, isUsed: false)
        Self.use(&controller, second: 10)
        let now = Duration.seconds(12)
        let granted = (0..<16).filter { _ in controller.sliceAsked(by: .transfer, now: now) == .granted }
        // What may be saved up is worth two of these slices, and the next one goes into debt.
        #expect(granted.count == 3)
    }

    @Test func theSameEventsGiveTheSameDecisions() {
        var left = AdmissionController()
        var right = AdmissionController()
        var random = SeededGenerator(seed: 9)
        for step in 0..<3000 {
            let now = Duration.milliseconds(step * 37)
            let sample = Self.sample(Int.random(in: 1...120, using: &random), count: 3)
            left.foregroundSampled(sample, now: now)
            right.foregroundSampled(sample, now: now)
            let work = Work.allCases[step % Work.allCases.count]
            #expect(left.sliceAsked(by: work, now: now) == right.sliceAsked(by: work, now: now))
            left.sliceEnded(by: work, took: .milliseconds(4), now: now)
            right.sliceEnded(by: work, took: .milliseconds(4), now: now)
        }
        #expect(left.state(now: .seconds(200)) == right.state(now: .seconds(200)))
    }
}
