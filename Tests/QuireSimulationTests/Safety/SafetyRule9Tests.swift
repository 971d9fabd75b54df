import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 9: a tombstone goes only when every member has attested twice that nothing is left for it to cover.
///
/// In whole clusters: what a collected tombstone had superseded is never again held by a replica or a stand-in, and
/// never read. `TombstoneCollectionTests` has each obstacle by itself.
///
/// That epochs count is a dialogue there and no mutation here: ignored epochs harm only when a stand-in gets an old
/// value after the first round, keeps it for as long as the distance allows for pauses, delivers it just before the
/// second, and a copy of that message comes after the drop. Hundreds of seeds do not meet all of it.
@Suite struct SafetyRule9Tests {
    /// A value that comes when its tombstone is gone is taken for a new one.
    @Test func aLateValueComesBackWhenItsTombstoneIsGone() {
        var value = Record()
        value.mint(.sample(actor: 1, counter: 1, value: "old"), superseding: .context(VersionVector()))
        var deleted = value
        deleted.mint(.sample(actor: 1, counter: 2, value: nil, timestamp: 2), superseding: .older)

        #expect(deleted.merging(value) == deleted)
        #expect(Record().merging(value).winner?.text == "old")
    }

    /// In one run a member may be away too often; of four some forget.
    @Test(arguments: [Scenario.forgetful, .straggling, .hoarding, .returning])
    func deletedKeysAreForgottenAndStayDeleted(_ scenario: Scenario) {
        let outcomes = [UInt64](1...4).map { scenario.configuration(seed: $0).outcome() }
        #expect(outcomes.flatMap(\.violations) == [])
        #expect(outcomes.map(\.collectedRecords).reduce(0, +) > 0)
    }

    /// A cluster that nothing befalls forgets nearly everything that was deleted.
    @Test func aQuietClusterForgetsAgainAndAgain() {
        var configuration = Scenario.forgetful.configuration(seed: 1)
        configuration.faults = .none
        let outcome = configuration.outcome()
        #expect(outcome.violations == [])
        #expect(outcome.collectedRecords > 20)
    }

    /// One member is never there: however long the others go on deleting, they keep their tombstones.
    @Test func aMemberThatIsDownKeepsEveryTombstone() {
        var configuration = Scenario.forgetful.configuration(seed: 1)
        configuration.faults = .none
        configuration.silentNode = 5
        let outcome = configuration.outcome()
        #expect(outcome.violations == [])
        #expect(outcome.acknowledgedWrites > 0)
        #expect(outcome.collectedBeforeHealing == 0)
    }

    /// Stand-ins that keep their hints to the end keep the tombstones of those partitions with them.
    @Test func hintsKeepTombstones() {
        let outcomes = [UInt64](1...4).map { Scenario.hoarding.configuration(seed: $0).outcome() }
        #expect(outcomes.allSatisfy { $0.violations.isEmpty })
        #expect(outcomes.contains { $0.obstacles[.hints] ?? 0 > 0 })
    }

    /// Something came to a stand-in, and went from it, between the rounds.
    @Test func whatHappensBetweenTheRoundsKeepsTombstones() {
        let outcomes = [UInt64](1...4).map { Scenario.straggling.configuration(seed: $0).outcome() }
        #expect(outcomes.allSatisfy { $0.violations.isEmpty })
        #expect(outcomes.contains { $0.obstacles[.disturbed] ?? 0 > 0 })
    }

    @Test(arguments: PlantedDefect.all.filter { $0.rule == 9 }.map(\.mutation))
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
