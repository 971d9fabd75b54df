import QuireCore
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
}
