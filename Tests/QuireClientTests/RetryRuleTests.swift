import Testing

@testable import QuireClient

/// What may be tried again (SAFETY rule 4, reliability L6): a write that is executed twice can come back from the dead.
@Suite struct RetryRuleTests {
    private let node = QuireEndpoint(host: "h", port: 1)

    private func rule(_ kind: RetryRule.Kind, deadline: Duration = .seconds(5)) -> RetryRule {
        RetryRule(kind: kind, deadline: deadline, pauseRange: .milliseconds(10) ... .seconds(1), seed: 3)
    }

    private static let uncertain: [QuireError] = [
        .connectionClosed, .timedOut, .protocolViolation("x"), .refused(code: "QUORUM", message: "1 of 2"),
        .refused(code: "NOTDURABLE", message: "no disk"),
    ]

    private static let harmless: [QuireError] = [
        .unreachable(["refused"]), .refused(code: "NOTREADY", message: "no cluster"),
        .refused(code: "OVERLOADED", message: "busy"),
    ]

    @Test(arguments: Self.uncertain)
    func executesAWriteOfUnknownFateOnceOnly(_ error: QuireError) {
        var rule = self.rule(.write)
        #expect(rule.failed(error, at: self.node, isRoundOver: false, now: .zero) == .fail(error))
        #expect(error.mayHaveBeenStored)
    }

    @Test(arguments: Self.uncertain)
    func repeatsReadsAndWritesThatAreAllowedTo(_ error: QuireError) {
        for kind in [RetryRule.Kind.read, .repeatableWrite] {
            var rule = self.rule(kind)
            switch rule.failed(error, at: self.node, isRoundOver: false, now: .zero) {
            case .tryNext, .pause: break
            case .fail(let failure): Issue.record("\(kind) ended with \(failure)")
            }
        }
    }

    @Test(arguments: Self.harmless)
    func repeatsWhatDidNothing(_ error: QuireError) {
        #expect(!error.mayHaveBeenStored)
        for kind in [RetryRule.Kind.read, .write, .repeatableWrite] {
            var rule = self.rule(kind)
            switch rule.failed(error, at: self.node, isRoundOver: false, now: .zero) {
            case .tryNext, .pause: break
            case .fail(let failure): Issue.record("\(kind) ended with \(failure)")
            }
        }
    }

    @Test(arguments: ["ERR", "BADCONTEXT", "WRONGPASS", "NONSENSE"])
    func passesDefiniteRefusalsOn(_ code: String) {
        for kind in [RetryRule.Kind.read, .write, .repeatableWrite] {
            var rule = self.rule(kind)
            let error = QuireError.refused(code: code, message: "no")
            #expect(rule.failed(error, at: self.node, isRoundOver: false, now: .zero) == .fail(error))
            #expect(!error.mayHaveBeenStored)
        }
    }

    @Test func takesTheNextNodeAtOnceAndPausesOnlyBetweenRounds() {
        var rule = self.rule(.read)
        #expect(rule.failed(.connectionClosed, at: self.node, isRoundOver: false, now: .zero) == .tryNext)
        var last = Duration.zero
        for round in 0..<12 {
            let step = rule.failed(.connectionClosed, at: self.node, isRoundOver: true, now: .zero)
            guard case .pause(let moment) = step else {
                Issue.record("round \(round): \(step)")
                return
            }
            let longest = min(Duration.milliseconds(10) * (1 << round), .seconds(1))
            #expect(moment <= longest && moment * 2 >= longest)
            last = moment
        }
        #expect(last >= .milliseconds(500))
    }

    @Test func pausesBeforeItTroublesAClusterThatIsShortOfReplicasOrBusy() {
        for code in ["QUORUM", "OVERLOADED"] {
            var rule = self.rule(.read)
            let step = rule.failed(.refused(code: code, message: ""), at: self.node, isRoundOver: false, now: .zero)
            guard case .pause = step else {
                Issue.record("\(code): \(step)")
                return
            }
        }
    }

    @Test func beginsNoAttemptAfterTheDeadlineAndSaysWhatHappened() {
        var rule = self.rule(.repeatableWrite, deadline: .seconds(1))
        #expect(rule.failed(.timedOut, at: self.node, isRoundOver: false, now: .zero) == .tryNext)
        let step = rule.failed(.unreachable(["h:2: refused"]), at: self.node, isRoundOver: false, now: .seconds(1))
        guard case .fail(.gaveUp(let attempts, mayHaveBeenStored: true)) = step else {
            Issue.record("\(step)")
            return
        }
        #expect(attempts == ["h:1: no answer in time", "h:2: refused"])
    }

    @Test func saysThatNothingWasSentWhenNothingWas() {
        var rule = self.rule(.write, deadline: .seconds(1))
        _ = rule.failed(.unreachable(["a"]), at: self.node, isRoundOver: true, now: .zero)
        let step = rule.failed(.unreachable(["b"]), at: self.node, isRoundOver: true, now: .seconds(1))
        #expect(step == .fail(.unreachable(["a", "b"])))
        #expect(!QuireError.unreachable([]).mayHaveBeenStored)
    }

    @Test func aReadNeverStoresAnything() {
        var rule = self.rule(.read, deadline: .seconds(1))
        _ = rule.failed(.timedOut, at: self.node, isRoundOver: false, now: .zero)
        let step = rule.failed(.timedOut, at: self.node, isRoundOver: false, now: .seconds(1))
        guard case .fail(let error) = step else {
            Issue.record("\(step)")
            return
        }
        #expect(!error.mayHaveBeenStored)
    }

    @Test func keepsTheLastFewLinesOnly() {
        var rule = self.rule(.read, deadline: .seconds(1000))
        for index in 0..<100 {
            _ = rule.failed(.protocolViolation("\(index)"), at: self.node, isRoundOver: false, now: .zero)
        }
        guard case .gaveUp(let attempts, _) = rule.outcome else {
            Issue.record("\(rule.outcome)")
            return
        }
        #expect(attempts == (92..<100).map { "h:1: \($0)" })
    }
}
