import ArgumentParser

/// Everything about who is in the cluster and which node holds what.
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Create a cluster, look at it, and change its members: join or leave → plan → commit → watch.",
        subcommands: [
            ClusterKey.self, ClusterInit.self, ClusterStatus.self, ClusterMembers.self, ClusterLayout.self,
            ClusterRoots.self, ClusterLocate.self, ClusterJoin.self, ClusterLeave.self, ClusterReplace.self,
            ClusterSetWeight.self, ClusterSetZone.self, ClusterSetReplicas.self, ClusterPlan.self, ClusterCommit.self,
            ClusterClear.self, ClusterWatch.self, ClusterTransfers.self, ClusterPause.self, ClusterResume.self,
            ClusterAbort.self, ClusterUndo.self, ClusterGiveUp.self, ClusterThrottle.self, ClusterHistory.self,
            ClusterRecover.self, ClusterDrain.self, ClusterUndrain.self, ClusterRepair.self, ClusterBackground.self,
        ]
    )
}
