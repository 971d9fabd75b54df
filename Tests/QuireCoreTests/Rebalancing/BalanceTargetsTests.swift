import QuireCore
import Testing

@Suite struct BalanceTargetsTests {
    private func targets(_ zones: [Int], partitions: Int = 256, replicas: Int = 3) -> BalanceTargets {
        BalanceTargets(
            zones: zones.indices.flatMap { Array(repeating: "z\($0)", count: zones[$0]) },
            partitionCount: partitions,
            replicaCount: replicas
        )
    }

    @Test func equalNodesShareEqually() {
        let targets = self.targets([4])
        #expect(targets.replicas == Array(repeating: 192...192, count: 4))
        #expect(targets.tokens == 64...64)
        #expect(targets.saturatedZones.isEmpty)
    }

    @Test func sharesAreRoundedDownOrUp() {
        let targets = self.targets([5])
        #expect(targets.replicas == Array(repeating: 153...154, count: 5))
        #expect(targets.tokens == 51...52)
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

    @Test func tokensAreLooserOnlyAroundSaturatedZones() {
        #expect(self.targets([4]).tokensAllowed == 64...64)
        #expect(self.targets([5, 4, 4]).tokensAllowed == 18...21)
    }
}
