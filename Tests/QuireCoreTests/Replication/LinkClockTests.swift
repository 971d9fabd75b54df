import QuireCore
import Testing

/// Two machines whose monotonic clocks know nothing of each other, and a link between them.
private struct TwoMachines {
    /// What the sender's clock shows at true time 0.
    let offset: Duration
    /// By how many thousandths the sender's clock is fast.
    var fastPerMille = 0
    var clock: LinkClock

    init(offset: Duration, openedAt: Duration = .seconds(100)) {
        self.offset = offset
        self.clock = LinkClock(openedAt: openedAt)
    }

    func stamp(at time: Duration) -> UInt64 {
        (self.offset + time * (1000 + self.fastPerMille) / 1000).stampMilliseconds
    }

    /// The question with which every link begins.
    mutating func ask(sent: Duration, read: Duration) {
        self.clock.clockAsked(at: self.stamp(at: sent), now: read)
        self.clock.clockAnswered(now: read)
    }

    func age(sent: Duration, read: Duration) -> Duration {
        self.clock.age(ofMessageSentAt: self.stamp(at: sent), now: read)
    }
}

/// SAFETY rule 9: older messages are refused, and nobody's wall clock is trusted for it.
@Suite struct LinkClockTests {
    @Test(arguments: [Duration.zero, .seconds(1_000_000), .milliseconds(7)])
    func overestimatesByNoMoreThanTheFirstRoundTrip(_ offset: Duration) {
        var machines = TwoMachines(offset: offset)
        machines.ask(sent: .milliseconds(100_030), read: .milliseconds(100_050))
        let age = machines.age(sent: .seconds(110), read: .seconds(111))
        #expect(age >= .seconds(1))
        #expect(age < .milliseconds(1050))
    }

    @Test func aMessageThatWaitedForAStoppedReceiverIsOld() {
        var machines = TwoMachines(offset: .seconds(5))
        machines.ask(sent: .milliseconds(100_010), read: .milliseconds(100_020))
        // Sent a second later, read after an hour.
        #expect(machines.age(sent: .seconds(101), read: .seconds(3701)) >= .seconds(3600))
    }

    @Test func evenTheFirstMessageOfALinkIsOldWhenItsReceiverWasStopped() {
        var machines = TwoMachines(offset: .seconds(5))
        machines.ask(sent: .milliseconds(100_010), read: .seconds(3701))
        #expect(machines.age(sent: .milliseconds(100_011), read: .seconds(3701)) >= .seconds(3600))
    }

    @Test func aSenderThatWasStoppedBetweenStampAndSendingIsFoundOut() {
        var machines = TwoMachines(offset: .seconds(5))
        machines.ask(sent: .milliseconds(100_010), read: .milliseconds(100_020))
        // It stamped at 101 s, slept an hour, and then the bytes left.
        #expect(machines.age(sent: .seconds(101), read: .seconds(3701)) >= .seconds(3600))
    }

    @Test func aSenderThatWasStoppedBeforeItsFirstMessageSeemsOldUntilTheLinkIsMadeAnew() {
        var machines = TwoMachines(offset: .seconds(5))
        machines.ask(sent: .seconds(400), read: .seconds(400))
        #expect(machines.age(sent: .seconds(400), read: .seconds(400)) >= .seconds(300))
        var fresh = TwoMachines(offset: .seconds(5), openedAt: .seconds(401))
        fresh.ask(sent: .seconds(401), read: .seconds(401))
        #expect(fresh.age(sent: .seconds(401), read: .seconds(401)) < .milliseconds(10))
    }

    @Test func whoDoesNotStampOrHasNotAskedIsBelievedNothing() {
        var machines = TwoMachines(offset: .zero)
        #expect(machines.age(sent: .seconds(101), read: .seconds(101)) == LinkClock.unknownAge)
        machines.ask(sent: .milliseconds(100_010), read: .milliseconds(100_020))
        #expect(machines.clock.age(ofMessageSentAt: 0, now: .seconds(160)) == LinkClock.unknownAge)
    }

    /// What an asker had in hand before the link was made anew is no younger for that.
    @Test func aStampFromBeforeTheLinkCounts() {
        var machines = TwoMachines(offset: .seconds(5))
        machines.ask(sent: .milliseconds(100_010), read: .milliseconds(100_020))
        #expect(machines.age(sent: .seconds(40), read: .seconds(101)) >= .seconds(61))
    }

    @Test func clocksOfDifferentRatesAreAllowedFor() {
        var machines = TwoMachines(offset: .seconds(5))
        machines.fastPerMille = 1
        machines.ask(sent: .milliseconds(100_010), read: .milliseconds(100_020))
        // After a day, the fast clock has gained 86 s: without the allowance, a minute of age would vanish in it.
        #expect(machines.age(sent: .seconds(86_500), read: .seconds(86_560)) >= .seconds(60))
    }

    @Test func everyClockQuestionRenewsTheEvidence() {
        var machines = TwoMachines(offset: .seconds(5))
        machines.ask(sent: .milliseconds(100_010), read: .milliseconds(100_020))
        var time = Duration.seconds(101)
        for _ in 0..<60 {
            // Two questions: the second is asked when the answer to the first has come.
            for _ in 0..<2 {
                machines.ask(sent: time, read: time + .milliseconds(10))
                time += .milliseconds(20)
            }
            time += .seconds(60)
        }
        // An hour's allowance would be 3.6 s.
        let renewed = machines.age(sent: time + .seconds(1), read: time + .seconds(2))
        #expect(renewed >= .seconds(1))
        #expect(renewed < .milliseconds(1100))
    }

    @Test func aClockQuestionWithoutAnAnswerBeforeItProvesNothing() {
        var machines = TwoMachines(offset: .seconds(5))
        machines.ask(sent: .milliseconds(100_010), read: .milliseconds(100_020))
        // A question that waited in the buffer of a stopped receiver, and a message behind it.
        machines.clock.clockAsked(at: machines.stamp(at: .seconds(101)), now: .seconds(3701))
        machines.clock.clockAnswered(now: .seconds(3701))
        #expect(machines.age(sent: .seconds(102), read: .seconds(3701)) >= .seconds(3599))
    }

    @Test func hugeStampsDoNotCrash() {
        var clock = LinkClock(openedAt: .seconds(1))
        clock.clockAsked(at: .max, now: .seconds(3))
        #expect(clock.age(ofMessageSentAt: .max, now: .seconds(4)) < .seconds(4))
        clock.clockAnswered(now: .seconds(4))
        clock.clockAsked(at: .max, now: .seconds(5))
        #expect(clock.age(ofMessageSentAt: 1, now: .seconds(5)) > .seconds(3600))
    }
}
