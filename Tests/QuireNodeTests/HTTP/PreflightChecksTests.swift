import QuireCore
import QuireWire
import Testing

@testable import QuireNode

@Suite struct PreflightChecksTests {
    private static func node(_ number: Int, isAnswering: Bool = true) -> PreflightChecks.Node {
        var node = PreflightChecks.Node(
            id: NodeID(rawValue: UInt64(number)),
            name: "n\(number)",
            isAnswering: isAnswering
        )
        node.freeBytes = isAnswering ? 10 << 30 : nil
        return node
    }

    private static func checks(
        _ nodes: [PreflightChecks.Node],
        lost: Set<NodeID> = [],
        incoming: [NodeID: Int]? = [:]
    ) -> PreflightChecks {
        var checks = PreflightChecks(nodes: nodes, lost: lost, incomingBytes: incoming, running: nil)
        checks.snapshotAgeSeconds = 60
        return checks
    }

    private static func check(_ name: String, of checks: PreflightChecks) throws -> OperationsAPI.Check {
        try #require(checks.results().first { $0.name == name })
    }

    private let three = [Self.node(1), Self.node(2), Self.node(3)]

    @Test func allPassInAHealthyCluster() {
        let results = Self.checks(self.three).results()
        #expect(results.map(\.name) == PreflightChecks.names)
        #expect(results.allSatisfy { $0.result == .passed && $0.remedy == nil })
    }

    @Test func aNodeThatDoesNotAnswerIsNamedUnlessItIsGivenUp() throws {
        let nodes = [Self.node(1), Self.node(2), Self.node(3, isAnswering: false)]
        let failed = try Self.check("nodes-up", of: Self.checks(nodes))
        #expect(failed.result == .failed)
        #expect(failed.finding == "n3 does not answer")
        #expect(failed.remedy?.contains("--lost") == true)
        let lost = try Self.check("nodes-up", of: Self.checks(nodes, lost: [NodeID(rawValue: 3)]))
        #expect(lost.result == .passed)
        #expect(lost.finding == "all 2 nodes answer, 1 given up for lost")
    }

    @Test func spaceIsWhatIsReceivedAndSomeToSpare() throws {
        var tight = Self.node(2)
        let needed = 1 << 30
        let target = tight.id
        tight.freeBytes = needed + PreflightChecks.slackBytes(beside: needed)
        let enough = Self.checks([Self.node(1), tight], incoming: [target: needed])
        #expect(try Self.check("space", of: enough).result == .passed)
        #expect(try Self.check("space", of: enough).finding == "n2 receives 1.0 GiB and has 1.2 GiB free")
        tight.freeBytes = needed + PreflightChecks.slackBytes(beside: needed) - 1
        let short = Self.checks([Self.node(1), tight], incoming: [target: needed])
        #expect(try Self.check("space", of: short).result == .failed)
        tight.freeBytes = nil
        let silent = Self.checks([Self.node(1), tight], incoming: [target: needed])
        #expect(try Self.check("space", of: silent).result == .unknown)
        #expect(try Self.check("space", of: Self.checks(self.three, incoming: nil)).result == .unknown)
    }

    @Test func aNodeThatReceivesNothingNeedsNoRoom() throws {
        var full = Self.node(1)
        full.freeBytes = 0
        #expect(try Self.check("space", of: Self.checks([full, Self.node(2)])).result == .passed)
    }

    @Test func hintsAndQuarantinesRefuseAndUncomparedReplicasWarn() throws {
        var holder = Self.node(1)
        holder.hints = 7
        let held = try Self.check("in-sync", of: Self.checks([holder, Self.node(2)]))
        #expect(held.result == .failed)
        #expect(held.finding == "n1 holds 7 hints for others")
        #expect(held.remedy?.contains("quire cluster repair") == true)
        var damaged = Self.node(1)
        damaged.quarantined = 2
        #expect(try Self.check("in-sync", of: Self.checks([damaged, Self.node(2)])).result == .failed)
        var returned = Self.node(1)
        returned.uncompared = 30
        let due = try Self.check("in-sync", of: Self.checks([returned, Self.node(2)]))
        #expect(due.result == .unknown)
        #expect(due.finding.contains("30 at n1"))
    }

    @Test func hintsThatAreOnTheirWayAreToldAndRefuseNothing() throws {
        var holder = Self.node(1)
        holder.hints = 7
        holder.hintAgeSeconds = PreflightChecks.hintAgeMaxSeconds - 1
        let young = try Self.check("in-sync", of: Self.checks([holder, Self.node(2)]))
        #expect(young.result == .unknown)
        #expect(young.finding == "7 hints at n1, all younger than 10 s, are on their way")
        holder.hintAgeSeconds = PreflightChecks.hintAgeMaxSeconds
        #expect(try Self.check("in-sync", of: Self.checks([holder, Self.node(2)])).result == .failed)
    }

    @Test func hintsForALostNodeRefuseNothing() throws {
        var holder = Self.node(1)
        holder.hints = 7
        let lost = NodeID(rawValue: 3)
        let nodes = [holder, Self.node(2), Self.node(3, isAnswering: false)]
        #expect(try Self.check("in-sync", of: Self.checks(nodes, lost: [lost])).result == .passed)
    }

    @Test func aSnapshotMayBeUnknownButNotTooOld() throws {
        var checks = Self.checks(self.three)
        checks.snapshotAgeSeconds = nil
        #expect(try Self.check("snapshot-age", of: checks).result == .unknown)
        checks.snapshotAgeSeconds = 3 * 3600
        checks.snapshotAgeMaxSeconds = 3 * 3600
        #expect(try Self.check("snapshot-age", of: checks).result == .passed)
        checks.snapshotAgeMaxSeconds = 3 * 3600 - 1
        let old = try Self.check("snapshot-age", of: checks)
        #expect(old.result == .failed)
        #expect(old.finding == "the last snapshot is 3 h old, older than 2 h 59 min")
    }

    @Test func aRunningChangeRefuses() throws {
        let checks = PreflightChecks(nodes: self.three, lost: [], incomingBytes: [:], running: ("abc", 5))
        let check = try Self.check("no-other-change", of: checks)
        #expect(check.result == .failed)
        #expect(check.finding == "change abc is running, 5 partitions still move")
    }

    @Test func onlyWhatIsSkippedByNameIsOverridden() {
        var holder = Self.node(1)
        holder.hints = 7
        let results = Self.checks([holder, Self.node(2, isAnswering: false)]).results()
        #expect(PreflightChecks.failures(results, skipping: []).map(\.name) == ["nodes-up", "in-sync"])
        #expect(PreflightChecks.failures(results, skipping: ["in-sync"]).map(\.name) == ["nodes-up"])
        let failure = OperatorText.failure(PreflightChecks.failures(results, skipping: []))
        #expect(failure.code == "check_failed")
        #expect(failure.message.hasPrefix("nothing was begun. check nodes-up: n2 does not answer"))
        #expect(failure.message.hasSuffix("add --skip-check nodes-up --skip-check in-sync"))
    }
}
