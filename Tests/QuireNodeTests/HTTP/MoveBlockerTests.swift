import QuireCore
import QuireWire
import Testing

@testable import QuireNode

@Suite struct MoveBlockerTests {
    private let a = ChangingCluster.a
    private let b = ChangingCluster.b
    private let c = ChangingCluster.c
    private let d = ChangingCluster.d

    private func joining() throws -> Layout {
        try ChangingCluster.begun([.join(ChangingCluster.member(self.d))], in: try ChangingCluster.calm())
    }

    /// All members answer and count by the present layout.
    private func view(_ layout: Layout) -> MoveBlocker.View {
        var view = MoveBlocker.View(layout: layout)
        for member in layout.members {
            var sight = MoveBlocker.Sight()
            sight.layoutVersion = layout.version
            sight.hints = 0
            sight.freeBytes = 1 << 40
            view.sights[member.id] = sight
        }
        return view
    }

    private func first(_ layout: Layout) throws -> PartitionMove {
        try #require(layout.moves.first)
    }

    private func incoming(
        _ move: PartitionMove,
        step: PartitionTransfer.Step,
        failure: String? = nil
    )
        -> TransferAPI.Incoming
    {
        TransferAPI.Incoming(
            partition: move.partition.rawValue,
            target: "n4",
            source: "n1",
            step: step.rawValue,
            bytesDone: 10,
            bytesTotal: 100,
            ageMilliseconds: 5,
            attempts: 3,
            blocker: failure
        )
    }

    @Test func aMoveThatGoesOnHasNone() throws {
        let layout = try self.joining()
        for stage in [layout, try ChangingCluster.advanced(layout)] {
            #expect(MoveBlocker.of(try self.first(stage), self.view(stage)) == nil)
        }
    }

    @Test func aPausedChangeIsResumed() throws {
        let layout = try self.joining().pausing()
        let blocker = try #require(MoveBlocker.of(try self.first(layout), self.view(layout)))
        #expect(blocker.cause == .paused)
        #expect(blocker.command == "quire cluster resume")
        #expect(blocker.needsAction)
    }

    @Test func withoutAMajorityOfTheVotersTheLogIsRecovered() throws {
        let layout = try self.joining()
        var view = self.view(layout)
        for node in layout.voters.prefix(2) { view.sights[node]?.silentSeconds = 35 }
        let blocker = try #require(MoveBlocker.of(try self.first(layout), view))
        #expect(blocker.cause == .noMajority)
        #expect(blocker.reason.contains("needs 2 of the 3 voters, and n1, n2 cannot be reached"))
        #expect(blocker.command == "quire cluster recover --help")
    }

