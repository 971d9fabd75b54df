import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 2: the minter holds all that it ever minted under its actor; else it takes a fresh one.
@Suite struct SafetyRule2Tests {
    /// A replica loses (A,1) with its disk and mints again: under A, its peers take the new write for the old one.
    @Test func aDotThatIsIssuedTwiceHidesTheSecondWrite() {
        var peer = Record()
        peer.mint(.sample(actor: 1, counter: 1, value: "before"), superseding: .context(VersionVector()))
        var reused = Record()
        reused.mint(.sample(actor: 1, counter: 1, value: "after"), superseding: .context(VersionVector()))
        var fresh = Record()
        fresh.mint(.sample(actor: 2, counter: 1, value: "after"), superseding: .context(VersionVector()))

        #expect(peer.merging(reused).siblings.map(\.text) == ["before"], "the second write is gone")
        #expect(peer.merging(fresh).siblings.map(\.text) == ["before", "after"])
    }

    /// A replica that counts on from a lost record claims what it has not got.
    @Test func aCounterAheadOfItsRecordClaimsWhatIsLost() {
        var peer = Record()
        peer.mint(.sample(actor: 1, counter: 1, value: "before"), superseding: .context(VersionVector()))
        var ahead = Record()
        ahead.mint(.sample(actor: 1, counter: 2, value: "after"), superseding: .context(VersionVector()))

        #expect(
            peer.merging(ahead).siblings.map(\.text) == ["after"],
            "the first write is gone, and nobody replaced it"
        )
    }

    @Test(arguments: [Mutation.reusesActorAfterCrash, .mintsWithoutItsRecord, .acceptsForeignContexts])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
