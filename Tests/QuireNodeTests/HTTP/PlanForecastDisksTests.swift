import QuireCore
import Testing

@testable import QuireNode

@Suite struct PlanForecastDisksTests {
    private func planned() throws -> (plan: LayoutPlan, layout: Layout) {
        let layout = try ChangingCluster.calm().staging(.join(ChangingCluster.member(ChangingCluster.d)))
        return (try LayoutPlanner.plan(for: layout), layout)
    }

    /// Partition p has p + 1 bytes at each of these.
    private func disks(_ nodes: [NodeID], _ layout: Layout) -> [NodeID: PlanForecast.Disk] {
        let sizes = layout.partitionCount.partitions.map { ($0.rawValue, $0.rawValue + 1) }
        let disk = PlanForecast.Disk(
            partitionBytes: Dictionary(uniqueKeysWithValues: sizes),
            usedBytes: 50,
            freeBytes: 1000
        )
        return Dictionary(uniqueKeysWithValues: nodes.map { ($0, disk) })
    }

    private let members = [ChangingCluster.a, ChangingCluster.b, ChangingCluster.c]

    @Test func linksCarryExactlyWhatNodesReceive() throws {
        let (plan, layout) = try self.planned()
        let input = try #require(PlanForecast.Input(plan, layout, disks: self.disks(self.members, layout)))
        let forecast = PlanForecast(of: plan, on: layout, input)
        let expected = plan.moves.reduce(0) { $0 + $1.partition.rawValue + 1 }
        #expect(
            forecast.bytesIncoming == [
                ChangingCluster.a: 0, ChangingCluster.b: 0, ChangingCluster.c: 0, ChangingCluster.d: expected,
            ]
        )
        #expect(forecast.busiestLinks.reduce(0) { $0 + $1.bytes } == expected)
        #expect(forecast.busiestLinks.map(\.bytes) == forecast.links.map(\.bytes).sorted(by: >))
        // What is not of partitions takes room, too.
        #expect(forecast.nodes[0].bytesPeak == 50)
        #expect(forecast.nodes[0].freeBytes == 1000)
    }

    @Test func nobodyCopiesFromWhoDidNotAnswer() throws {
        let (plan, layout) = try self.planned()
        let input = try #require(PlanForecast.Input(plan, layout, disks: self.disks([ChangingCluster.b], layout)))
        let links = PlanForecast(of: plan, on: layout, input).links
        #expect(!links.isEmpty)
        #expect(links.allSatisfy { $0.source == ChangingCluster.b })
    }

    @Test func sizesThatNobodyToldAreUnknownNotZero() throws {
        let (plan, layout) = try self.planned()
        let input = PlanForecast.Input(plan, layout, disks: [:])
        #expect(input.map { PlanForecast(of: plan, on: layout, $0) } == nil)
    }
}
