import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 7: the version fence decides whether a reply counts, never whether data is taken.
@Suite struct SafetyRule7Tests {
    /// Nodes that hold hints and former owners catch up late: everything they have is taken, by whoever owns it then.
    @Test(arguments: [UInt64](21...24))
    func whatComesFromAnOlderLayoutIsTaken(_ seed: UInt64) {
        var configuration = Scenario.wandering.configuration(seed: seed)
        configuration.faults.gaps = [.isolation: .milliseconds(400), .swizzle: .milliseconds(800)]
        #expect(configuration.outcome().violations == [], "seed \(seed)")
    }

    /// A node stands still while reads turn and asks the former owner when it goes on: that answer does not count.
    @Test(arguments: [UInt64](1...3))
    func whatAFormerOwnerIsAskedByAnOlderLayoutDoesNotCount(_ seed: UInt64) {
        #expect(Scenario.stale.configuration(seed: seed).outcome().violations == [], "seed \(seed)")
    }

    /// A node that was cut off offers its hints to those who owned the partitions before: they do not take them for theirs.
    @Test(arguments: [UInt64](1...3))
    func whoHoldsNothingOfAPartitionTakesNoHintsOfIt(_ seed: UInt64) {
        #expect(Scenario.hermit.configuration(seed: seed).outcome().violations == [], "seed \(seed)")
    }
}
