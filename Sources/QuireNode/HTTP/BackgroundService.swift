import NIOCore
import QuireCore
import QuireWire

/// What operators ask about background work, of all members at once.
struct BackgroundService: Sendable {
    let cluster: ClusterService

    func report() async throws -> BackgroundAPI.Report {
        guard let layout = self.cluster.node.layout else { throw ClusterService.notInitialised }
        let reports = try await self.cluster.reports(layout)
        return BackgroundAPI.Report(
            members: layout.members.map { member in
                BackgroundAPI.Member(id: member.id.description, name: member.name, work: reports[member.id]?.work)
            }
        )
    }

    /// Lets every member compare all its replicas with the others' now, and deliver its hints.
    ///
    /// - Returns: The state just afterwards; comparisons go on until no pair is urgent.
    func repair() async throws -> BackgroundAPI.Report {
        guard let layout = self.cluster.node.layout else { throw ClusterService.notInitialised }
        let own = self.cluster.node.member.id
        let control = self.cluster.control
        guard let services = control.currentServices else { throw ClusterService.notInitialised }
        _ = services.background.repairAsked()
        let connected = try await control.connectedNodes()
        await withTaskGroup(of: Void.self) { group in
            for member in layout.members where member.id != own && connected.contains(member.id) {
                group.addTask {
                    // Whoever does not answer shows up in the report without figures.
                    _ = try? await control.ask(member.id, .control(.startRepair), timeout: .seconds(3))
                }
            }
        }
        return try await self.report()
    }
}
