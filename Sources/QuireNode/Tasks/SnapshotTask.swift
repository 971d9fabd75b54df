import Foundation
import Logging
import NIOCore
import QuireArchive
import QuireCore
import QuireWire

/// Takes one snapshot of the whole keyspace: every partition's image is brought into the repository by one of
/// its replicas, then the manifest is published (DESIGN §9).
///
/// Promise `quorum`: every write acknowledged before the snapshot began is contained, itself or a descendant.
/// Stand-ins deliver what they hold first. It holds when of each partition fewer than W nodes that may have
/// acknowledged a write of it could not be consulted; else the snapshot says `fuzzy` (SAFETY rule 20).
struct SnapshotTask: Sendable {
    private static let partitionsAtOnce = 4

    let repositoryPath: String
    let node: NodeRuntime
    let control: ControlLoop
    let services: NodeServices
    let report: TaskReport

    func run() async throws {
        guard let layout = self.node.layout else {
            throw ClusterAPI.Failure(code: "not_initialised", message: "this node belongs to no cluster")
        }
        let began = UTCTime(milliseconds: MachineClock.wallMilliseconds)
        let repository = try DirectoryRepository.open(at: self.repositoryPath, createIfMissing: true)
        var generator = SystemRandomNumberGenerator()
        let id = SnapshotID(beganAt: began, salt: UInt32.random(in: .min ... .max, using: &generator))
        self.report.update { status in
            status.snapshot = id.text
            status.unitsTotal = layout.partitionCount.rawValue
            status.step = "checking the repository"
        }
        let expires = UTCTime(milliseconds: began.milliseconds + 24 * 3600 * 1000)
        try repository.declare(
            SnapshotIntent(
                snapshot: id,
                clusterID: layout.clusterID,
                node: self.node.member.id,
                beganAt: began,
                expiresAt: expires
            )
        )
        do {
            try await self.requireSameRepository(layout, id)
            self.report.update { $0.step = "delivering hints" }
            let unsettled = try await self.settleHints(layout)
            let parts = try await self.storePartitions(layout, id)
            let promise = self.promise(of: parts, unsettled, layout)
            try self.publish(parts.map(\.part), promise, layout, id, began, in: repository)
            self.remember(id, promise, began)
        } catch {
            // The first error says more; an intent that stays expires.
            try? repository.withdrawIntent(of: id)
            throw error
        }
        try repository.withdrawIntent(of: id)
    }

    /// For the pre-flight checks of a change of capacity: a `fuzzy` one may lack acknowledged writes and does not count.
    private func remember(_ id: SnapshotID, _ promise: Manifest.Promise, _ began: UTCTime) {
        guard promise.level == .quorum else { return }
        let snapshot = LastSnapshot(
            repository: self.repositoryPath,
            snapshot: id.text,
            beganMilliseconds: Int(began.milliseconds)
        )
        do {
            try self.node.snapshotMade(snapshot)
            self.control.measureNow()
        } catch {
            // The snapshot is published all the same; after a restart this node knows only of the one before.
            self.node.logger.warning("the last snapshot cannot be remembered", metadata: ["error": "\(error)"])
        }
    }

    /// Members write their own share: each must see this very directory.
    private func requireSameRepository(_ layout: Layout, _ id: SnapshotID) async throws {
        let connected = try await self.control.connectedNodes()
        for member in layout.members where connected.contains(member.id) {
            let question = ControlMessage.checkRepository(self.repositoryPath, intent: id.text)
            do {
                switch try await self.control.ask(member.id, .control(question)) {
                case .control(.repositoryChecked(nil)):
                    continue
                case .control(.repositoryChecked(let failure?)):
                    throw ClusterAPI.Failure(code: "repository_not_shared", message: "\(member.name): \(failure)")
                default:
                    self.warn("\(member.name) could not look at the repository; others store its share")
                }
            } catch let error as NodeError {
                self.warn("\(member.name) could not be asked about the repository (\(error)); others store its share")
            }
        }
    }

    /// Who may hold, as a stand-in, what a member's image will not contain.
    private struct Unsettled {
        /// Members that did not answer: they may hold something for anybody.
        var silent: [NodeID] = []
        var gaps: [HintGap: [NodeID]] = [:]

        func standIns(for partition: PartitionID, at owner: NodeID) -> [NodeID] {
            self.silent + (self.gaps[HintGap(partition: partition, member: owner)] ?? [])
        }
    }

    private func settleHints(_ layout: Layout) async throws -> Unsettled {
        let own = self.node.member.id
        return await withTaskGroup(of: (NodeID, [HintGap]?).self) { group in
            for member in layout.members {
                group.addTask {
                    guard member.id != own else { return (own, await self.services.background.settleHints()) }
                    // A member that cannot say is reckoned with, and named if that breaks the promise.
                    let answer = try? await self.control.ask(
                        member.id,
                        .control(.settleHints),
                        timeout: .minutes(10)
                    )
                    guard case .control(.hintsSettled(let gaps))? = answer else { return (member.id, nil) }
                    return (member.id, gaps)
                }
            }
            var unsettled = Unsettled()
            for await (member, gaps) in group {
                guard let gaps else {
                    unsettled.silent.append(member)
                    continue
                }
                for gap in gaps { unsettled.gaps[gap, default: []].append(member) }
            }
            return unsettled
        }
    }

