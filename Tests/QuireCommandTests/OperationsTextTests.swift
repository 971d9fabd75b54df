import QuireWire
import Testing

@testable import quire

@Suite struct OperationsTextTests {
    private static func entry(_ kind: String, outcome: String, staged: [(String, String)]) -> OperationsAPI.Entry {
        var entry = OperationsAPI.Entry(
            plan: "abc",
            kind: kind,
            state: "finished",
            staged: staged.map { .init(action: $0.1, node: $0.0, name: $0.0, zone: "z") },
            beganAt: 3,
            movedReplicas: 64,
            movedReplicasMinimum: 60,
            copiedReplicas: 64,
            copiedBytes: 1 << 20
        )
        entry.outcome = outcome
        entry.beganMilliseconds = 1_795_610_000_000
        entry.endedMilliseconds = 1_795_610_075_000
        return entry
    }

    @Test func historyHasALineForEachChange() {
        let history = OperationsAPI.History(changes: [
            Self.entry("undo", outcome: "done", staged: [("n4", "join")]),
            Self.entry("planned", outcome: "undone", staged: [("n4", "join"), ("n2", "leave"), ("n5", "join")]),
        ])
        #expect(
            HistoryText(history).rendered() == """
                plan  what                   outcome  began                  took  replicas  minimum   copied
                abc   undo of: n4 join       done     2026-11-25 12:33:20Z  1m15s     64/64       60  1.0 MiB
                abc   n4, n5 join; n2 leave  undone   2026-11-25 12:33:20Z  1m15s     64/64       60  1.0 MiB
                """
        )
        #expect(HistoryText(.init(changes: [])).rendered() == "No change of capacity has been committed.")
    }

    @Test func anUndoSaysWhatItCopiesAndUntilWhen() {
        var preview = OperationsAPI.UndoPreview(
            plan: "abc",
            staged: [.init(action: "join", node: "4", name: "n4", zone: "z")],
            partitions: 48,
            replicas: 64
        )
        preview.replicasWithFiles = 64
        preview.bytesMax = 3 << 20
        preview.untilMilliseconds = 1_795_610_000_000
        #expect(
            UndoText(preview).rendered() == """
                Undo of change abc (n4 join): possible until 2026-11-25 12:33:20Z
                48 partitions return to their earlier rows, 64 replicas: all of them still have their files: only what was \
                written since is copied (at most 3.0 MiB)
                """
        )
        preview.replicasWithFiles = 60
        #expect(UndoText(preview).copies.contains("60 still have their files, the others are copied whole"))
        preview.replicasWithFiles = nil
        #expect(UndoText(preview).copies.contains("not known"))
    }

    @Test func aDrainedNodeSaysWhenItIsSafeToStop() {
        let busy = OperationsAPI.Drain(node: "n2", isDraining: true, hints: 3, isFlushed: false, blocker: "n3: no link")
        #expect(!busy.isSafeToStop)
        #expect(
            DrainText(busy).rendered() == """
                n2 refuses clients, and is not yet safe to stop:
                  ! it holds 3 writes for others (n3: no link)
                  ! it is still flushing its partitions
                """
        )
        let safe = OperationsAPI.Drain(node: "n2", isDraining: true, hints: 0, isFlushed: true)
        #expect(DrainText(safe).rendered().contains("it is safe to stop"))
        let unknown = OperationsAPI.Drain(node: "n2", isDraining: true, hints: nil, isFlushed: true)
        #expect(!unknown.isSafeToStop)
        let serving = OperationsAPI.Drain(node: "n2", isDraining: false, hints: 0, isFlushed: true)
        #expect(!serving.isSafeToStop)
        #expect(DrainText(serving).rendered() == "n2 serves clients.")
    }

    @Test(arguments: [
        ("90", 90), ("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("0s", 0), ("", nil), ("h", nil),
        ("-1s", nil), ("1.5h", nil), ("10 m", nil), ("5w", nil), ("9999999999s", nil),
    ])
    func agesAreRead(_ text: String, _ seconds: Int?) {
        #expect(AgeArgument(argument: text)?.seconds == seconds)
    }

    @Test(arguments: [
        ("50MB", 50_000_000), ("64MiB", 64 << 20), ("512KiB", 512 << 10), ("1.5GB", 1_500_000_000), ("100", 100),
    ])
    func ratesAreRead(_ text: String, _ bytes: Int) {
        #expect(ByteRate(argument: text)?.bytes == bytes)
    }

    @Test(arguments: ["0", "-5MB", "fast", "", "MB", "nanMB", "1e30GB"])
    func whatIsNoRateIsRefused(_ text: String) {
        #expect(ByteRate(argument: text) == nil)
    }

    @Test func unlimitedIsARateWithoutALimit() throws {
        #expect(try #require(ByteRate(argument: "unlimited")).bytes == nil)
    }

    @Test func aRecoveryIsShownBeforeItIsConfirmed() {
        var status = ClusterAPI.Status(
            node: .init(id: "1", name: "n1"),
            clusterID: "73f2aba7c0ffee",
            layoutVersion: 12,
            partitions: 8,
            replicas: 3,
            readQuorum: 2,
            writeQuorum: 2,
            members: [],
            staged: [],
            change: nil
        )
        status.voters = ["n1", "n2", "n3"]
        let text = RecoverText(status, lost: ["n2", "n3"])
        #expect(
            text.preview(node: nil, wrong: nil)
                == "nothing was done. The voters are n1, n2, n3; without n2, n3 there are 1, and 2 decide. If the lost ones "
                + "will never come back, let n1 begin a new life of the layout log: quire cluster recover --lost n2 --lost "
                + "n3 --confirm 73f2aba7"
        )
        #expect(
            text.preview(node: "http://h:1", wrong: "abc").hasPrefix("'abc' is not this cluster. nothing was done.")
        )
        var after = status
        after.layoutVersion = 1_000_012
        after.voters = ["n1"]
        after.notes = ["n2, n3 is gone"]
        #expect(
            text.outcome(after).hasPrefix(
                "The layout log goes on from layout 12 as layout 1000012, decided by n1.\n  ! n2, n3 is gone\nNext:"
            )
        )
    }

    @Test(arguments: [
        ("check_failed", quire.ExitStatus.unhealthy), ("plan_stale", .conflict), ("change_running", .conflict),
        ("node_down", .conflict), ("members_unreachable", .unreachable), ("not_initialised", .failed),
        ("nothing_staged", .failed),
    ])
    func refusalsHaveTheirExitCodes(_ code: String, _ status: quire.ExitStatus) {
        #expect(quire.ExitStatus(ofAnswer: code) == status)
    }
}
