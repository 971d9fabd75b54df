import QuireCore
import Testing

@Suite struct BalanceTargetsTests {
    private func targets(
        _ zones: [Int],
        partitions: Int = 256,
        replicas: Int = 3,
        weights: [Int]? = nil
    ) -> BalanceTargets {
        BalanceTargets(
            zones: zones.indices.flatMap { Array(repeating: "z\($0)", count: zones[$0]) },
            weights: weights,
            partitionCount: partitions,
            replicaCount: replicas
        )
    }

    @Test func equalNodesShareEqually() {
        let targets = self.targets([4])
        #expect(targets.replicas == Array(repeating: 192...192, count: 4))
        #expect(targets.tokens == Array(repeating: 64...64, count: 4))
        #expect(targets.saturatedZones.isEmpty)
    }

    @Test func sharesAreRoundedDownOrUp() {
        let targets = self.targets([5])
        #expect(targets.replicas == Array(repeating: 153...154, count: 5))
        #expect(targets.tokens == Array(repeating: 51...52, count: 5))
    }

    @Test func fewerNodesThanReplicasHoldEverything() {
        let targets = self.targets([2])
        #expect(targets.rowSize == 2)
        #expect(targets.replicas == [256...256, 256...256])
    }

    @Test func aZoneWithTooManyNodesIsCappedAtOneReplicaPerPartition() {
        let targets = self.targets([5, 4, 4])
        #expect(targets.saturatedZones == [SaturatedZone(zone: "z0", limit: .oneReplicaPerPartition)])
        #expect(Array(targets.replicas.prefix(5)) == Array(repeating: 51...52, count: 5))
        #expect(Array(targets.replicas.suffix(8)) == Array(repeating: 64...64, count: 8))
    }

    /// Capping one zone raises the common share, which may cap the next.
    @Test func capsOneZoneAfterTheOther() {
        let targets = self.targets([10, 4, 2, 1], replicas: 3)
        #expect(targets.saturatedZones.map(\.zone) == ["z0", "z1"])
        #expect(Array(targets.replicas.suffix(3)) == Array(repeating: 85...86, count: 3))
    }

    @Test func aSmallZoneAmongFewHoldsEveryPartition() {
        let targets = self.targets([1, 5])
        #expect(targets.zonesPerRow == 2)
        #expect(targets.saturatedZones == [SaturatedZone(zone: "z0", limit: .replicaOfEveryPartition)])
        #expect(targets.replicas[0] == 256...256)
        #expect(targets.replicas[1] == 102...103)
    }

    // MARK: Weights

    @Test func sharesFollowTheWeights() {
        let targets = self.targets([5], weights: [200, 100, 100, 100, 100])
        #expect(targets.replicas == [256...256] + Array(repeating: 128...128, count: 4))
        #expect(targets.tokens == [85...86] + Array(repeating: 42...43, count: 4))
    }

    /// A node holds each partition once at most, whatever its weight; what it leaves is shared by the others.
    @Test func aNodeIsCappedAtEveryPartition() {
        let targets = self.targets([5], weights: [1000, 100, 100, 100, 100])
        #expect(targets.replicas == [256...256] + Array(repeating: 128...128, count: 4))
        #expect(targets.saturatedNodes == [0])
        #expect(targets.tokens[0] == 182...183)
    }

    @Test func aSmallWeightMayHoldNothing() {
        let targets = self.targets([5], partitions: 8, weights: [10_000, 10_000, 10_000, 10_000, 1])
        #expect(targets.replicas[4] == 0...1)
        #expect(targets.tokens[4] == 0...1)
    }

    @Test func weightsCountInsideASaturatedZone() {
        let targets = self.targets([2, 2, 2], weights: [300, 100, 100, 100, 100, 100])
        #expect(targets.saturatedZones.map(\.zone).contains("z0"))
        #expect(targets.replicas[0] == 192...192)
        #expect(targets.replicas[1] == 64...64)
        #expect(targets.replicas[2] == 128...128)
    }

    @Test func tokensAreLooserOnlyAroundSaturatedZones() {
        #expect(self.targets([4]).tokensAllowed[0] == 64...64)
        #expect(self.targets([5, 4, 4]).tokensAllowed[0] == 18...21)
    }
}
