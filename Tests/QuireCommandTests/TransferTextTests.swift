import QuireWire
import Testing

@testable import quire

@Suite struct TransferTextTests {
    private static func change(
        kind: String = "planned",
        state: String = "running",
        isFinished: Bool = false
    ) -> ClusterAPI.Change {
        ClusterAPI.Change(
            plan: "abc",
            kind: kind,
            state: state,
            isFinished: isFinished,
            movedReplicas: 10,
            movedReplicasMinimum: 10,
            copiedReplicas: 4,
            copiedBytes: 4 << 20,
            dualWrite: 2,
            readNew: 0,
            draining: 1
        )
    }

    private static func move(_ partition: Int, cause: String? = nil, needsAction: Bool? = nil) -> TransferAPI.Move {
        var move = TransferAPI.Move(
            partition: partition,
            phase: "dualWrite",
            from: ["n1", "n2", "n3"],
            to: ["n4", "n2", "n3"],
            incoming: []
        )
        move.step = "waiting"
        move.ageMilliseconds = 65_000
        move.cause = cause
        move.needsAction = needsAction
        if cause != nil {
            move.blocker = "n4 does not answer for 35 s"
            move.command = "quire cluster abort"
        }
        return move
    }

    private static func report(
        _ moves: [TransferAPI.Move],
        change: ClusterAPI.Change = Self.change()
    )
        -> TransferAPI.Report
    {
        TransferAPI.Report(
            change: change,
            layoutVersion: 9,
            bytesDone: 4 << 20,
            bytesTotal: 10 << 20,
            replicasDone: 4,
            replicasTotal: 10,
            moves: moves
        )
    }

    private static func words(_ text: String) -> [String] {
        text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    }

    @Test func oneReasonForManyPartitionsIsSaidOnceWithItsCommand() {
        let moves = [1, 2].map { Self.move($0, cause: "target-down", needsAction: true) } + [Self.move(3)]
        let text = TransferText(Self.report(moves))
        #expect(text.blockers == ["2 partitions: n4 does not answer for 35 s: `quire cluster abort`"])
        let lines = Self.words(text.rendered())
        #expect(lines[1] == "4/10 replicas covered, 4.0 MiB/10.0 MiB copied")
        #expect(lines[2] == "! 2 partitions: n4 does not answer for 35 s: `quire cluster abort`")
        #expect(lines.contains("1 n1 → n4 dual write waiting 1m05s - - - - target-down"))
        #expect(lines.contains("3 n1 → n4 dual write waiting 1m05s - - - - -"))
    }

    @Test func whatPassesByItselfIsNoAlarm() {
        let text = TransferText(Self.report([Self.move(1, cause: "queued", needsAction: false)]))
        #expect(text.blockers == [])
        #expect(text.rendered().contains("  - 1 partition: n4 does not answer"))
    }

    @Test func whatRunsShowsRateAndTime() {
        var move = Self.move(5)
        var incoming = TransferAPI.Incoming(
            partition: 5,
            target: "n4",
            source: "n2",
            step: "copying",
            bytesDone: 1 << 20,
            bytesTotal: 3 << 20,
            ageMilliseconds: 400,
            attempts: 2,
            blocker: nil
        )
        incoming.bytesPerSecond = 5_000_000
        incoming.etaSeconds = 12
        move.incoming = [incoming]
        let lines = Self.words(TransferText(Self.report([move])).rendered())
        #expect(lines.last == "5 n1 → n4 (n2) dual write copying 0.4s 1.0 MiB/3.0 MiB 5.0 MB/s 12s 2 -")
    }

    @Test func longListsAreCutUnlessAllIsAskedFor() {
        let moves = (0..<60).map { Self.move($0) } + [Self.move(60, cause: "disk-full", needsAction: true)]
        let text = TransferText(Self.report(moves))
        #expect(text.rendered().hasSuffix("… and 21 more (--all lists them)"))
        #expect(Self.words(text.rendered())[4].hasPrefix("60 "), "who waits for a person comes first")
        #expect(text.rendered(all: true).split(separator: "\n").count == 4 + 61)
    }

    @Test func progressCountsFromWhereTheWatchBegan() {
        var first = Self.report([])
        first.replicasDone = 2
        let line = TransferText(Self.report([Self.move(1)])).progress(since: first)
        #expect(line.doneBefore == 2)
        #expect(line.remainingSeconds(elapsedSeconds: 10) == 30)
        let other = Self.report([], change: Self.change(kind: "abort"))
        #expect(TransferText(Self.report([])).progress(since: other).doneBefore == 0)
    }

    @Test func theChangeIsToldInEachOfItsStates() {
        let lines = [
            Self.change(), Self.change(state: "paused"), Self.change(kind: "abort"), Self.change(kind: "undo"),
            Self.change(isFinished: true), Self.change(kind: "abort", isFinished: true),
        ].map { StatusText.line(of: $0) }
        let motion = "partitions in motion: 2 dual write, 0 read new, 1 draining"
        #expect(
            lines == [
                "Change abc: 10 replicas to move (proven minimum 10); \(motion)",
                "Change abc: PAUSED, 10 replicas to move (proven minimum 10); \(motion)",
                "Change abc, on its way back: 10 replicas to take up; \(motion)",
                "Change abc, an undo: 10 replicas to take up; \(motion)",
                "Last change abc: finished, 10 replicas moved (proven minimum 10), 4.0 MiB copied",
                "Last change abc: aborted, 4.0 MiB copied for the way back",
            ]
        )
    }

    @Test func untilWhenItCanBeTakenBackIsSaid() {
        var change = Self.change(isFinished: true)
        change.isUndoable = true
        change.undoUntilMilliseconds = 1_795_610_000_000
        #expect(
            StatusText.line(of: change).hasSuffix("\n`quire cluster undo` takes it back until 2026-11-25 12:33:20Z")
        )
    }
}
