import QuireSimulation
import Testing

/// The checkers are worth what they catch. `quire simulate mutations` plants every defect of the list; here is one for
/// each rule, so that a plain test run notices a checker that has gone blind.
@Suite struct MutationTests {
    @Test func theListHasEveryDefectOnce() {
        let listed = PlantedDefect.all.map(\.mutation)
        #expect(Set(listed) == Set(Mutation.allCases))
        #expect(listed.count == Mutation.allCases.count)
        #expect(listed.count >= 25)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18])
    func aDefectAgainstEachRuleIsFound(_ rule: Int) throws {
        let defects = PlantedDefect.all.filter { $0.rule == rule }
        let quickest = try #require(defects.min { $0.seedsMax < $1.seedsMax }, "no defect breaks rule \(rule)")
        #expect(quickest.caughtBy() != nil, "\(quickest.mutation) survived \(quickest.seedsMax) seeds")
    }
}
