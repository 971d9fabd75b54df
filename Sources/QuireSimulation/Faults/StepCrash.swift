/// What a node is in a move.
package enum MoveRole: String, Sendable, CaseIterable {
    /// It proposes the steps.
    case coordinator
    /// It takes a partition in.
    case target
    /// It has a partition that goes elsewhere, or from which a newcomer copies.
    case source
}

/// Everything that happens to a node because a partition moves, and at which it may crash.
package enum MoveStep: String, Sendable, CaseIterable {
    // The coordinator: what the layout is about that it proposes, asks votes for, has got decided.
    case proposes
    case asksToBegin, asksToRecord, asksToReadNew, asksToDrain, asksToSettle, asksToEnd, asksToTurn
    case hasBegun, hasRecorded, hasTurnedReads, hasDrained, hasSettled, hasEnded, hasTurned

    // Targets and sources: the phases.
    case entersDualWrite, entersReadNew, entersDraining, leavesTheMove
    case isTurnedRound

    // Targets.
    case asksForFences
    case beginsToFill, asksForASeal, makesRoom, appendsABlock, installs, hasInstalled, compares, hasCovered
    case beginsToTakeOver, hasTakenOver, isStopped

    // Sources.
    case installsTheFence, seals, sendsABlock, unseals, isCompared, retires
}

/// A step of one role.
package struct CrashPoint: Sendable, Hashable, CustomStringConvertible {
    package let role: MoveRole
    package let step: MoveStep

    package init(_ role: MoveRole, _ step: MoveStep) {
        self.role = role
        self.step = step
    }

    package var description: String { "\(self.role) \(self.step)" }

    /// Every one that there is, in one order.
    package static let all: [CrashPoint] =
        [
            MoveStep.proposes, .asksToBegin, .asksToRecord, .asksToReadNew, .asksToDrain, .asksToSettle, .asksToEnd,
            .asksToTurn, .hasBegun, .hasRecorded, .hasTurnedReads, .hasDrained, .hasSettled, .hasEnded, .hasTurned,
        ].map { CrashPoint(.coordinator, $0) }
        + [
            MoveStep.entersDualWrite, .entersReadNew, .entersDraining, .leavesTheMove, .isTurnedRound, .asksForFences,
            .beginsToFill, .asksForASeal, .makesRoom, .appendsABlock, .installs, .hasInstalled, .compares,
            .hasCovered, .beginsToTakeOver, .hasTakenOver, .isStopped,
        ].map { CrashPoint(.target, $0) }
        + [
            MoveStep.entersDualWrite, .entersReadNew, .entersDraining, .leavesTheMove, .isTurnedRound,
            .installsTheFence, .seals, .sendsABlock, .unseals, .isCompared, .retires,
        ].map { CrashPoint(.source, $0) }
}

/// A crash that is planned for the moment when some node does such a step for the nth time.
package struct StepCrash: Sendable, Hashable {
    package enum Damage: Sendable, Hashable {
        /// What was not synced is gone.
        case crash
        /// Partitions and hints are gone too, if the budget of losses allows it.
        case lostDisk
        /// All nodes lose power, and this one stays away longest.
        case powerLoss
        /// The node stands still instead, for longer than every timeout.
        case pause
    }

    package let point: CrashPoint
    /// Counts from 1, over all nodes.
    package var occurrence = 1
    /// From the step to the crash, in microseconds.
    package var delay = 0
    package var damage = Damage.crash
    /// How long the node stays away, in milliseconds.
    package var absence = 20...900
    /// The number of the node that it befalls; `nil`: the one that takes the step.
    package var victim: Int?

    package init(_ point: CrashPoint) {
        self.point = point
    }

    /// Everything is gone but what was decided, just when it was.
    static func powerLoss(_ step: MoveStep) -> StepCrash {
        var crash = StepCrash(CrashPoint(.coordinator, step))
        crash.damage = .powerLoss
        crash.absence = 2500...4000
        return crash
    }

    /// Nodes stand still just before reads turn: one after the other, each when reads turn the next time.
    static func standstills(of victims: [Int], milliseconds absence: ClosedRange<Int>) -> [StepCrash] {
        victims.enumerated().map { index, victim in
            var crash = StepCrash(CrashPoint(.coordinator, .asksToReadNew))
            crash.occurrence = index + 1
            crash.damage = .pause
            crash.absence = absence
            crash.victim = victim
            return crash
        }
    }
}

extension StepCrash: CustomStringConvertible {
    package var description: String {
        "\(self.damage) when a \(self.point) for the \(self.occurrence). time, after \(self.delay) us"
    }
}