    private struct Stored {
        let part: Manifest.Partition
        /// Whose image it is.
        let owner: NodeID
    }

    private func warn(_ text: String) {
        self.report.update { $0.warnings.append(text) }
    }

    private func storePartitions(_ layout: Layout, _ id: SnapshotID) async throws -> [Stored] {
        self.report.update { $0.step = "storing partitions" }
        return try await withThrowingTaskGroup(of: Stored.self) { group in
            var waiting = layout.partitionCount.partitions[...]
            var parts: [Stored] = []
            for _ in 0..<Self.partitionsAtOnce {
                guard let next = waiting.popFirst() else { break }
                group.addTask { try await self.store(next, id) }
            }
            while let part = try await group.next() {
                parts.append(part)
                self.note(part.part)
                if let next = waiting.popFirst() {
                    group.addTask { try await self.store(next, id) }
                }
            }
            return parts
        }
    }

    /// The first replica that can does it; the row may have changed since the snapshot began.
    private func store(_ partition: PartitionID, _ id: SnapshotID) async throws -> Stored {
        guard let layout = self.node.layout else { preconditionFailure("a cluster was left during its snapshot") }
        var reasons: [String] = []
        for owner in layout.readRow(of: partition) {
            do {
                return Stored(part: try await self.store(partition, at: owner, id), owner: owner)
            } catch {
                let name = layout.member(owner)?.name ?? owner.description
                reasons.append("\(name): \(error)")
            }
        }
        throw ClusterAPI.Failure(
            code: "partition_unavailable",
            message: "no replica of partition \(partition) could store its image (\(reasons.joined(separator: "; ")))"
        )
    }

    private func store(_ partition: PartitionID, at owner: NodeID, _ id: SnapshotID) async throws -> Manifest.Partition
    {
        if owner == self.node.member.id {
            return try await self.services.images.storeImage(
                partition,
                repository: self.repositoryPath,
                intent: id.text
            )
        }
        let request = ControlMessage.storeImage(partition, repository: self.repositoryPath, intent: id.text)
        switch try await self.control.ask(owner, .control(request), timeout: .minutes(30)) {
        case .control(.imageStored(let json?)):
            return try JSONDecoder().decode(Manifest.Partition.self, from: Data(json))
        case .failed(let reason):
            throw NodeError(.unreachable, reason)
        default:
            throw NodeError(.unreachable, "unexpected answer")
        }
    }

    private func note(_ part: Manifest.Partition) {
        self.report.update { status in
            status.unitsDone += 1
            status.bytesDone += part.object?.imageBytes ?? 0
            status.records += part.object?.recordCount ?? 0
            status.imageBytes += part.object?.imageBytes ?? 0
            status.storedBytes += part.isReused ? 0 : part.object?.storedBytes ?? 0
        }
    }

    private func publish(
        _ parts: [Manifest.Partition],
        _ promise: Manifest.Promise,
        _ layout: Layout,
        _ id: SnapshotID,
        _ began: UTCTime,
        in repository: DirectoryRepository
    ) throws {
        self.report.update { $0.step = "publishing" }
        let json = LayoutCoding.json(layout)
        let previous = try PreviousObjects(in: repository, clusterID: layout.clusterID)
        let manifest = Manifest(
            snapshot: id,
            parent: previous.parent,
            clusterID: layout.clusterID,
            quireVersion: QuireVersion.current,
            beganAt: began,
            endedAt: UTCTime(milliseconds: MachineClock.wallMilliseconds),
            promise: promise,
            partitionCount: layout.partitionCount,
            quorums: layout.quorums,
            layout: Manifest.LayoutReference(version: layout.version, json: json),
            members: layout.members,
            partitions: parts
        )
        try repository.publish(manifest, layoutJSON: json)
        self.report.update { status in
            status.step = "done"
            status.promise = promise.level.rawValue
            status.warnings += promise.reasons + previous.damaged.map(\.description)
        }
    }

    /// A write was acknowledged by W members of its row or stand-ins for them: if fewer than W of those who may have
    /// it were not consulted, one of them was.
    private func promise(of parts: [Stored], _ unsettled: Unsettled, _ layout: Layout) -> Manifest.Promise {
        var reasons: [String] = []
        for stored in parts.sorted(by: { $0.part.partition < $1.part.partition }) {
            let row = layout.writeRows(of: stored.part.partition)[0]
            var missing = row.filter { stored.part.missing.contains($0) }
            let standIns = unsettled.standIns(for: stored.part.partition, at: stored.owner)
            missing += standIns.filter { !missing.contains($0) && !row.contains($0) }
            guard missing.count >= Layout.effective(layout.quorums.writeQuorumMin, in: row) else { continue }
            let names = missing.map { layout.member($0)?.name ?? $0.description }.joined(separator: ", ")
            reasons.append("partition \(stored.part.partition): \(names) could not be consulted")
        }
        return reasons.isEmpty ? .quorum : .fuzzy(reasons)
    }
}
