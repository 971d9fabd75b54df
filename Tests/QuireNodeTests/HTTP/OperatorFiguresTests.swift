import QuireCore
import Testing

@testable import QuireNode

@Suite struct OperatorFiguresTests {
    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 20, "5.0 MiB"), (1_000_000, "977 KiB"),
        (200 << 30, "200 GiB"), (-5, "0 B"),
    ])
    func sizesAreReadable(_ bytes: Int, _ text: String) {
        #expect(ByteText.of(bytes) == text)
    }

    @Test(arguments: [
        (0, "0 s"), (59, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (3 * 3600, "3 h"), (3 * 3600 + 120, "3 h 2 min"),
        (50 * 3600, "2 d 2 h"), (7 * 86_400, "7 d"),
    ])
    func agesAreReadable(_ seconds: Int, _ text: String) {
        #expect(AgeText.of(seconds: seconds) == text)
    }

    @Test func oneChangeIsComparedWithSeveral() throws {
        let calm = try ChangingCluster.calm()
        let fifth = ChangingCluster.member(NodeID(rawValue: 5))
        let one = try calm.staging(.join(ChangingCluster.member(ChangingCluster.d)))
        #expect(ClusterService.movedSeparately(one) == nil)
        let two = try one.staging(.join(fifth))
        let separately = try #require(ClusterService.movedSeparately(two))
        #expect(separately >= (try LayoutPlanner.plan(for: two)).movedReplicas)
        let swap = try one.staging(.leave(ChangingCluster.a))
        #expect(try #require(ClusterService.movedSeparately(swap)) > (try LayoutPlanner.plan(for: swap)).movedReplicas)
    }

    @Test func theLastSnapshotIsRemembered() throws {
        let scratch = try ScratchDirectory()
        #expect(LastSnapshot.load(from: scratch.path) == nil)
        let snapshot = LastSnapshot(
            repository: "/r",
            snapshot: "20261125T000000Z-1",
            beganMilliseconds: 1_700_000_000_000
        )
        try snapshot.save(to: scratch.path)
        #expect(LastSnapshot.load(from: scratch.path) == snapshot)
    }
}
