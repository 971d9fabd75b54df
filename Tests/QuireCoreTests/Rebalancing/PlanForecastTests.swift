import QuireCore
import Testing

@Suite struct PlanForecastTests {
    private func node(_ number: Int) -> NodeID { NodeID(number: number) }

    private func input(_ layout: Layout, bytes: Int, free: [NodeID: Int] = [:]) -> PlanForecast.Input {
        .init(
            partitionBytes: Dictionary(uniqueKeysWithValues: layout.partitionCount.partitions.map { ($0, bytes) }),
            freeBytes: free,
            bytesPerSecond: 1000
        )
    }

    @Test func addsUpToWhatThePlanMoves() throws {
        let (layout, plan) = try Layout.initial(Member.inZones([4]), partitions: 64).planned([.join(.numbered(5))])
        let forecast = PlanForecast(of: plan, on: layout, self.input(layout, bytes: 100))
        #expect(forecast.bytes == plan.movedReplicas * 100)
        #expect(forecast.links.reduce(0) { $0 + $1.bytes } == forecast.bytes)
        #expect(forecast.links.allSatisfy { $0.target == self.node(5) })
        // One node takes everything, four at a time.
        #expect(forecast.seconds == Double(forecast.bytes) / 1000)
        #expect(forecast.steps == (plan.movedReplicas + 3) / 4)
        for (node, share) in zip(forecast.nodes, plan.perNode) {
            #expect(node.bytesBefore == share.replicasBefore * 100)
            #expect(node.bytesAfter == share.replicasAfter * 100)
            #expect(node.bytesPeak == (share.replicasBefore + share.incoming) * 100)
        }
        #expect(forecast.nodes[4].bytesByStep.count == forecast.steps)
        #expect(forecast.nodes[4].bytesByStep.first == 400)
        #expect(forecast.nodes[4].bytesByStep.last == forecast.nodes[4].bytesPeak)
        #expect(forecast.nodes[0].bytesByStep == Array(repeating: forecast.nodes[0].bytesBefore, count: forecast.steps))
        #expect(forecast.nodes[4].peakStep == forecast.steps)
        #expect(forecast.nodes[0].peakStep == 0)
    }

    @Test func keepsToTheLimits() throws {
        let first = try Layout.initial(Member.inZones([4]), partitions: 64)
        let limited = try first.limiting(TransferLimits(bytesPerSecondMax: 10, transfersPerNodeMax: 1))
        let (layout, plan) = try limited.planned([.join(.numbered(5))])
        let forecast = PlanForecast(of: plan, on: layout, self.input(layout, bytes: 100))
        #expect(forecast.steps == plan.movedReplicas)
        #expect(forecast.seconds == Double(plan.movedReplicas * 10))
    }

    /// What is forecast is what the nodes will do: both take their order from the layout.
    @Test func linksAreThoseOfTheOrderThatNodesFollow() throws {
        let (layout, plan) = try Layout.initial(Member.inZones([3, 3]), partitions: 64).planned([
            .join(.numbered(7, zone: "z0")), .leave(self.node(2)), .setWeight(self.node(3), 300),
        ])
        let forecast = PlanForecast(of: plan, on: layout, self.input(layout, bytes: 1))
        let committed = try layout.committing(plan)
        let fills = MoveOrder.order(of: committed.moves, layout: committed)
        let links = Dictionary(grouping: fills) { [$0.source, $0.target] }.mapValues(\.count)
        #expect(Dictionary(uniqueKeysWithValues: forecast.links.map { ([$0.source, $0.target], $0.bytes) }) == links)
    }

    @Test func nobodyCopiesFromWhoIsAwayAndNoTimeIsToldWithoutARate() throws {
        let (layout, plan) = try Layout.initial(Member.inZones([4]), partitions: 64).planned([.join(.numbered(5))])
        var input = self.input(layout, bytes: 1)
        input.unreachable = [self.node(1), self.node(2)]
        input.bytesPerSecond = nil
        let forecast = PlanForecast(of: plan, on: layout, input)
        #expect(Set(forecast.links.map(\.source)) == [self.node(3), self.node(4)])
        #expect(forecast.seconds == nil)
    }

    /// Replicas that go make room only after the new ones have come: a disk can be fuller on the way than at the end.
    @Test func findsThePeakOnTheWay() throws {
        let changes: [StagedChange] = [.setZone(self.node(1), "z1"), .setZone(self.node(4), "z0")]
        let (layout, plan) = try Layout.initial(Member.inZones([3, 3]), partitions: 64, replicas: 2).planned(changes)
        let forecast = PlanForecast(of: plan, on: layout, self.input(layout, bytes: 1))
        for node in forecast.nodes {
            #expect(node.bytesPeakReclaimed >= max(node.bytesBefore, node.bytesAfter))
            #expect(node.bytesPeak >= node.bytesPeakReclaimed)
        }
        #expect(forecast.nodes.contains { $0.bytesPeakReclaimed > max($0.bytesBefore, $0.bytesAfter) })
    }

    @Test func namesADiskThatIsTooSmall() throws {
        let (layout, plan) = try Layout.initial(Member.inZones([4]), partitions: 64).planned([.join(.numbered(5))])
        let needed = plan.movedReplicas * 100
        func isTooSmall(_ free: Int) -> Bool {
            let input = self.input(layout, bytes: 100, free: [self.node(5): free])
            return PlanForecast(of: plan, on: layout, input).nodes[4].isTooSmall
        }
        #expect(isTooSmall(needed - 1))
        #expect(!isTooSmall(needed))
    }
}
