import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 3: a delivered and dropped hint ends the life of its actor.
@Suite struct SafetyRule3Tests {
    /// The stand-in X mints (X,1), delivers it, drops it, and mints again with nothing in its store.
    @Test func aStandInThatMintsOnClaimsWhatItDropped() {
        var owner = Record()
        owner.mint(.sample(actor: 9, counter: 1, value: "delivered"), superseding: .context(VersionVector()))
        var next = Record()
        next.mint(.sample(actor: 9, counter: 2, value: "next"), superseding: .context(VersionVector()))
        var fresh = Record()
        fresh.mint(.sample(actor: 10, counter: 1, value: "next"), superseding: .context(VersionVector()))

        #expect(owner.merging(next).siblings.map(\.text) == ["next"], "the delivered write is gone")
        #expect(owner.merging(fresh).siblings.map(\.text) == ["delivered", "next"])
    }

    @Test func theSimulatorCatchesAStandInThatMintsOn() {
        #expect(PlantedDefect.of(.keepsTheActorOfDroppedHints).caughtBy() != nil)
    }
}
