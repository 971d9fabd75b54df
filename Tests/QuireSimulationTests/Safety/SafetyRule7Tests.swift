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
}
