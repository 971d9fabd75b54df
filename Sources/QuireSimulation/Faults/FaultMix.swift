/// One kind of misfortune that befalls the cluster now and then.
package enum Fault: String, Sendable, CaseIterable {
    /// A node is gone, with all that it had not synced, and starts again soon.
    case crash
    /// All nodes at once.
    case powerLoss
    /// Some pairs around one node cannot talk, in either direction; the others can.
    case partialPartition
    case oneWayPartition
    /// One node can talk to nobody.
    case isolation
    /// Two halves.
    case split
    /// Some links stop one after the other and go on in another order; nothing is lost.
    case swizzle
    /// A node stops for longer than every timeout; what was meant for it comes late, and its timers too.
    case pause
    /// A wall clock is set wrong, by milliseconds up to an hour.
    case clockJump
    /// Syncs of one node take up to 400 ms.
    case slowDisk
    /// One node refuses writes for a while.
    case fullDisk
    /// A partition's file is found damaged: its replica is set aside until it has been fetched again.
    case corruption
    /// A node loses all partitions and hints.
    case lostDisk
}

/// How often the world misbehaves, as data. Chances are per message, per sync or per acknowledgement.
package struct FaultMix: Sendable {
    package static let none = FaultMix()
    /// Crashes, cuts and a bad network, at once.
    package static let rough = FaultMix(
        loss: 0.004,
        duplication: 0.01,
        slowness: 0.03,
        syncFailure: 0.002,
        powerLossAfterAcknowledgement: 0.01,
        clockSkewMilliseconds: 200,
        gaps: [
            .crash: .milliseconds(600), .powerLoss: .seconds(6), .partialPartition: .seconds(4),
            .isolation: .seconds(4), .oneWayPartition: .seconds(6),
        ]
    )

    /// The message vanishes; its link breaks when somebody has noticed.
    package var loss = 0.0
    package var duplication = 0.0
    /// The message takes up to 300 ms, the sync up to 60.
    package var slowness = 0.0
    /// The message takes this many milliseconds, longer than anybody waits for its answer.
    package var lateness = 0.0
    package var latenessMilliseconds = 800...6000
    /// Of messages that come twice, the second time is as late as that.
    package var lateDuplication = 0.0
    package var syncFailure = 0.0
    /// A block of a partition file arrives damaged.
    package var blockDamage = 0.0
    /// All nodes lose power just after an acknowledgement, the most telling moment.
    package var powerLossAfterAcknowledgement = 0.0
    /// All nodes lose power just when the first has adopted a layout, and that one stays away longest.
    package var powerLossAfterDecision = 0.0
    /// Wall clocks are wrong by up to this, in either direction.
    package var clockSkewMilliseconds = 0
    /// Wall clocks run too fast or too slow by up to this part.
    package var clockDrift = 0.0
    /// The mean time from one to the next. Faults that are missing do not happen.
    package var gaps: [Fault: Duration] = [:]

    /// In one order, whatever the hash seed.
    var chosen: [(fault: Fault, gap: Duration)] {
        Fault.allCases.compactMap { fault in self.gaps[fault].map { (fault, $0) } }
    }

    var losesUnsynced: Bool {
        self.powerLossAfterAcknowledgement > 0 || self.powerLossAfterDecision > 0 || self.gaps[.crash] != nil
            || self.gaps[.powerLoss] != nil
            || self.losesSynced
    }

    /// A copy on a disk is not for ever.
    var losesSynced: Bool { self.gaps[.lostDisk] != nil || self.gaps[.corruption] != nil }
}
