import NIOCore
import QuireCore
import QuireWire

/// What operators ask of the cluster, in the words of the HTTP API.
struct ClusterService: Sendable {
    let node: NodeRuntime
    let control: ControlLoop
    let introductions: PeerIntroduction

    // MARK: Reading

    func status() async throws -> ClusterAPI.Status {
        let identity = ClusterAPI.NodeIdentity(id: self.node.member.id.description, name: self.node.member.name)
        guard let layout = self.node.layout else {
            return ClusterAPI.Status(
                node: identity,
                clusterID: nil,
                layoutVersion: 0,
                partitions: 0,
                replicas: 0,
                readQuorum: 0,
                writeQuorum: 0,
                members: [],
                staged: [],
                change: nil
            )
        }
        let reports = try await self.reports(layout)
        let view = try await MemberView(of: layout.members, at: self.control)
        var status = ClusterAPI.Status(
            node: identity,
            clusterID: layout.clusterID,
            layoutVersion: layout.version.rawValue,
            partitions: layout.partitionCount.rawValue,
            replicas: layout.quorums.replicaCount,
            readQuorum: layout.quorums.readQuorum,
            writeQuorum: layout.quorums.writeQuorum,
            members: layout.members.map { Self.status(of: $0, view, layout, reports[$0.id]) },
            staged: Self.staged(layout.staged, in: layout),
            change: try await self.change(layout)
        )
        status.nowMilliseconds = Int(MachineClock.wallMilliseconds)
        let name = { (id: NodeID) in layout.member(id)?.name ?? id.description }
        status.coordinator = try await self.control.layoutCoordinator().map(name)
        status.voters = layout.voters.map(name)
        status.bytesPerSecondMax = layout.limits.bytesPerSecondMax
        status.transfersPerNodeMax = layout.limits.transfersPerNodeMax
        return status
    }

    func locate(_ text: String) throws -> ClusterAPI.Location {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        guard let key = Key(text) else {
            throw ClusterAPI.Failure(code: "invalid_key", message: "keys have 1 to \(Key.bytesMax) bytes")
        }
        let partition = layout.partitionCount.partition(of: key)
        return ClusterAPI.Location(
            key: text,
            slot: key.slot.rawValue,
            partition: partition.rawValue,
            replicas: layout.readRow(of: partition).map { layout.member($0)?.name ?? $0.description }
        )
    }

    // MARK: Changing

    func initialise(_ request: ClusterAPI.InitRequest) async throws -> ClusterAPI.Status {
        let quorums = QuorumSettings(
            replicaCount: request.replicas,
            readQuorum: request.readQuorum,
            writeQuorum: request.writeQuorum,
            writeQuorumFloor: request.minWriteQuorum
        )
        guard let partitionCount = PartitionCount(request.partitions) else {
            throw ClusterAPI.Failure(
                code: "invalid_settings",
                message: "the number of partitions must be a power of two from 8 to 4096, not \(request.partitions)"
            )
        }
        guard (1...7).contains(quorums.replicaCount), (1...quorums.replicaCount).contains(quorums.readQuorum),
            (1...quorums.replicaCount).contains(quorums.writeQuorum),
            (1...quorums.writeQuorum).contains(quorums.writeQuorumMin)
        else {
            throw ClusterAPI.Failure(
                code: "invalid_settings",
                message: "N must be in 1...7, R and W in 1...N, the smallest W in 1...W; asked for "
                    + "N=\(request.replicas) R=\(request.readQuorum) W=\(request.writeQuorum), "
                    + "smallest W=\(quorums.writeQuorumMin)"
            )
        }
        if let layout = self.node.layout {
            throw OperatorText.failure(.alreadyInitialised(clusterID: layout.clusterID), layout)
        }
        var members = [self.node.member]
        for address in request.peers {
            members.append(try await self.introductions.stranger(at: address, of: nil))
        }
        guard Set(members.map(\.name)).count == members.count, Set(members.map(\.id)).count == members.count else {
            throw ClusterAPI.Failure(
                code: "invalid_settings",
                message: "the first members must be distinct and have distinct names: "
                    + members.map { "\($0.name) at \($0.peer)" }.joined(separator: ", ")
            )
        }
        var generator = SystemRandomNumberGenerator()
        let clusterID = Hexadecimal.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
        _ = try await self.ask(.initialise(clusterID: clusterID, members: members, partitionCount, quorums))
        return try await self.settledStatus()
    }

