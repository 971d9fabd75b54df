import Foundation
package import QuireCore
package import QuireStorage

/// Explains a node's data directory while the node does not run: who the node is, what it knows of its cluster, and what
/// its storage holds (`DirectoryExamination`).
///
/// Holds the directory from `init` on, so that no node starts on it meanwhile; creates and changes nothing in it.
package final class NodeExamination {
    /// What an examination has found.
    package struct Report: Sendable {
        package var node: NodeID?
        package var name: String?
        package var zone: String?
        package var layoutVersion: LayoutVersion?
        /// Whether the newest layout that the node knows counts it in; `nil` when that is not known.
        package var isMember: Bool?
        /// With the findings on `node.json` and `layout.db` first.
        package var storage: DirectoryReport

        package init(storage: DirectoryReport) {
            self.storage = storage
        }
    }

    /// How thoroughly, and with what means.
    package struct Options: Sendable {
        package var isQuick: Bool
        /// `nil`: Merkle leaves are not compared.
        package var clusterKey: [UInt8]?
        /// Where copies are made of files that have a WAL.
        package var scratchDirectory: String
        /// Milliseconds since 1970; that of the machine unless given.
        package var now: UInt64

        package init(
            isQuick: Bool = false,
            clusterKey: [UInt8]? = nil,
            scratchDirectory: String,
            now: UInt64? = nil
        ) {
            self.isQuick = isQuick
            self.clusterKey = clusterKey
            self.scratchDirectory = scratchDirectory
            self.now = now ?? MachineClock.wallMilliseconds
        }
    }

    private let path: String
    private let lease: DirectoryLease

    /// - Throws: `NodeError` when this is no data directory, or a node runs on it.
    package init(of path: String) throws(NodeError) {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw NodeError(.dataDirectoryUnusable, "\(path): there is no such directory")
        }
        let exists = { (name: String) in FileSystem.exists("\(path)/\(name)") }
        guard isDirectory.boolValue,
            exists("node.json") || exists("layout.db") || DirectoryExamination.hasStorage(at: path)
        else {
            throw NodeError(
                .dataDirectoryUnusable,
                "\(path) is no data directory of a node: it has neither node.json nor layout.db nor storage"
            )
        }
        self.path = path
        do {
            self.lease = try DirectoryLease(of: path)
        } catch {
            let isInUse = error.code == .directoryInUse
            throw NodeError(
                isInUse ? .dataDirectoryInUse : .dataDirectoryUnusable,
                "\(path): \(error.message)"
            )
        }
    }

    package func run(
        _ options: Options,
        _ progress: (ExaminationProgress) -> Void = { _ in }
    ) throws(StorageError) -> Report {
        var storage = DirectoryExamination(
            path: self.path,
            scratchDirectory: options.scratchDirectory,
            now: options.now
        )
        storage.digester = options.clusterKey.map { RecordDigester(secret: $0) }
        storage.isQuick = options.isQuick
        var report = Report(storage: DirectoryReport())
        var findings: [DirectoryFinding] = []
        let identity = self.identity(&findings)
        let layout = self.layout(&findings, scratchDirectory: options.scratchDirectory)
        if let layout {
            storage.cluster = (layout.clusterID, layout.partitionCount)
            if let node = identity?.node {
                report.isMember = layout.member(node) != nil
                storage.held = Set(
                    (0..<layout.partitionCount.rawValue).map(PartitionID.init).filter { layout.isHolder(node, of: $0) }
                )
            }
        }
        if let identity, let layout { findings.append(self.membership(of: identity, in: layout)) }
        report.node = identity?.node
        report.name = identity?.name
        report.zone = identity?.zone
        report.layoutVersion = layout?.version
        report.storage = try storage.run(progress)
        report.storage.clusterID = report.storage.clusterID ?? layout?.clusterID
        report.storage.partitionCount = report.storage.partitionCount ?? layout?.partitionCount
        report.storage.findings = findings + report.storage.findings
        return report
    }

    /// Does what is safe about the findings.
    ///
    /// - Parameter report: Of this examination, not a quick one.
    package func repair(_ report: Report, _ options: Options) -> [DirectoryRepair.Outcome] {
        precondition(!options.isQuick, "a quick examination does not know enough")
        return DirectoryRepair(
            path: self.path,
            scratchDirectory: options.scratchDirectory,
            digester: options.clusterKey.map { RecordDigester(secret: $0) },
            now: options.now
        ).run(report.storage)
    }

    // MARK: node.json

    private func identity(_ findings: inout [DirectoryFinding]) -> NodeDirectory.Identity? {
        let file = "\(self.path)/node.json"
        guard FileSystem.exists(file) else {
            findings.append(
                DirectoryFinding(.damage, .node, file: "node.json", "it is missing").with(
                    next: "the node draws a new id, and is a stranger to its cluster",
                    remedy: "put the file back from a backup, or replace the node"
                )
            )
            return nil
        }
        do {
            let identity = try NodeDirectory.read(file)
            let what = "node \(identity.name) (\(identity.node)), zone \(identity.zone), format \(identity.format)"
            findings.append(DirectoryFinding(.ok, .node, file: "node.json", what))
            return identity
        } catch {
            findings.append(
                DirectoryFinding(.damage, .node, file: "node.json", "\(error)").with(
                    next: "the node refuses to start",
                    remedy: "put the file back from a backup, or replace the node"
                )
            )
            return nil
        }
    }

    // MARK: layout.db

    private func layout(_ findings: inout [DirectoryFinding], scratchDirectory: String) -> Layout? {
        let path = "\(self.path)/layout.db"
        guard FileSystem.exists(path) else {
            findings.append(self.missingLayout())
            return nil
        }
        do {
            if case .damaged(let offset) = try WriteAheadLog.state(of: path + "-wal") {
                throw NodeError(.dataDirectoryUnusable, "its WAL is damaged at byte \(offset)")
            }
            let state = try ScratchSpace(in: scratchDirectory).withCopy(of: path) { copy in
                let verdict = try SQLiteDatabase(path: copy, mode: .existing).text("PRAGMA integrity_check(1)")
                guard verdict == "ok" else {
                    throw NodeError(.dataDirectoryUnusable, verdict ?? "SQLite's check gives no answer")
                }
                let store = try LayoutStore(path: copy)
                defer { store.close() }
                return try store.load()
            }
            guard let decided = state.decided else {
                findings.append(
                    DirectoryFinding(.ok, .layout, file: "layout.db", "no layout: the node is in no cluster yet")
                )
                return nil
            }
            guard let layout = LayoutCoding.decode(decided.layout) else {
                throw NodeError(.dataDirectoryUnusable, "layout \(state.decidedVersion) does not decode")
            }
            let what =
                "layout \(layout.version) of cluster \(layout.clusterID), \(layout.partitionCount.rawValue) partitions"
            findings.append(DirectoryFinding(.ok, .layout, file: "layout.db", what))
            return layout
        } catch {
            findings.append(
                DirectoryFinding(.damage, .layout, file: "layout.db", "it cannot be read: \(error)").with(
                    next: "the node refuses to start",
                    remedy:
                        "replace the node: its votes and promises were in this file, so a backup of it must not come back"
                )
            )
            return nil
        }
    }

    private func missingLayout() -> DirectoryFinding {
        guard DirectoryExamination.hasStorage(at: self.path) else {
            return DirectoryFinding(.ok, .layout, file: "layout.db", "there is none: the node is in no cluster yet")
        }
        return DirectoryFinding(.damage, .layout, file: "layout.db", "it is missing, although the node has storage")
            .with(
                next: "the node starts as one that is in no cluster",
                remedy: "replace the node: its votes and promises were in this file"
            )
    }

    private func membership(of identity: NodeDirectory.Identity, in layout: Layout) -> DirectoryFinding {
        guard let member = layout.member(identity.node) else {
            return DirectoryFinding(
                .note,
                .membership,
                file: "layout.db",
                "the node is no member in layout \(layout.version)"
            )
            .with(
                next: "it serves nobody",
                remedy: "`quire cluster join` brings it back; what it holds counts for nothing then"
            )
        }
        let replicas = layout.rows.count { $0.contains(member.id) }
        return DirectoryFinding(
            .ok,
            .membership,
            file: "layout.db",
            "a member, with replicas of \(replicas) partitions"
        )
    }
}
