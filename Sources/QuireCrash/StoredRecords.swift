import Foundation
import QuireCore
import QuireStorage

/// Everything that an engine holds after a crash, read through its front door; and what its files hold behind it.
struct StoredRecords {
    var replicas: [Int: Record] = [:]
    var hints: [Int: Record] = [:]
    var quarantined: [StoreID: String] = [:]
    var violations: [String] = []

    /// Opens the engine, reads all, and ends it.
    ///
    /// - Parameter stopsCleanly: Whether it ends by a clean stop, after which every file is checked as an image; else as
    ///   by a crash.
    init(_ configuration: StorageConfiguration, stopsCleanly: Bool) async throws {
        let numbers = Dictionary(
            uniqueKeysWithValues: try (0..<CrashSetting.keyCount).map { (try CrashSetting.key($0), $0) }
        )
        let engine = try StorageEngine(configuration)
        let statistics = try await engine.statistics()
        for (partition, reason) in statistics.quarantined { self.quarantined[.replica(partition)] = reason }
        for (partition, reason) in statistics.hints.quarantined { self.quarantined[.hints(partition)] = reason }
        for number in 0..<CrashSetting.partitionCount {
            for store in [StoreID.replica(PartitionID(number)), .hints(PartitionID(number))]
            where self.quarantined[store] == nil {
                let page = try await self.read(store, numbers, engine)
                switch store {
                case .replica: self.replicas.merge(page) { $0.merging($1) }
                case .hints: self.hints.merge(page) { $0.merging($1) }
                }
            }
        }
        let retired = try engine.retiredCopies()
        if stopsCleanly {
            try await engine.stop()
            self.checkFiles(configuration)
        } else {
            engine.abandon()
        }
        for copy in retired { try self.addRetired(copy, numbers) }
    }

    private mutating func read(
        _ store: StoreID,
        _ numbers: [Key: Int],
        _ engine: StorageEngine
    ) async throws -> [Int: Record] {
        let limit = PageLimit(records: 1000)
        guard case .page(let page, let isLast)? = await Asking.ask(.scan(store, after: nil, limit: limit), engine),
            isLast, case .leaves(let leaves)? = await Asking.ask(.leaves(store), engine)
        else { throw CrashError("\(store) cannot be read") }
        var computed = MerkleLeaves()
        var records: [Int: Record] = [:]
        for keyed in page {
            let digest = CrashSetting.digester.digest(key: keyed.key, encodedRecord: keyed.record.encoded())
            computed.replace(0, with: digest, at: keyed.key.hash)
            guard let number = numbers[keyed.key] else {
                self.violations.append("\(store) has a key that nobody has written")
                continue
            }
            records[number] = keyed.record
        }
        if computed != leaves { self.violations.append("the Merkle leaves of \(store) are not those of its records") }
        return records
    }

    /// A retired file may have a WAL when a crash has ended its revival: its rows are read where they are.
    private mutating func addRetired(_ copy: RetiredCopy, _ numbers: [Key: Int]) throws {
        do {
            let reader = try PartitionImageReader(path: copy.path)
            try reader.forEachRow { row in
                guard let number = numbers[row.key] else { return }
                self.replicas[number, default: Record()].merge(row.record)
            }
        } catch {
            self.violations.append("the retired file \(copy.path) cannot be read: \(error)")
        }
    }

    private mutating func checkFiles(_ configuration: StorageConfiguration) {
        let directory = configuration.directory + "/partitions"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for name in names where name.hasSuffix(".db") {
            do {
                let reader = try PartitionImageReader(path: "\(directory)/\(name)")
                try reader.checkStructure()
                try reader.checkContent(digester: CrashSetting.digester)
            } catch {
                self.violations.append("after a clean stop \(name) is damaged: \(error)")
            }
        }
    }
}

/// Waits for the only answer to a command.
///
/// `@unchecked Sendable`: nothing in it changes.
private final class Asking: StorageSink, @unchecked Sendable {
    private let continuation: CheckedContinuation<StorageOutcome?, Never>

    private init(_ continuation: CheckedContinuation<StorageOutcome?, Never>) {
        self.continuation = continuation
    }

    static func ask(_ command: StorageCommand, _ engine: StorageEngine) async -> StorageOutcome? {
        await withCheckedContinuation { engine.submit([(token: 0, command: command)], sink: Asking($0)) }
    }

    func deliver(_ completions: [StorageCompletion]) {
        self.continuation.resume(returning: completions.first?.outcome)
    }
}