    @Test func aSilentNewcomerIsStartedOrTheChangeTakenBack() throws {
        let layout = try self.joining()
        var view = self.view(layout)
        view.sights[self.d]?.silentSeconds = 35
        let blocker = try #require(MoveBlocker.of(try self.first(layout), view))
        #expect(blocker.cause == .targetDown)
        #expect(
            blocker.reason
                == "n4, which takes the partition, does not answer for 35 s: start it, or take the change back"
        )
        #expect(blocker.command == "quire cluster abort")
        #expect(blocker.needsAction)
    }

    @Test func whatHasItsReceiptDoesNotWaitForItsNewcomer() throws {
        let layout = try ChangingCluster.receipted(try self.joining())
        var view = self.view(layout)
        view.sights[self.d]?.silentSeconds = 35
        #expect(MoveBlocker.of(try self.first(layout), view) == nil)
    }

    @Test func aFormerOwnerThatDoesNotHandOverCanBeGivenUp() throws {
        let draining = try ChangingCluster.advanced(try ChangingCluster.advanced(try self.joining()))
        let move = try self.first(draining)
        let former = try #require(move.leavers.first)
        var view = self.view(draining)
        view.sights[former]?.silentSeconds = 125
        let name = view.name(former)
        let blocker = try #require(MoveBlocker.of(move, view))
        #expect(blocker.cause == .formerOwnerDown)
        #expect(blocker.reason.hasPrefix("\(name), which gives the partition up, does not answer for 2 min 5 s"))
        #expect(blocker.command == "quire cluster give-up \(name)")
        let without = try draining.declaringLost(former)
        var after = self.view(without)
        after.sights[former]?.silentSeconds = 130
        #expect(MoveBlocker.of(try self.first(without), after) == nil, "a lost node is still waited for")
    }

    @Test func anOwnerThatStaysAndDoesNotTakeOverCanBeGivenUp() throws {
        let draining = try ChangingCluster.advanced(try ChangingCluster.advanced(try self.joining()))
        let move = try self.first(draining)
        var view = self.view(draining)
        view.sights[self.d]?.silentSeconds = 1
        let blocker = try #require(MoveBlocker.of(move, view))
        #expect(blocker.cause == .targetDown)
        #expect(blocker.command == "quire cluster give-up n4")
    }

    @Test func fencesThatComeByThemselvesNeedNobody() throws {
        let layout = try self.joining()
        let move = try self.first(layout)
        var view = self.view(layout)
        for node in move.from { view.sights[node]?.layoutVersion = LayoutVersion(1) }
        let blocker = try #require(MoveBlocker.of(move, view))
        #expect(blocker.cause == .fences)
        #expect(!blocker.needsAction)
        #expect(blocker.reason.contains("2 of n1, n2, n3 must count by layout \(move.fence), and 0 do"))
    }

    @Test func fencesOfNodesThatAreAwayNeedThem() throws {
        let layout = try self.joining()
        let move = try self.first(layout)
        var view = self.view(layout)
        // Both are no voters' majority of three, so that the log goes on.
        view.sights[self.a]?.silentSeconds = 9
        view.sights[self.b]?.layoutVersion = LayoutVersion(1)
        view.sights[self.c]?.layoutVersion = LayoutVersion(1)
        let blocker = try #require(MoveBlocker.of(move, view))
        #expect(blocker.cause == .fences)
        #expect(blocker.needsAction)
        #expect(blocker.reason.hasSuffix("start n1, or take the change back"))
        #expect(blocker.command == "quire cluster abort")
    }

    @Test(arguments: ["own storage: No space left on device", "the disk full of it"])
    func aFullDiskIsToldByItsWords(_ failure: String) throws {
        let layout = try self.joining()
        let move = try self.first(layout)
        var view = self.view(layout)
        view.sights[self.d]?.incoming = [self.incoming(move, step: .copying, failure: failure)]
        let blocker = try #require(MoveBlocker.of(move, view))
        #expect(blocker.cause == .diskFull)
        #expect(blocker.needsAction)
        #expect(blocker.command == "quire cluster abort")
    }

    @Test func anyOtherFailureIsToldAndTriedAgain() throws {
        let layout = try self.joining()
        let move = try self.first(layout)
        var view = self.view(layout)
        view.sights[self.d]?.incoming = [self.incoming(move, step: .copying, failure: "block 3 arrived damaged")]
        let blocker = try #require(MoveBlocker.of(move, view))
        #expect(blocker.cause == .failing)
        #expect(!blocker.needsAction)
        #expect(blocker.reason == "attempt 3 at n4 failed, another follows: block 3 arrived damaged")
    }

    @Test func aThrottleAndClientsAreNamedWhileBytesMove() throws {
        let calm = try self.joining()
        let throttled = try calm.limiting(TransferLimits(bytesPerSecondMax: 5 << 20))
        for (layout, cause) in [(throttled, MoveBlocker.Cause.throttled), (calm, .admission)] {
            let move = try self.first(layout)
            var view = self.view(layout)
            view.sights[self.d]?.incoming = [self.incoming(move, step: .copying)]
            view.sights[self.d]?.admissionShare = 0.12
            let blocker = try #require(MoveBlocker.of(move, view))
            #expect(blocker.cause == cause)
            #expect(!blocker.needsAction)
        }
    }

    @Test func whoWaitsForItsTurnIsToldHowMany() throws {
        let layout = try self.joining().limiting(TransferLimits(transfersPerNodeMax: 1))
        let move = try #require(layout.moves.last)
        var view = self.view(layout)
        let first = try self.first(layout)
        view.sights[self.d]?.incoming = [self.incoming(first, step: .covering)]
        #expect(MoveBlocker.of(move, view) == nil, "the other one is not copied any more")
        for own in [[], [self.incoming(move, step: .waiting)]] {
            view.sights[self.d]?.incoming = [self.incoming(first, step: .copying)] + own
            let blocker = try #require(MoveBlocker.of(move, view))
            #expect(blocker.cause == .queued)
            #expect(blocker.reason == "n4 copies 1 partition at a time")
            #expect(blocker.command == "quire cluster throttle --transfers 2")
            #expect(!blocker.needsAction)
        }
    }

    @Test func aLeavingNodeDeliversItsHintsBeforeTheLastStep() throws {
        let four = try ChangingCluster.calm([self.a, self.b, self.c, self.d])
        let begun = try ChangingCluster.begun([.leave(self.d)], in: four)
        let draining = try ChangingCluster.advanced(try ChangingCluster.advanced(begun))
        let ready = try ChangingCluster.receipted(draining)
        var view = self.view(ready)
        view.sights[self.d]?.hints = 12
        let blocker = try #require(MoveBlocker.of(try self.first(ready), view))
        #expect(blocker.cause == .hints)
        #expect(blocker.reason == "n4 leaves when it has delivered the 12 writes that it holds for others")
        #expect(MoveBlocker.of(try self.first(draining), view) == nil, "other things come first")
    }

    @Test func aChangeOnItsWayBackIsNotAbortedAgain() throws {
        let layout = try ChangingCluster.advanced(try ChangingCluster.advanced(try self.joining())).aborting()
        let move = try self.first(layout)
        let target = try #require(move.newcomers.first)
        var view = self.view(layout)
        view.sights[target]?.silentSeconds = 3
        let blocker = try #require(MoveBlocker.of(move, view))
        #expect(blocker.cause == .targetDown)
        #expect(blocker.command == nil)
        #expect(blocker.needsAction)
    }
}
