import ArgumentParser

/// Everything about who is in the cluster and which node holds what.
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Create a cluster, look at it, and change its members: join or leave → plan → commit → watch.",
        subcommands: [
            ClusterKey.self, ClusterInit.self, ClusterStatus.self, ClusterMembers.self, ClusterLayout.self,
            ClusterRoots.self, ClusterLocate.self, ClusterJoin.self, ClusterLeave.self, ClusterPlan.self,
            ClusterCommit.self, ClusterClear.self, ClusterWatch.self, ClusterTransfers.self, ClusterRepair.self,
            ClusterBackground.self,
        ]
    )
}
