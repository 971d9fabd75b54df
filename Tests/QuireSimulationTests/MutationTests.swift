import QuireSimulation
import Testing

/// The checkers are worth what they catch: each planted defect must be found within the stated number of seeds.
@Suite struct MutationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let mutation: Mutation
        let changesMembership: Bool
        let seeds: UInt64

        var testDescription: String { "\(self.mutation) within \(self.seeds) seeds" }
    }

    private static let cases = [
        Case(mutation: .acknowledgesBeforeSync, changesMembership: false, seeds: 3),
        Case(mutation: .reusesActorAfterCrash, changesMembership: false, seeds: 20),
        Case(mutation: .keepsNewestSiblingOnly, changesMembership: false, seeds: 3),
        Case(mutation: .votesBeforeStoring, changesMembership: true, seeds: 15),
    ]

    @Test(arguments: Self.cases)
    func aPlantedDefectIsFound(_ planted: Case) {
        for seed in 1...planted.seeds {
            var configuration =
                planted.changesMembership ? SimulatedClusterTests.changing(seed) : SimulatedClusterTests.steady(seed)
            configuration.mutation = planted.mutation
            if !SimulatedCluster(configuration: configuration).run().isEmpty { return }
        }
        Issue.record("\(planted.mutation) survived \(planted.seeds) seeds")
    }
}
