import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import QuireArchive
import QuireCore
import QuireStorage
import QuireWire

/// Merges a snapshot into this cluster, whatever its size, N or Q (DESIGN §9, SAFETY rule 21).
///
/// All objects are verified before the first record is merged. Records enter whole, as they would in a repair:
/// newer data of the cluster wins, concurrent data becomes siblings, and the cluster's own replicas go on
/// minting under their own actors. Doing it again changes nothing.
struct RestoreTask: Sendable {
    private static let pageRecords = 500
    private static let pagesAtOnce = 8
    private static let attemptsMax = 20

    let repositoryPath: String
    let snapshot: String
    let node: NodeRuntime
    let control: ControlLoop
    let services: NodeServices
    let report: TaskReport

    func run() async throws {
        let repository = try DirectoryRepository.open(
            at: self.repositoryPath,
            scratch: self.services.storage.engine.incomingPath(named: ".")
        )
        let id = try repository.resolve(self.snapshot)
        self.report.update { status in
            status.snapshot = id.text
            status.step = "verifying"
            status.unit = "objects"
        }
        let report = self.report
        // Verifying blocks its thread for long: not one of those that everything else shares.
        let verified = try await NIOThreadPool.singleton.runIfActive {
            UncheckedTransfer(
                try VerifiedSnapshot(id, in: repository) { progress in
                    report.update { status in
                        status.unitsDone = progress.verifiedObjects
                        status.unitsTotal = progress.totalObjects
                        status.bytesDone = progress.verifiedImageBytes
                    }
                }
            )
        }
        let totals = verified.value.manifest.totals
        self.report.update { status in
            status.step = "merging"
            status.unit = "records"
            status.unitsDone = 0
            status.unitsTotal = totals.records
            status.bytesDone = 0
            status.promise = verified.value.manifest.promise.level.rawValue
            status.imageBytes = totals.imageBytes
            status.storedBytes = totals.storedBytes
        }
        // Whatever it brings must not meet keys whose tombstones are about to go.
        self.node.activity.begin(nil)
        defer { self.node.activity.end(nil) }
        do {
            try await self.merge(verified.value)
        } catch {
            // The first error says more; what stays in `incoming/` goes at the next start.
            try? verified.value.close()
            throw error
        }
        try verified.value.close()
        self.report.update { $0.step = "done" }
    }

    private func merge(_ verified: VerifiedSnapshot) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            for partition in try verified.partitions() {
                var position: ScanPosition?
                var isLast = false
                while !isLast {
                    let page = try verified.page(
                        of: partition,
                        after: position,
                        limit: .init(records: Self.pageRecords)
                    )
                    isLast = page.isLast
                    position = page.rows.last.map { ScanPosition(hash: $0.hash, key: $0.key) } ?? position
                    let records = page.rows.map { KeyedRecord(key: $0.key, record: $0.record) }
                    if running == Self.pagesAtOnce {
                        try await group.next()
                        running -= 1
                    }
                    group.addTask { try await self.merge(records) }
                    running += 1
                }
            }
            try await group.waitForAll()
        }
    }

    /// Routes the records by this cluster's partitions and stores them at every holder.
    private func merge(_ records: [KeyedRecord]) async throws {
        guard let layout = self.node.layout else { preconditionFailure("a cluster was left during a restore") }
        var parts: [PartitionID: [KeyedRecord]] = [:]
        for record in records {
            parts[layout.partitionCount.partition(of: record.key), default: []].append(record)
        }
        for partition in parts.keys.sorted() {
            try await self.store(parts[partition] ?? [], partition)
        }
        let bytes = records.reduce(0) { $0 + $1.key.bytes.count + $1.record.encodedBytes }
        self.report.update { status in
            status.unitsDone += records.count
            status.records += records.count
            status.bytesDone += bytes
        }
    }

    /// Tries until every holder has stored the records. The layout is looked up anew each time, since it may change.
    private func store(_ records: [KeyedRecord], _ partition: PartitionID) async throws {
        var stored: Set<NodeID> = []
        var reason = ""
        for attempt in 0..<Self.attemptsMax {
            guard let layout = self.node.layout else { break }
            let missing = layout.holders(of: partition).filter { !stored.contains($0) }
            if missing.isEmpty { return }
            if attempt > 0 {
                try await Task.sleep(for: .milliseconds(min(2000, 50 << min(attempt, 6))))
            }
            await withTaskGroup(of: (NodeID, String?).self) { group in
                for node in missing {
                    group.addTask { (node, await self.store(records, partition, at: node)) }
                }
                for await (node, failure) in group {
                    if let failure {
                        reason = failure
                    } else {
                        stored.insert(node)
                    }
                }
            }
        }
        throw ClusterAPI.Failure(
            code: "restore_incomplete",
            message: "partition \(partition) could not be stored at every replica (\(reason)); what was merged is "
                + "complete per key, and running the restore again goes on"
        )
    }

    private func store(_ records: [KeyedRecord], _ partition: PartitionID, at node: NodeID) async -> String? {
        if node == self.node.member.id {
            let outcome = await self.services.storage.execute(.mergeBatch(.replica(partition), records))
            if case .durable = outcome { return nil }
            return "own storage: \(outcome)"
        }
        do {
            let answer = try await self.control.askData(node, .putBatch(partition, records))
            if case .acknowledged = answer { return nil }
            return "\(node): \(String(describing: answer).prefix(200))"
        } catch {
            return "\(error)"
        }
    }
}
