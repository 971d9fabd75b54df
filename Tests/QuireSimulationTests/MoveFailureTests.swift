import QuireCore
import QuireSimulation
import Testing

/// What may fail while a partition moves, one case after the other (SAFETY rules 10-13).
@Suite struct MoveFailureTests {
    /// Four nodes. One joins and is turned back half-way, then it joins and another leaves.
    private func configuration(_ seed: UInt64) -> SimulationConfiguration {
        var configuration = SimulationConfiguration(seed: seed)
        configuration.founders = 4
        configuration.spares = 1
        configuration.duration = .seconds(4)
        configuration.scripts = [
            MembershipScript([
                .change([.join(5)]), .progress(40), .abort, .settle, .change([.join(5), .leave(2)]), .settle,
            ])
        ]
        return configuration
    }

    private func expectNoHarm(_ configuration: SimulationConfiguration) -> ChaosOutcome {
        let outcome = configuration.outcome()
        #expect(outcome.violations == [])
        #expect(outcome.acknowledgedWrites > 0)
        return outcome
    }

    // MARK: Crashes

    /// The coordinator's successor goes on from what the log says; sources and targets go on where they were.
    @Test(arguments: CrashPoint.all)
    func nobodyLosesAnythingByACrashAtAnyStep(_ point: CrashPoint) {
        var configuration = self.configuration(1)
        configuration.stepCrashes = [StepCrash(point)]
        let outcome = self.expectNoHarm(configuration)
        #expect(outcome.changesEnded[.planned] == 1)
    }

    @Test func anotherCoordinatorGoesOnWhileTheFirstStaysAway() {
        var crash = StepCrash(CrashPoint(.coordinator, .hasBegun))
        crash.absence = 3000...3000
        var configuration = self.configuration(2)
        configuration.stepCrashes = [crash]
        let outcome = self.expectNoHarm(configuration)
        #expect(outcome.crashes[crash.point] == 1)
        #expect(outcome.changesEnded[.planned] == 1)
    }

    @Test func aSourceThatDiesWhileItIsCopiedFromIsReplacedByAnother() {
        var crash = StepCrash(CrashPoint(.source, .sendsABlock))
        crash.occurrence = 2
        crash.absence = 5000...6000
        var configuration = self.configuration(3)
        configuration.stepCrashes = [crash]
        let outcome = self.expectNoHarm(configuration)
        #expect(outcome.crashes[crash.point] == 1)
    }

    @Test func aTargetThatLosesItsDiskIsFilledAgain() {
        var crash = StepCrash(CrashPoint(.target, .hasInstalled))
        crash.damage = .lostDisk
        var configuration = self.configuration(4)
        configuration.stepCrashes = [crash]
        let outcome = self.expectNoHarm(configuration)
        #expect(outcome.crashes[crash.point] == 1)
        #expect(outcome.changesEnded[.planned] == 1)
    }

    /// A target that dies for good is planned around: the change is turned round.
    @Test func aTargetThatDiesForGoodIsGivenUp() {
        var configuration = self.configuration(5)
        configuration.healTimeout = .seconds(120)
        configuration.scripts = [MembershipScript([.change([.join(5)]), .progress(10), .destroy(5), .settle])]
        let outcome = self.expectNoHarm(configuration)
        #expect(outcome.changesEnded.values.reduce(0, +) >= 1)
    }

    @Test func aDeadNodeIsReplacedWithoutWaitingForIt() {
        var configuration = self.configuration(6)
        configuration.scripts = [MembershipScript([.destroy(2), .change([.replace(2, with: 5)]), .settle])]
        #expect(self.expectNoHarm(configuration).changesEnded == [.planned: 1])
    }

    @Test func aDeadNodeThatNobodyHasNoticedLeavesWhenItIsGivenUp() {
        var configuration = self.configuration(7)
        configuration.scripts = [
            MembershipScript([
                .destroyUnnoticed(2), .change([.leave(2)]), .wait(milliseconds: 500), .declareLost(2), .settle,
            ])
        ]
        #expect(self.expectNoHarm(configuration).changesEnded == [.planned: 1])
    }

    // MARK: The log

    @Test(arguments: [UInt64](1...3))
    func twoCoordinatorsDecideOneLayoutPerVersion(_ seed: UInt64) {
        _ = self.expectNoHarm(Scenario.rivals.configuration(seed: seed))
    }

    @Test func aNodeThatStandsStillForTwoVersionsAndThenWritesCountsForNothing() {
        var pause = StepCrash(CrashPoint(.source, .entersDualWrite))
        pause.damage = .pause
        pause.absence = 3500...3500
        var configuration = self.configuration(8)
        configuration.duration = .seconds(6)
        configuration.stepCrashes = [pause]
        let outcome = self.expectNoHarm(configuration)
        #expect(outcome.crashes[pause.point] == 1)
    }

