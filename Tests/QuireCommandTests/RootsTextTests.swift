import QuireWire
import Testing

@testable import quire

@Suite struct RootsTextTests {
    private static let equal = RootsAPI.Report(
        layoutVersion: 1,
        partitions: 8,
        equal: 8,
        differing: [],
        members: [.init(name: "n1", isAnswering: true, hints: 0), .init(name: "n2", isAnswering: true, hints: 0)]
    )

    @Test func isContentWhenAllIsEqualAndNothingIsHeld() {
        let text = RootsText(Self.equal)
        #expect(text.isConverged)
        #expect(text.rendered() == "8 of 8 partitions have equal replicas; 0 hints are held")
    }

    @Test func objectsToHintsAndToSilence() {
        var report = Self.equal
        report.members[1].hints = 1200
        #expect(!RootsText(report).isConverged)
        #expect(RootsText(report).rendered().contains("n2 holds 1,200 hints"))
        report.members[1] = .init(name: "n2", isAnswering: false, hints: nil)
        #expect(!RootsText(report).isConverged)
        #expect(RootsText(report).rendered().contains("n2 did not answer"))
    }

    @Test func namesThePartitionsThatDiffer() {
        var report = Self.equal
        report.equal = 7
        report.differing = [
            .init(partition: 5, replicas: [.init(node: "n1", root: "0123456789abcdef"), .init(node: "n2", root: nil)])
        ]
        #expect(!RootsText(report).isConverged)
        #expect(RootsText(report).rendered().contains("5  n1 0123456789ab  n2 ?"))
    }

    /// One silent member of 256 partitions is one reason, not 256.
    @Test func aSilentMemberIsNamedOnceAndHidesNoDifference() {
        var report = Self.equal
        report.equal = 5
        report.members.append(.init(name: "n3", isAnswering: false, hints: nil))
        report.differing = [("a", "a"), ("b", "b"), ("c", "d")].enumerated().map { number, roots in
            .init(
                partition: number + 1,
                replicas: [
                    .init(node: "n1", root: roots.0), .init(node: "n2", root: roots.1), .init(node: "n3", root: nil),
                ]
            )
        }
        let text = RootsText(report).rendered()
        #expect(text.contains("! 2 partitions are equal as far as members have answered"))
        #expect(text.contains("3  n1 c  n2 d  n3 ?"))
        #expect(!text.contains("n1 a") && !text.contains("n1 b"))
    }
}
