import QuireWire
import Testing

@testable import quire

@Suite struct PlanTextTests {
    private static func plan(_ checks: [OperationsAPI.Check]) -> ClusterAPI.Plan {
        var newcomer = ClusterAPI.Plan.Node(
            id: "4",
            name: "n4",
            zone: "z1",
            tokensBefore: 0,
            tokensAfter: 16,
            replicasBefore: 0,
            replicasAfter: 48,
            incoming: 48,
            outgoing: 0
        )
        newcomer.storedBytes = 0
        newcomer.incomingBytes = 12 << 20
        newcomer.peakBytes = 12 << 20
        newcomer.diskFreeBytes = 30 << 30
        let silent = ClusterAPI.Plan.Node(
            id: "1",
            name: "n1",
            zone: "z1",
            tokensBefore: 22,
            tokensAfter: 16,
            replicasBefore: 64,
            replicasAfter: 48,
            incoming: 0,
            outgoing: 16
        )
        return ClusterAPI.Plan(
            plan: "abc123",
            layoutVersion: 7,
            staged: [.init(action: "join", node: "4", name: "n4", zone: "z1")],
            nodes: [newcomer, silent],
            movedReplicas: 48,
            movedReplicasMinimum: 48,
            movedBytes: 12 << 20,
            saturatedZones: [],
            checks: checks
        )
    }

    @Test func showsWhatChangesAndTheNextCommand() {
        let text = PlanText(Self.plan([.init("nodes-up", .passed, "all 4 nodes answer")]), node: nil).rendered()
        #expect(
            text == """
                Plan abc123  based on layout 7  (expires when it changes)
                  + n4  zone z1  join

                node  zone   tokens  replicas  in  out  stored  receives      peak  disk free
                n1    z1    22 → 16   64 → 48   -   16       ?         ?         ?          ?
                n4    z1     0 → 16    0 → 48  48    -     0 B  12.0 MiB  12.0 MiB   30.0 GiB

                Moves 48 replicas (proven minimum 48), about 12.0 MiB.

                Checks before the commit
                  ok    nodes-up         all 4 nodes answer

                Apply with:    quire cluster commit --plan abc123
                Discard with:  quire cluster clear
                """
        )
    }

    @Test func aFailedCheckIsToldWithItsRemedyAndItsName() {
        let checks: [OperationsAPI.Check] = [
            .init("space", .failed, "n4 has 0 B free", remedy: "free space there"),
            .init("snapshot-age", .unknown, "no snapshot is known", remedy: "make one"),
        ]
        let text = PlanText(Self.plan(checks), node: "http://h:1").rendered()
        #expect(text.contains("  FAIL  space            n4 has 0 B free\n                         free space there"))
        #expect(text.contains("  ?     snapshot-age     no snapshot is known"))
        #expect(text.contains("Apply anyway:  quire cluster commit --plan abc123 --skip-check space --node http://h:1"))
    }

    @Test func warningsAndTheComparisonAreShown() {
        var plan = Self.plan([])
        plan.movedReplicasSeparately = 96
        plan.warnings = ["n3 is gone"]
        plan.movedBytes = nil
        let text = PlanText(plan, node: nil).rendered()
        #expect(text.contains("size unknown; one change after the other would move 96."))
        #expect(text.contains("WARNING: n3 is gone"))
    }

    @Test func theForecastAndTheCertificateAreShown() {
        var plan = Self.plan([])
        plan.links = [.init(from: "n1", to: "n4", bytes: 8 << 20), .init(from: "n2", to: "n4", bytes: 4 << 20)]
        plan.secondsEstimate = 75
        plan.steps = 12
        plan.bytesPerSecondAssumed = 5_000_000
        plan.isAtLimit = true
        var safety = ClusterAPI.Plan.Safety(
            liveReplicasMinimum: 3,
            replicaSetsBefore: 1,
            replicaSetsAfter: 4,
            lossBefore: 1,
            lossAfter: 0.0004
        )
        plan.safety = safety
        let text = PlanText(plan, node: nil).rendered()
        #expect(
            text.contains("Copies take about 1m15s at 5.0 MB/s into each node (the limit of `quire cluster throttle`).")
        )
        #expect(text.contains("Disks reach their peaks by step 12, the last: files that move away are kept for"))
        #expect(text.contains("Busiest links: n1 → n4 8.0 MiB, n2 → n4 4.0 MiB."))
        #expect(text.contains("Every partition keeps at least 3 live replicas meanwhile."))
        #expect(text.contains("Distinct replica sets: 1 → 4."))
        #expect(text.contains("in 100.0 % of cases now, in under 0.1 % afterwards."))
        safety.lossOfOneMoreBefore = 1
        safety.lossOfOneMoreAfter = 0.5
        plan.safety = safety
        plan.isAtLimit = false
        let more = PlanText(plan, node: nil).rendered()
        #expect(more.contains("afterwards; one node more: 100.0 %, 50.0 %."))
        #expect(more.contains("into each node (as the last change did)."))
    }

    @Test(arguments: [
        ("leave", "-"), ("leave, lost", "-"), ("join", "+"), ("join with weight 200", "+"), ("replaced by n5", "~"),
        ("weight 100 → 200", "~"),
    ])
    func signsSayWhatComesAndGoes(_ action: String, _ sign: String) {
        let staged = ClusterAPI.Staged(action: action, node: "1", name: "n1", zone: "z")
        #expect(StatusText.line(of: staged) == "  \(sign) n1  zone z  \(action)")
    }
}
