import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 5: expiry never mints and never rewrites; the winner is chosen first.
@Suite struct SafetyRule5Tests {
    /// Were expired versions dropped before the winner is chosen, an older value would come back at that moment.
    @Test func anExpiredWinnerDoesNotLetAnOlderSiblingShine() {
        var record = Record()
        record.mint(.sample(actor: 1, counter: 1, value: "old", timestamp: 1), superseding: .context(VersionVector()))
        let expiring = Version(
            dot: Dot(actor: ActorID(rawValue: 2), counter: 1),
            timestamp: HybridTimestamp(rawValue: 2),
            request: RequestID(high: 2, low: 1),
            value: Array("new".utf8),
            expiryMilliseconds: 100
        )
        record.mint(expiring, superseding: .context(VersionVector()))
        let before = record.encoded()

        #expect(record.isLive(atMilliseconds: 99))
        #expect(!record.isLive(atMilliseconds: 100), "the older sibling is not shown instead")
        #expect(record.winner?.text == "new")
        #expect(record.encoded() == before, "replicas that are asked at different times stay equal")
    }

    /// An expired version goes like a tombstone, once everybody has attested it, and takes nothing else with it.
    @Test func expiredVersionsAreForgottenLikeTombstones() {
        let outcomes = [UInt64](1...3).map { seed in
            var configuration = Scenario.forgetful.configuration(seed: seed)
            configuration.workload.weights = [.fading: 1]
            return configuration.outcome()
        }
        #expect(outcomes.flatMap(\.violations) == [])
        #expect(outcomes.map(\.collectedRecords).reduce(0, +) > 0)
    }

    /// The dot of the rewritten version stands for two versions then, and merging never makes them equal.
    @Test func theSimulatorCatchesAReplicaThatRewrites() {
        #expect(PlantedDefect.of(.rewritesWhatExpired).caughtBy() != nil)
    }
}
