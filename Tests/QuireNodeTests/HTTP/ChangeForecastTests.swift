import QuireCore
import Testing

@testable import QuireNode

@Suite struct ChangeForecastTests {
    private let members: Set<NodeID> = [ChangingCluster.a, ChangingCluster.b, ChangingCluster.c]

    private func planned() throws -> (plan: LayoutPlan, layout: Layout) {
        let layout = try ChangingCluster.calm().staging(.join(ChangingCluster.member(ChangingCluster.d)))
        return (try LayoutPlanner.plan(for: layout), layout)
    }

    /// Partition p has p + 1 bytes at each holder.
    private func sizes(_ layout: Layout) -> [NodeID: [Int: Int]] {
        let all = Dictionary(
            uniqueKeysWithValues: layout.partitionCount.partitions.map { ($0.rawValue, $0.rawValue + 1) }
        )
        return Dictionary(uniqueKeysWithValues: self.members.map { ($0, all) })
    }

    @Test func linksCarryExactlyWhatNodesReceive() throws {
        let (plan, layout) = try self.planned()
        let forecast = ChangeForecast(plan, layout, sizes: self.sizes(layout), reachable: self.members)
        let expected = plan.moves.reduce(0) { $0 + $1.partition.rawValue + 1 }
        #expect(forecast.incoming == [ChangingCluster.d: expected])
        #expect(forecast.links.values.reduce(0, +) == expected)
        #expect(forecast.links.keys.allSatisfy { $0.to == ChangingCluster.d && self.members.contains($0.from) })
        #expect(forecast.busiest.map(\.bytes) == forecast.links.values.sorted(by: >))
    }

    @Test func nobodyCopiesFromWhoIsAway() throws {
        let (plan, layout) = try self.planned()
        let forecast = ChangeForecast(plan, layout, sizes: self.sizes(layout), reachable: [ChangingCluster.b])
        #expect(forecast.links.keys.allSatisfy { $0.from == ChangingCluster.b })
    }

    @Test func sizesThatNobodyToldAreUnknownNotZero() throws {
        let (plan, layout) = try self.planned()
        let forecast = ChangeForecast(plan, layout, sizes: [:], reachable: self.members)
        #expect(forecast.incoming == nil)
        #expect(forecast.seconds(at: 1000) == nil)
    }

    @Test func theFullestNodeDecidesHowLongItTakes() throws {
        let (plan, layout) = try self.planned()
        let forecast = ChangeForecast(plan, layout, sizes: self.sizes(layout), reachable: self.members)
        let most = try #require(forecast.incoming?.values.max())
        #expect(forecast.seconds(at: 1) == most)
        #expect(forecast.seconds(at: most) == 1)
        #expect(forecast.seconds(at: most - 1) == 2)
        #expect(forecast.seconds(at: 0) == nil)
    }
}
