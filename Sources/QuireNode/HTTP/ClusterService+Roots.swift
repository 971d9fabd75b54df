import NIOCore
import QuireCore
import QuireWire

/// Whether the replicas of each partition hold the same records.
extension ClusterService {
    /// Roots of one member take this long at most; 4096 partitions are read in a few seconds.
    private static let rootsTimeout = TimeAmount.seconds(20)

    func roots() async throws -> RootsAPI.Report {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        let answers = try await self.rootsOfMembers(layout)
        var differing: [RootsAPI.Partition] = []
        for partition in layout.partitionCount.partitions {
            let replicas = layout.readRow(of: partition).map { id in
                RootsAPI.Replica(
                    node: layout.member(id)?.name ?? id.description,
                    root: answers[id]?.root(of: partition)
                )
            }
            let isEqual = replicas.allSatisfy { $0.root != nil && $0.root == replicas[0].root }
            if !isEqual { differing.append(.init(partition: partition.rawValue, replicas: replicas)) }
        }
        return RootsAPI.Report(
            layoutVersion: layout.version.rawValue,
            partitions: layout.partitionCount.rawValue,
            equal: layout.partitionCount.rawValue - differing.count,
            differing: differing,
            members: layout.members.map { member in
                RootsAPI.Member(
                    name: member.name,
                    isAnswering: answers[member.id] != nil,
                    hints: answers[member.id]?.hints
                )
            }
        )
    }

    private func rootsOfMembers(_ layout: Layout) async throws -> [NodeID: ReplicaRoots] {
        await withTaskGroup(of: (NodeID, ReplicaRoots?).self) { group in
            for member in layout.members {
                group.addTask { (member.id, await self.roots(of: member.id)) }
            }
            var answers: [NodeID: ReplicaRoots] = [:]
            for await (id, roots) in group {
                answers[id] = roots
            }
            return answers
        }
    }

    private func roots(of id: NodeID) async -> ReplicaRoots? {
        // Whoever cannot tell, this node or another, is shown as not answering.
        if id == self.node.member.id {
            guard let services = self.control.currentServices else { return nil }
            return try? await ReplicaRoots.collect(services: services)
        }
        guard
            case .control(.statistics(let json))? = try? await self.control.ask(
                id,
                .control(.collectRoots),
                timeout: Self.rootsTimeout
            )
        else { return nil }
        return ReplicaRoots.decode(json)
    }
}
