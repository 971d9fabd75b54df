import QuireCore
import Testing

/// SAFETY rule 14: nodes of another lineage are refused.
@Suite struct LayoutLineageTests {
    private let first = LayoutLineage.first
    private let second = LayoutLineage.first.recovering(id: "00000000000000aa", base: LayoutVersion(5))
    private let rival = LayoutLineage.first.recovering(id: "00000000000000bb", base: LayoutVersion(5))

    @Test func aNodeFollowsARecoveryThatKnewAllThatItKnows() {
        #expect(self.first.relation(of: self.second, at: LayoutVersion(4)) == .successor)
        #expect(self.first.relation(of: self.second, at: LayoutVersion(5)) == .successor)
        #expect(self.first.relation(of: self.second, at: LayoutVersion(6)) == .rival)
        #expect(self.second.relation(of: self.second, at: LayoutVersion(1_000_005)) == .same)
    }

    @Test func nobodyGoesBackOrAcross() {
        #expect(self.second.relation(of: self.first, at: LayoutVersion(1_000_005)) == .predecessor)
        #expect(self.second.relation(of: self.rival, at: LayoutVersion(1_000_005)) == .rival)
    }

    /// A node that slept through two recoveries judges by the one that continued its own life of the log.
    @Test func aSleeperFollowsTheLatestOfSeveralRecoveries() {
        let third = self.second.recovering(id: "00000000000000cc", base: LayoutVersion(1_000_009))
        #expect(third.number == 2 && third.base == LayoutVersion(1_000_009))
        #expect(self.first.relation(of: third, at: LayoutVersion(5)) == .successor)
        #expect(self.first.relation(of: third, at: LayoutVersion(6)) == .rival)
        #expect(self.rival.relation(of: third, at: LayoutVersion(1_000_005)) == .rival)
        #expect(self.second.relation(of: third, at: LayoutVersion(1_000_009)) == .successor)
    }

    @Test func namesItsRecoveriesSoundly() {
        #expect(self.first.isValid && self.second.isValid)
        #expect(!self.first.recovering(id: "x", base: LayoutVersion(5)).isValid)
        #expect(!self.first.recovering(id: "00000000000000aa", base: .none).isValid)
        #expect(
            !self.second.recovering(id: "00000000000000cc", base: LayoutVersion(6)).isValid,
            "versions would be used twice"
        )
        #expect(!self.second.recovering(id: "00000000000000cc", base: LayoutVersion(.min)).isValid)
        #expect(self.second.allows(LayoutVersion(1_000_005)) && !self.second.allows(LayoutVersion(1_000_004)))
    }
}
