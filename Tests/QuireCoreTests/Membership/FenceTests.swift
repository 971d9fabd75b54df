import Testing

@testable import QuireCore

/// SAFETY rules 11 and 12: whom a move waits for, and whom it does not.
@Suite struct FenceTests {
    private func moving() throws -> Layout {
        let (staged, plan) = try Layout.initial(Member.inZones([3]), partitions: 8).planned([.join(.numbered(4))])
        return try staged.committing(plan)
    }

    /// A newcomer that has adopted the layout and is linked to these.
    private func newcomer(_ layout: Layout, linkedTo peers: [NodeID]) -> ControlCore {
        var core = ControlCoreTests.core(4)
        _ = core.handle(.started(ControlCoreTests.state(layout)), now: .zero)
        _ = core.handle(.adoptionConfirmed(layout.version), now: .zero)
        for peer in peers { _ = core.handle(.peerConnected(peer), now: .zero) }
        return core
    }

    private func fenceQuestions(_ effects: [ControlCore.Effect]) -> [(node: NodeID, correlation: UInt64)] {
        effects.compactMap { effect in
            if case .askPeer(let node, let correlation, .installFence) = effect { return (node, correlation) }
            return nil
        }
    }

    private func fills(_ effects: [ControlCore.Effect]) -> [ControlCore.CoverOrder] {
        effects.compactMap { effect in
            if case .fill(let order) = effect { return order }
            return nil
        }
    }

    private func installed(_ version: LayoutVersion, at node: NodeID, _ correlation: UInt64) -> ControlCore.Event {
        .peerAnswered(node, correlation: correlation, .control(.fenceInstalled(version)))
    }

    @Test func aNewcomerWaitsForEveryReplicaThatCanBeReached() throws {
        let layout = try self.moving()
        var core = self.newcomer(layout, linkedTo: [.a, .b, .c])
        let asked = self.fenceQuestions(core.handle(.timePassed, now: .seconds(1)))
        #expect(asked.map(\.node) == [.a, .b, .c])
        for (index, (node, correlation)) in asked.enumerated() {
            let event = self.installed(layout.version, at: node, correlation)
            let orders = self.fills(core.handle(event, now: .seconds(1)))
            #expect(orders.count == (index == 2 ? layout.moves.count : 0), "after \(index + 1) fences")
            #expect(orders.allSatisfy { Set($0.sources) == [.a, .b, .c] })
        }
    }

    /// Some are copied while others wait for their turn, or are checked and compared.
    @Test func aNewcomerHasFourTimesAsManyPartitionsInHandAsItCopies() throws {
        var layout = try self.moving()
        layout.limits = TransferLimits(transfersPerNodeMax: 1)
        var core = self.newcomer(layout, linkedTo: [.a, .b, .c])
        var orders: [ControlCore.CoverOrder] = []
        for (node, correlation) in self.fenceQuestions(core.handle(.timePassed, now: .seconds(1))) {
            let event = self.installed(layout.version, at: node, correlation)
            orders += self.fills(core.handle(event, now: .seconds(1)))
        }
        #expect(orders.count == 4)
        let receipt = PartitionMove.Receipt(node: NodeID(number: 4), root: "00", bytes: 0, checksum: "")
        let next = self.fills(core.handle(.covered(session: orders[0].session, receipt), now: .seconds(1)))
        #expect(next.count == 1)
    }

    /// A dead node cannot block a move: two of three keep the third from completing a quorum.
    @Test func aReplicaThatCannotBeReachedIsLeftOutAfterAWhile() throws {
        let layout = try self.moving()
        var core = self.newcomer(layout, linkedTo: [.a, .b])
        for (node, correlation) in self.fenceQuestions(core.handle(.timePassed, now: .seconds(1))) {
            let event = self.installed(layout.version, at: node, correlation)
            #expect(self.fills(core.handle(event, now: .seconds(1))) == [])
        }
        let orders = self.fills(core.handle(.timePassed, now: .seconds(6)))
        #expect(orders.count == layout.moves.count)
        #expect(orders.allSatisfy { Set($0.sources) == [.a, .b] })
    }

    @Test func aReplicaThatKeepsSilentIsLeftOutAfterAWhile() throws {
        let layout = try self.moving()
        var core = self.newcomer(layout, linkedTo: [.a, .b, .c])
        for (node, correlation) in self.fenceQuestions(core.handle(.timePassed, now: .seconds(1))) where node != .c {
            _ = core.handle(self.installed(layout.version, at: node, correlation), now: .seconds(1))
        }
        #expect(self.fills(core.handle(.timePassed, now: .seconds(5))) == [])
        #expect(self.fills(core.handle(.timePassed, now: .milliseconds(6100))).count == layout.moves.count)
    }

    /// One fenced replica is too few: the two others could still acknowledge by the old row alone.
    @Test func tooFewFencesAreNeverEnough() throws {
        let layout = try self.moving()
        var core = self.newcomer(layout, linkedTo: [.a])
        for (node, correlation) in self.fenceQuestions(core.handle(.timePassed, now: .seconds(1))) {
            _ = core.handle(self.installed(layout.version, at: node, correlation), now: .seconds(1))
        }
        #expect(self.fills(core.handle(.timePassed, now: .seconds(600))) == [])
    }

    @Test func anOlderFenceIsNone() throws {
        let layout = try self.moving()
        var core = self.newcomer(layout, linkedTo: [.a, .b, .c])
        let older = LayoutVersion(layout.version.rawValue - 1)
        for (node, correlation) in self.fenceQuestions(core.handle(.timePassed, now: .seconds(1))) {
            #expect(self.fills(core.handle(self.installed(older, at: node, correlation), now: .seconds(1))) == [])
        }
    }

    @Test func aPausedChangeBeginsNothing() throws {
        let layout = try self.moving().pausing()
        var core = self.newcomer(layout, linkedTo: [.a, .b, .c])
        let effects = core.handle(.timePassed, now: .seconds(1))
        #expect(self.fenceQuestions(effects).isEmpty)
        #expect(self.fills(effects).isEmpty)
    }

    @Test(arguments: [(1, 3), (2, 2), (3, 1)])
    func aWriteBlockingQuorumIsAsLargeAsTheSmallestWDemands(_ w: Int, _ needed: Int) throws {
        var layout = try self.moving()
        layout.quorums.writeQuorumFloor = w
        layout.quorums.writeQuorum = w
        let move = try #require(layout.moves.first)
        #expect(layout.fenceQuorum(of: move) == needed)
    }

    /// Before the old row is let go, nobody may be left who could answer a read by it alone.
    @Test func theSecondFenceBlocksReadsToo() throws {
        var layout = try self.moving()
        layout.quorums.readQuorum = 1
        layout.quorums.writeQuorum = 3
        var move = try #require(layout.moves.first)
        #expect(layout.fenceQuorum(of: move) == 1)
        move.phase = .readNew
        #expect(layout.fenceQuorum(of: move) == 3)
    }
}