    @Test func theCoordinatorIsCutOffWithAMinority() {
        var configuration = self.configuration(9)
        configuration.founders = 5
        configuration.minority = [1, 2]
        configuration.scripts = [
            MembershipScript([.wait(milliseconds: 600), .change([.join(6)]), .settle], asking: [3, 4, 5])
        ]
        #expect(self.expectNoHarm(configuration).changesEnded[.planned] == 1)
    }

    /// Clients know only a node that leaves, and go on asking it.
    @Test func clientsWithAnOldTableLoseNothing() {
        var configuration = self.configuration(14)
        configuration.workload.asks = [2]
        configuration.duration = .seconds(6)
        let outcome = self.expectNoHarm(configuration)
        #expect(outcome.changesEnded[.planned] == 1)
    }

    // MARK: Disks and files

    /// A receipt comes from a disk: who crashes when reads have turned has what it covered.
    @Test(arguments: [MoveStep.entersReadNew, .entersDraining])
    func aTargetThatCrashesWhenReadsHaveTurnedHasWhatItCovered(_ step: MoveStep) {
        var crash = StepCrash(CrashPoint(.target, step))
        crash.absence = 100...300
        var configuration = self.configuration(15)
        configuration.repairs = false
        configuration.stepCrashes = [crash]
        let outcome = self.expectNoHarm(configuration)
        #expect(outcome.crashes[crash.point] == 1)
        #expect(outcome.changesEnded[.planned] == 1)
    }

    /// A partition that is copied, or comes back from a retired file, is written by an actor that has written nothing yet:
    /// or else one dot would come to mean two versions.
    @Test(arguments: [UInt64](3...5))
    func aFileThatIsCopiedOrComesBackIsWrittenByAFreshActor(_ seed: UInt64) {
        var configuration = Scenario.undoing.configuration(seed: seed)
        configuration.workload = WorkloadMix([.register: 2, .counter: 1])
        configuration.workload.pauseMax = 5000
        configuration.faults.gaps = [:]
        #expect(self.expectNoHarm(configuration).changesEnded[.undo] ?? 0 > 0)
    }

    @Test func aFullDiskAtTheTargetDelaysTheMove() {
        var configuration = self.configuration(10)
        configuration.faults.gaps = [.fullDisk: .milliseconds(300)]
        #expect(self.expectNoHarm(configuration).changesEnded[.planned] == 1)
    }

    @Test func aDamagedBlockIsFetchedAgain() {
        var configuration = self.configuration(11)
        configuration.workload.keys = 20
        configuration.faults.blockDamage = 0.2
        #expect(self.expectNoHarm(configuration).changesEnded[.planned] == 1)
    }

    /// What the old owner replays from its log after it has retired its file is not what the partition has.
    @Test func aFormerOwnerThatStartsAgainBringsNothingBack() {
        var crash = StepCrash(CrashPoint(.source, .retires))
        crash.delay = 3000
        var configuration = self.configuration(12)
        configuration.workload = WorkloadMix([.churn: 3, .register: 1])
        configuration.stepCrashes = [crash]
        let outcome = self.expectNoHarm(configuration)
        #expect(outcome.crashes[crash.point] == 1)
    }

    // MARK: Values

    @Test(arguments: [UInt64](1...2))
    func deletesWhilePartitionsMoveStayDeleted(_ seed: UInt64) {
        var configuration = Scenario.comeback.configuration(seed: seed)
        configuration.faults.loss = 0.005
        #expect(self.expectNoHarm(configuration).collectedRecords > 0)
    }

    @Test(arguments: [UInt64](1...2))
    func hintsForOwnersThatHaveLeftReachTheNewOnes(_ seed: UInt64) {
        _ = self.expectNoHarm(Scenario.exchanged.configuration(seed: seed))
    }

    /// A node is down throughout, and stand-ins count for it in both rows.
    @Test func aMoveGoesOnWhileAnOldOwnerIsDown() {
        var configuration = self.configuration(13)
        configuration.silentNode = 3
        configuration.duration = .seconds(8)
        configuration.scripts = [.inTurn([.join(5)])]
        #expect(self.expectNoHarm(configuration).changesEnded[.planned] == 1)
    }

    @Test(arguments: [UInt64](1...2))
    func aChangeThatIsTakenBackLosesNothing(_ seed: UInt64) {
        var configuration = Scenario.undoing.configuration(seed: seed)
        _ = self.expectNoHarm(configuration)
        // Crashes may let the time pass in which it can be taken back.
        configuration.faults.gaps = [:]
        #expect(self.expectNoHarm(configuration).changesEnded[.undo] == 2)
    }
}
