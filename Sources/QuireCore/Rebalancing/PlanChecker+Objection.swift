extension PlanChecker {
    /// What is wrong with a layout that is to begin a change: the first thing that the checker found.
    package enum Objection: Error, Hashable, Sendable {
        /// The rows to which it leads are others than those before, and it begins no change.
        case rowsChangedWithoutPlan(PartitionID)
        /// A change was running already.
        case overlaps(planID: String)
        /// The change is not what was staged, or nothing was.
        case stagedDiffers
        /// Not among the members as it should be, or not among those that leave or are lost.
        case memberDiffers(NodeID)
        case quorumsDiffer(QuorumSettings)
        /// Identity, limits or fences are not what they were, something is staged still, or what has been moved already
        /// is not nothing.
        case settingsDiffer
        /// Voters change only when members are lost or the change is over, and then as `VoterElection` says.
        case votersDiffer([NodeID])
        /// The row before, or the way from it, is not what it was; or a way back leads to another row.
        case originDiffers(PartitionID)
        /// Not as many distinct members as a row must have.
        case rowIncomplete(PartitionID)
        case zonesNotSpread(PartitionID, found: Int, possible: Int)
        case certificateMissing
        /// As many prices as members after the change.
        case priceCount(found: Int, needed: Int)
        /// No replica can be worth more moves than there are replicas.
        case priceOutOfRange(NodeID)
        /// It is said to be at its bound and is not, or the other way round.
        case zoneSaturation(String)
        case nodeSaturation(NodeID)
        /// The row is without something that has a replica of every partition.
        case saturationBroken(PartitionID)
        case replicasUnbalanced(NodeID, found: Int)
        case tokensUnbalanced(NodeID, found: Int)
        case movedReplicas(stated: Int, counted: Int)
        case bound(stated: Int, computed: Int)
        /// Fewer replicas could move, or it was not proven that they could not.
        case notMinimal(moved: Int, bound: Int)
        case liveReplicas(stated: Int, counted: Int)
        case replicaSets(stated: Int, counted: Int)
        /// Sets of nodes, all of them or those that are fatal.
        case risk(stated: Int, counted: Int)
    }
}
