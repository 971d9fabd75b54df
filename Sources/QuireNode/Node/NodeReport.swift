import Foundation
import Glibc
import QuireCore
import QuireStorage
import QuireWire

/// What a node knows of itself, for whoever asks it for the cluster's status. Travels as JSON.
struct NodeReport: Codable, Sendable {
    var layoutVersion: Int
    var records: Int
    var storedBytes: Int
    var partitionBytes: [Int: Int]
    var diskFreeBytes: Int
    var quarantined: [Int]
    var incoming: [TransferAPI.Incoming]
    /// Records whose winner is a tombstone; `nil` from nodes that do not count them.
    var tombstones: Int?
    var collection: TombstoneReport?
    /// Of nodes of this version or a later one.
    var work: BackgroundAPI.Work?
    /// Partitions of which a file is kept in `retired/`, ascending.
    var retiredPartitions: [Int]?
    var layoutObjections: Int?
    var foreignLayouts: Int?
    var layoutAlarm: String?

    /// What a node without a storage can tell.
    init(of node: NodeRuntime) {
        self.layoutVersion = node.layoutVersion.rawValue
        self.records = 0
        self.storedBytes = 0
        self.partitionBytes = [:]
        self.diskFreeBytes = Self.freeBytes(at: node.configuration.dataDirectory)
        self.quarantined = []
        self.incoming = []
        let alarms = node.layoutAlarms
        self.layoutObjections = alarms.objections
        self.foreignLayouts = alarms.foreignLineages
        self.layoutAlarm = alarms.last.map { "\($0)" }
    }

    static func collect(node: NodeRuntime, services: NodeServices) async -> NodeReport {
        var report = NodeReport(of: node)
        report.incoming = services.moves.incoming
        report.work = services.background.work
        // Unknown, then: a directory that cannot be read has its own alarms.
        report.retiredPartitions = try? Set(services.storage.engine.retiredCopies().map(\.partition.rawValue)).sorted()
        // A storage that is stopping has no figures; the rest is still worth telling.
        guard var statistics = try? await services.storage.engine.statistics() else { return report }
        // A partition that was not touched since the start has not been counted: reading its leaves opens it.
        let untouched = statistics.partitions.filter { $0.tally == nil }.map(\.partition)
        for partition in untouched {
            _ = await services.storage.execute(.leaves(.replica(partition)))
        }
        if !untouched.isEmpty, let counted = try? await services.storage.engine.statistics() {
            statistics = counted
        }
        report.collection = services.tombstones.report
        report.tombstones = statistics.partitions.reduce(0) { sum, partition in
            sum + (partition.tally.map { $0.records - $0.live } ?? 0)
        }
        for partition in statistics.partitions {
            report.records += partition.tally?.records ?? 0
            report.storedBytes += partition.bytes
            report.partitionBytes[partition.partition.rawValue] = partition.bytes
        }
        report.quarantined = statistics.quarantined.keys.map(\.rawValue).sorted()
        return report
    }

    func encoded() -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(self))
        } catch {
            preconditionFailure("a report that JSON cannot hold: \(error)")
        }
    }

    static func decode(_ bytes: [UInt8]) -> NodeReport? {
        // A peer of another version may send what this one does not read: its figures are left out then.
        try? JSONDecoder().decode(NodeReport.self, from: Data(bytes))
    }

    private static func freeBytes(at path: String) -> Int {
        var statistics = statvfs()
        guard statvfs(path, &statistics) == 0 else { return 0 }
        return Int(statistics.f_bavail) * Int(statistics.f_frsize)
    }
}
