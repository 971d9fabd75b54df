import QuireCore

/// Fixed configurations: what random ones rarely hit hard enough, and where each planted defect must be caught.
package enum Scenario: String, Sendable, CaseIterable {
    /// Three nodes, crashes and cuts.
    case steady
    /// A join and a leave under the same.
    case moving
    /// Many keys, so that reads do not repair everything, and links that break all the time, while partitions move.
    case lossy
    /// Full, slow, damaged and lost disks.
    case disks
    /// Wall clocks that are far apart, plain verbs alone.
    case clocks
    /// Five nodes that stop for longer than every timeout.
    case pauses
    /// Few keys that everybody reads, reconciles and writes.
    case hot
    /// Six nodes, W = N: every node that is away needs a stand-in.
    case sloppy
    /// One replica of each partition: whoever cannot reach it stands in.
    case lonely
    /// Stand-ins while rows move.
    case wandering
    /// Partitions move while messages are slow and W = N, so that much is in flight and none of it may be missed.
    case sluggish
    /// Many keys and lost messages, and nobody repairs: replicas differ while rows move.
    case thin
    /// Deletes, re-creates and values that expire, and tombstones are collected under crashes and cuts.
    case forgetful
    /// Tombstones are collected while messages come late.
    case straggling
    /// Tombstones are collected while stand-ins hold old values, which they deliver only at the end.
    case hoarding
    /// Tombstones are collected while old values come to stand-ins, and go from there.
    case returning
    /// Two operators at once, and crashes of whoever coordinates.
    case rivals
    /// Changes that are aborted half-way and begun again, while messages are slow.
    case reversing
    /// Changes that are taken back when they are done.
    case undoing
    /// Whole rows are exchanged, while nodes stop for so long that they know only rows which are gone.
    case exchanged
    /// One replica of each partition, and a node that stands still while reads turn: then it asks those whom it knew.
    case stale
    /// One replica of each partition, and those who have it stand still when reads turn, and learn of it together.
    case tardy
    /// A node is cut off with the hints that it holds, while those for whom it holds them are replaced.
    case hermit
    /// All lose power when something has been decided, and the only one that knows it stays away.
    case blackout
    /// Nodes leave and come back while tombstones are collected.
    case comeback
    /// Nothing goes wrong but time: joins and leaves in a row.
    case calm

    package func configuration(seed: UInt64) -> SimulationConfiguration {
        var configuration = SimulationConfiguration(seed: seed)
        configuration.faults = .rough
        switch self {
        case .steady:
            break
        case .moving:
            configuration.spares = 1
            configuration.scripts = [.inTurn([.join(4), .leave(2)])]
            configuration.faults.gaps[.crash] = .milliseconds(1500)
        case .lossy:
            configuration.spares = 1
            configuration.scripts = [.inTurn([.join(4), .leave(2)])]
            configuration.workload.keys = 12
            configuration.workload.clients = 10
            configuration.faults = FaultMix(loss: 0.02, slowness: 0.05, gaps: Self.cuts(every: .milliseconds(700)))
        case .disks:
            configuration.founders = 4
            configuration.faults.gaps = [
                .crash: .milliseconds(1500), .slowDisk: .seconds(2), .fullDisk: .seconds(2),
                .corruption: .milliseconds(300), .lostDisk: .seconds(2), .isolation: .seconds(2),
            ]
        case .clocks:
            configuration.workload = WorkloadMix([.register: 3, .churn: 1, .pinned: 1])
            configuration.workload.keys = 2
            configuration.faults.clockSkewMilliseconds = 3000
            configuration.faults.clockDrift = 0.1
            configuration.faults.gaps[.clockJump] = .milliseconds(400)
        case .pauses:
            configuration.founders = 5
            configuration.faults.lateness = 0.004
            configuration.faults.gaps = [.pause: .milliseconds(500), .crash: .seconds(2), .swizzle: .seconds(2)]
        case .hot:
            configuration.workload = WorkloadMix([.causal: 3, .set: 2, .counter: 2, .cart: 2])
            configuration.workload.keys = 2
            configuration.workload.sharesPartition = true
            configuration.workload.foreignContexts = 0.1
            configuration.workload.clients = 8
            configuration.workload.pauseMax = 4000
        case .sloppy, .lonely, .wandering, .sluggish, .thin, .calm:
            self.spread(&configuration)
        case .rivals, .reversing, .undoing, .exchanged:
            self.turn(&configuration)
        case .stale, .tardy, .hermit, .blackout:
            self.aim(&configuration)
        case .forgetful, .straggling, .hoarding, .returning, .comeback:
            self.forget(&configuration)
        }
        return configuration
    }

    /// Stand-ins, and rows that move.
    private func spread(_ configuration: inout SimulationConfiguration) {
        switch self {
        case .steady, .moving, .lossy, .disks, .clocks, .pauses, .hot, .forgetful, .straggling, .hoarding, .returning,
            .comeback, .rivals, .reversing, .undoing, .exchanged, .stale, .tardy, .hermit, .blackout:
            preconditionFailure("\(self) is configured elsewhere")
        case .sloppy:
            configuration.founders = 6
            configuration.quorums = QuorumSettings(replicaCount: 3, readQuorum: 1, writeQuorum: 3)
            configuration.faults.gaps = [
                .crash: .milliseconds(500), .isolation: .milliseconds(1200), .slowDisk: .milliseconds(500),
            ]
        case .lonely:
            configuration.founders = 5
            configuration.quorums = QuorumSettings(replicaCount: 1, readQuorum: 1, writeQuorum: 1)
            configuration.workload = WorkloadMix([.causal: 2, .register: 2, .set: 1])
            configuration.workload.keys = 2
            configuration.faults = FaultMix(loss: 0.01, gaps: Self.cuts(every: .milliseconds(500)))
        case .wandering:
            configuration.founders = 4
            configuration.spares = 2
            configuration.scripts = [.inTurn([.join(5), .join(6), .leave(1), .leave(2)])]
            configuration.quorums = QuorumSettings(replicaCount: 2, readQuorum: 1, writeQuorum: 2)
            configuration.faults = FaultMix(loss: 0.01, slowness: 0.02, gaps: [.isolation: .milliseconds(700)])
        case .sluggish:
            configuration.spares = 2
            configuration.scripts = [.inTurn([.join(4), .leave(2), .join(5), .leave(1)])]
            configuration.quorums = QuorumSettings(replicaCount: 3, readQuorum: 1, writeQuorum: 3)
            configuration.repairs = false
            configuration.workload = WorkloadMix([.register: 3, .churn: 1])
            configuration.workload.reads = 0.2
            configuration.workload.keys = 8
            configuration.workload.clients = 10
            configuration.workload.pauseMax = 3000
            configuration.duration = .seconds(6)
            configuration.faults = FaultMix(loss: 0.003, slowness: 0.15, clockSkewMilliseconds: 1000)
        case .thin:
            configuration.spares = 2
            configuration.scripts = [.inTurn([.join(4), .leave(2), .join(5), .leave(1)])]
            configuration.repairs = false
            configuration.workload = WorkloadMix([.register: 3])
            configuration.workload.keys = 60
            configuration.workload.reads = 0.05
            configuration.workload.clients = 8
            configuration.workload.pauseMax = 8000
            configuration.duration = .seconds(6)
            configuration.faults = FaultMix(loss: 0.05, slowness: 0.05)
        case .calm:
            configuration.spares = 2
            configuration.scripts = [.inTurn([.join(4), .join(5), .leave(1), .leave(4)])]
            configuration.faults = .none
        }
    }

    /// Operators who change their minds, or do not know of each other.
    private func turn(_ configuration: inout SimulationConfiguration) {
        configuration.spares = 2
        configuration.healTimeout = .seconds(120)
        configuration.workload.keys = 8
        configuration.workload.pauseMax = 10_000
        switch self {
        case .rivals:
            let limits = (1...12).map { MembershipOperation.limit(transfersPerNode: $0) }
            configuration.scripts = [
                MembershipScript([.change([.join(4)])] + limits + [.settle, .change([.leave(2)]), .settle]),
                MembershipScript(limits.reversed() + [.abort, .settle, .change([.setWeight(1, 200)])]),
            ]
            configuration.workload.clients = 2
            configuration.stepCrashes = [
                .powerLoss(.hasBegun), .powerLoss(.hasRecorded), .powerLoss(.hasTurnedReads), .powerLoss(.hasDrained),
                .powerLoss(.hasEnded), .powerLoss(.hasTurned),
            ]
            configuration.faults.gaps = [.crash: .milliseconds(600), .split: .milliseconds(900)]
        case .exchanged:
            configuration.founders = 4
            configuration.quorums = QuorumSettings(replicaCount: 2, readQuorum: 1, writeQuorum: 2)
            configuration.scripts = [
                .exchanging([(1, 5), (2, 6), (5, 1), (6, 2)], atOnce: 2)
            ]
            configuration.faults = FaultMix(
                slowness: 0.02,
                gaps: [.pause: .milliseconds(400), .split: .milliseconds(600)]
            )
        case .reversing:
            configuration.founders = 4
            configuration.duration = .seconds(7)
            let again: [MembershipOperation] = [
                .progress(10), .abort, .change([.join(5), .leave(2)]), .wait(milliseconds: 250), .abort,
                .change([.join(5), .leave(2)]), .progress(40), .abort, .change([.join(5), .leave(2)]),
            ]
            configuration.scripts = [MembershipScript([.change([.join(5), .leave(2)])] + again + again + [.settle])]
            configuration.workload = WorkloadMix([.register: 3, .churn: 1])
            configuration.workload.keys = 12
            configuration.workload.clients = 10
            configuration.workload.pauseMax = 4000
            configuration.repairs = false
            configuration.faults = FaultMix(slowness: 0.3, gaps: [.isolation: .seconds(2)])
        default:
            configuration.scripts = [
                MembershipScript([
                    .change([.join(4)]), .settle, .wait(milliseconds: 800), .undo, .settle,
                    .change([.leave(3), .join(5)]), .settle, .wait(milliseconds: 800), .undo, .settle,
                ])
            ]
            configuration.duration = .seconds(7)
            configuration.repairs = false
            configuration.faults.gaps = [.crash: .seconds(2)]
        }
    }

    /// One counter-example of SAFETY.md each, and nothing beside it.
    private func aim(_ configuration: inout SimulationConfiguration) {
        configuration.founders = 6
        configuration.spares = 2
        configuration.partitions = 16
        configuration.repairs = false
        configuration.quorums = QuorumSettings(replicaCount: 1, readQuorum: 1, writeQuorum: 1)
        configuration.workload = WorkloadMix([.register: 1, .pinned: 2])
        configuration.workload.keys = 10
        configuration.workload.clients = 30
        configuration.workload.pauseMax = 120_000
        configuration.scripts = [.exchanging([(5, 7), (6, 8), (7, 5), (8, 6)], atOnce: 2)]
        switch self {
        case .stale:
            configuration.stepCrashes = StepCrash.standstills(of: [4, 4], milliseconds: 350...1000)
        case .tardy:
            let first = StepCrash.standstills(of: [5], milliseconds: 420...420)
            let second = StepCrash.standstills(of: [6], milliseconds: 420...420)
            configuration.stepCrashes = first + second
        case .hermit:
            configuration.founders = 5
            configuration.workload.clients = 10
            configuration.workload.pauseMax = 20_000
            configuration.minority = [5]
            configuration.duration = .seconds(12)
            let changes = MembershipScript.exchanging([(1, 6), (2, 7)], atOnce: 2).operations
            configuration.scripts = [MembershipScript([.wait(milliseconds: 700)] + changes, asking: [1, 2, 3, 4])]
        default:
            configuration.founders = 3
            configuration.spares = 0
            configuration.quorums = QuorumSettings()
            configuration.workload.clients = 1
            let limits = (1...40).map { MembershipOperation.limit(transfersPerNode: $0) }
            configuration.scripts = [MembershipScript(limits)]
            configuration.duration = .seconds(8)
            configuration.faults.powerLossAfterDecision = 0.3
        }
    }

    /// Deleted keys are forgotten.
    private func forget(_ configuration: inout SimulationConfiguration) {
        configuration.tombstones = .hasty
        configuration.founders = 5
        configuration.duration = .seconds(7)
        configuration.partitions = 32
        configuration.workload = WorkloadMix([.churn: 1])
        configuration.workload.keys = 24
        configuration.workload.turn = .milliseconds(250)
        configuration.workload.pauseMax = 60_000
        switch self {
        case .straggling:
            configuration.quorums = QuorumSettings(replicaCount: 3, readQuorum: 1, writeQuorum: 2)
            configuration.faults = FaultMix(duplication: 0.3, slowness: 0.02)
            configuration.faults.latenessMilliseconds = 20...3000
            configuration.faults.lateDuplication = 0.7
        case .hoarding:
            configuration.quorums = QuorumSettings(replicaCount: 3, readQuorum: 1, writeQuorum: 3)
            configuration.repairs = false
            configuration.faults = FaultMix(gaps: [.partialPartition: .milliseconds(1500)])
        case .returning:
            configuration.founders = 6
            configuration.tombstones?.messageLifetime = .milliseconds(250)
            configuration.tombstones?.operationTimeout = .milliseconds(100)
            configuration.quorums = QuorumSettings(replicaCount: 3, readQuorum: 1, writeQuorum: 3)
            configuration.faults = FaultMix(
                loss: 0.01,
                duplication: 0.5,
                slowness: 0.05,
                gaps: [.partialPartition: .milliseconds(800)]
            )
            configuration.faults.latenessMilliseconds = 20...250
            configuration.faults.lateDuplication = 0.8
        case .comeback:
            configuration.scripts = [
                MembershipScript([
                    .change([.leave(5)]), .settle, .closeUndo, .wait(milliseconds: 2500), .change([.join(5)]), .settle,
                ])
            ]
            configuration.faults = FaultMix()
        default:
            configuration.workload.weights[.fading] = 1
            configuration.faults.gaps = [.crash: .seconds(3), .isolation: .seconds(3)]
        }
    }

    private static func cuts(every gap: Duration) -> [Fault: Duration] {
        [.partialPartition: gap, .oneWayPartition: gap, .isolation: gap, .split: gap]
    }
}
