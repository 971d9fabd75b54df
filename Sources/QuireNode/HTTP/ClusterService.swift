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
            staged: Self.staged(layout),
            change: Self.change(layout)
        )
        status.nowMilliseconds = Int(MachineClock.wallMilliseconds)
        return status
    }

    func transfers() async throws -> TransferAPI.Report {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        let reports = try await self.reports(layout)
        let incoming = layout.members.flatMap { reports[$0.id]?.incoming ?? [] }
        let name = { (id: NodeID) in layout.member(id)?.name ?? id.description }
        let left = layout.moves.filter { $0.phase == .dualWrite }.reduce(0) { sum, move in
            sum + move.newcomers.filter { newcomer in !move.receipts.contains { $0.node == newcomer } }.count
        }
        let total = layout.change?.movedReplicas ?? 0
        return TransferAPI.Report(
            change: Self.change(layout),
            layoutVersion: layout.version.rawValue,
            bytesDone: incoming.reduce(0) { $0 + $1.bytesDone },
            bytesTotal: incoming.reduce(0) { $0 + $1.bytesTotal },
            replicasDone: total - left,
            replicasTotal: total,
            moves: layout.moves.map { move in
                TransferAPI.Move(
                    partition: move.partition.rawValue,
                    phase: move.phase.rawValue,
                    from: move.from.map(name),
                    to: move.to.map(name),
                    incoming: incoming.filter { $0.partition == move.partition.rawValue }
                )
            }
        )
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

    func plan() async throws -> ClusterAPI.Plan {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        let plan: LayoutPlan
        do throws(PlanRefusal) {
            plan = try LayoutPlanner.plan(for: layout)
        } catch {
            throw OperatorText.failure(.plan(error), layout)
        }
        let reports = try await self.reports(layout)
        var staged = layout.members
        for case .join(let member) in layout.staged {
            staged.append(member)
        }
        let nodes = plan.perNode.map { share in
            let member = staged.first { $0.id == share.node }
            return ClusterAPI.Plan.Node(
                id: share.node.description,
                name: member?.name ?? share.node.description,
                zone: member?.zone ?? "",
                tokensBefore: share.tokensBefore,
                tokensAfter: share.tokensAfter,
                replicasBefore: share.replicasBefore,
                replicasAfter: share.replicasAfter,
                incoming: share.incoming,
                outgoing: share.outgoing
            )
        }
        return ClusterAPI.Plan(
            plan: plan.id,
            layoutVersion: layout.version.rawValue,
            staged: Self.staged(layout),
            nodes: nodes,
            movedReplicas: plan.movedReplicas,
            movedReplicasMinimum: plan.movedReplicasMinimum,
            movedBytes: Self.movedBytes(plan, layout, reports),
            saturatedZones: plan.saturatedZones.map(\.zone)
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

    func join(_ request: ClusterAPI.JoinRequest) async throws -> ClusterAPI.Status {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        let member = try await self.introductions.stranger(at: request.peer, of: layout)
        return try await self.ask(.stage(.join(member)))
    }

    func leave(_ request: ClusterAPI.LeaveRequest) async throws -> ClusterAPI.Status {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        guard let member = layout.members.first(where: { $0.name == request.node || $0.id.description == request.node })
        else {
            let names = layout.members.map(\.name).joined(separator: ", ")
            throw ClusterAPI.Failure(
                code: "unknown_node",
                message: "no member is called \(request.node); members are \(names)"
            )
        }
        return try await self.ask(.stage(.leave(member.id)))
    }

    func clear() async throws -> ClusterAPI.Status {
        try await self.ask(.clearStaged)
    }

    func commit(_ request: ClusterAPI.CommitRequest) async throws -> ClusterAPI.Status {
        try await self.ask(.commit(planID: request.plan))
    }

    private func ask(_ request: ControlCore.OperatorRequest) async throws -> ClusterAPI.Status {
        let result = try await self.control.operatorAsked(request)
        switch result {
        case .done:
            return try await self.status()
        case .refused(let refusal):
            throw OperatorText.failure(refusal, self.node.layout)
        case .unreachable(let nodes):
            let names = nodes.map { self.node.layout?.member($0)?.name ?? $0.description }
            throw ClusterAPI.Failure(
                code: "members_unreachable",
                message: "membership steps need every member, and these did not answer: "
                    + (names.isEmpty ? "unknown" : names.joined(separator: ", "))
                    + "; start them and ask again (reads and writes are not affected)"
            )
        }
    }

    // MARK: Figures of the members

    /// What each member that answers says of itself.
    func reports(_ layout: Layout) async throws -> [NodeID: NodeReport] {
        let connected = try await self.control.connectedNodes()
        return await withTaskGroup(of: (NodeID, NodeReport?).self) { group in
            for member in layout.members {
                group.addTask {
                    (member.id, await self.report(of: member.id, isConnected: connected.contains(member.id)))
                }
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
        status.seen = seen
        status.told = told
        return status
    }

    private static func staged(_ layout: Layout) -> [ClusterAPI.Staged] {
        layout.staged.map { change in
            switch change {
            case .join(let member):
                return .init(action: "join", node: member.id.description, name: member.name, zone: member.zone)
            case .leave(let id):
                let member = layout.member(id)
                return .init(action: "leave", node: id.description, name: member?.name ?? "", zone: member?.zone ?? "")
            }
        }
    }

    static func change(_ layout: Layout) -> ClusterAPI.Change? {
        guard let change = layout.change else { return nil }
        return ClusterAPI.Change(
            plan: change.planID,
            isFinished: change.isFinished,
            movedReplicas: change.movedReplicas,
            movedReplicasMinimum: change.movedReplicasMinimum,
            dualWrite: layout.moves.count { $0.phase == .dualWrite },
            readNew: layout.moves.count { $0.phase == .readNew },
            draining: layout.moves.count { $0.phase == .draining }
        )
    }

    /// The sizes of the files that will be copied; `nil` when no holder of one of them answered.
    private static func movedBytes(_ plan: LayoutPlan, _ layout: Layout, _ reports: [NodeID: NodeReport]) -> Int? {
        var total = 0
        for move in plan.moves {
            let sizes = layout.readRow(of: move.partition).compactMap { node in
                reports[node].map { $0.partitionBytes[move.partition.rawValue] ?? 0 }
            }
            guard let size = sizes.max() else { return nil }
            total += size
        }
        return total
    }
}
