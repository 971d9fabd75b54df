/// Why a change of capacity cannot be paused, resumed, aborted or undone. Nothing was changed.
package enum ChangeRefusal: Error, Hashable, Sendable {
    /// No change runs.
    case nothingRuns
    case alreadyPaused(planID: String)
    case notPaused(planID: String)
    case alreadyAborting(planID: String)
    /// One change at a time.
    case changeRunning(planID: String, movesLeft: Int)
    /// There is no finished change, or the time for taking it back is over.
    case nothingToUndo
    /// These were declared lost in the change: rows that need them cannot be had back.
    case membersLost([NodeID])
    case notMember(NodeID)
    case limitsOutOfRange(TransferLimits)
    case invalid(LayoutViolation)
}