    /// The status once every first member has opened its storage, or after two seconds what there is.
    private func settledStatus() async throws -> ClusterAPI.Status {
        var status = try await self.status()
        for _ in 0..<40 where status.members.contains(where: { $0.records == nil }) {
            try await Task.sleep(for: .milliseconds(50))
            status = try await self.status()
        }
        return status
    }

    func clear() async throws -> ClusterAPI.Status {
        try await self.ask(.clearStaged)
    }

    /// - Parameter notes: Told with the status if the step is taken.
    func ask(_ request: ControlCore.OperatorRequest, notes: [String] = []) async throws -> ClusterAPI.Status {
        let result = try await self.control.operatorAsked(request)
        switch result {
        case .done:
            var status = try await self.status()
            if !notes.isEmpty { status.notes = notes }
            return status
        case .refused(let refusal):
            throw OperatorText.failure(refusal, self.node.layout)
        case .unreachable(let missing, let needed, let voters):
            throw OperatorText.unreachable(missing, needed: needed, of: voters, self.node.layout)
        }
    }

    // MARK: Figures of the members

    /// What each member, and each node that is staged to join, says of itself if it answers.
    func reports(_ layout: Layout) async throws -> [NodeID: NodeReport] {
        let connected = try await self.control.connectedNodes()
        let nodes = layout.members.map(\.id) + layout.staged.compactMap { $0.joiner?.id }
        return await withTaskGroup(of: (NodeID, NodeReport?).self) { group in
            for node in nodes {
                group.addTask { (node, await self.report(of: node, isConnected: connected.contains(node))) }
            }
            var reports: [NodeID: NodeReport] = [:]
            for await (id, report) in group {
                reports[id] = report
            }
            return reports
        }
    }

    private func report(of id: NodeID, isConnected: Bool) async -> NodeReport? {
        if id == self.node.member.id {
            guard let services = self.control.currentServices else { return nil }
            return await NodeReport.collect(node: self.node, services: services)
        }
        // A member that does not answer is shown without figures.
        guard isConnected,
            case .control(.statistics(let json))? = try? await self.control.ask(
                id,
                .control(.collectStatistics),
                timeout: .seconds(3)
            )
        else { return nil }
        return NodeReport.decode(json)
    }

    static var notInitialised: ClusterAPI.Failure {
        ClusterAPI.Failure(
            code: "not_initialised",
            message: "this node belongs to no cluster: begin one with 'quire cluster init', or let a member of one "
                + "take it in with 'quire cluster join'"
        )
    }

    // MARK: Parts

    private static func status(
        of member: Member,
        _ view: MemberView,
        _ layout: Layout,
        _ report: NodeReport?
    ) -> ClusterAPI.MemberStatus {
        let told = view.told(by: member.id)
        let seen = view.seen(member.id)
        var status = ClusterAPI.MemberStatus(
            id: member.id.description,
            name: member.name,
            zone: member.zone,
            peer: told?.peer ?? member.peer.description,
            proxy: told?.proxy ?? member.proxy.description,
            http: told?.http ?? member.http.description,
            isUp: seen.map { $0.state == PeerView.State.reachable.rawValue } ?? true,
            tokens: layout.tokenCount(of: member.id),
            replicas: layout.replicaCount(of: member.id)
        )
        status.layoutVersion = report?.layoutVersion
        status.records = report?.records
        status.storedBytes = report?.storedBytes
        status.diskFreeBytes = report?.diskFreeBytes
        status.quarantinedPartitions = report?.quarantined
        status.tombstones = report?.tombstones
        status.tombstonesDropped = report?.collection?.dropped
        status.tombstonesKept = report?.collection?.kept.map { kept in
            ClusterAPI.KeptTombstones(
                partition: kept.partition,
                count: kept.count,
                node: kept.node,
                reason: kept.reason
            )
        }
        status.work = report?.work
        status.layoutObjections = report?.layoutObjections
        status.foreignLayouts = report?.foreignLayouts
        status.layoutAlarm = report?.layoutAlarm
        status.seen = seen
        status.told = told
        return status
    }
}
