import ArgumentParser
import QuireArchive
import QuireCore

/// One snapshot of a repository, as it is listed.
struct SnapshotSummary: Encodable {
    var id: String
    var state: String
    var beganAt: String?
    var endedAt: String?
    var clusterID: String?
    var promise: String?
    var promiseReasons: [String]?
    var layoutVersion: Int?
    var members: Int?
    var partitions: Int?
    var objects: Int?
    var reusedObjects: Int?
    var records: Int?
    var liveKeys: Int?
    var imageBytes: Int?
    var storedBytes: Int?
    var seconds: Double?
    var failure: String?

    init(_ manifest: Manifest) {
        let totals = manifest.totals
        self.id = manifest.snapshot.text
        self.state = "complete"
        self.beganAt = manifest.beganAt.description
        self.endedAt = manifest.endedAt.description
        self.clusterID = manifest.clusterID
        self.promise = manifest.promise.level.rawValue
        self.promiseReasons = manifest.promise.reasons
        self.layoutVersion = manifest.layout.version.rawValue
        self.members = manifest.members.count
        self.partitions = manifest.partitions.count
        self.objects = totals.objects
        self.reusedObjects = totals.reusedObjects
        self.records = totals.records
        self.liveKeys = totals.liveKeys
        self.imageBytes = totals.imageBytes
        self.storedBytes = totals.storedBytes
        self.seconds = (Double(manifest.endedAt.milliseconds) - Double(manifest.beganAt.milliseconds)) / 1000
    }

    private init(damaged id: SnapshotID, failure: String) {
        self.id = id.text
        self.state = "damaged"
        self.failure = failure
    }

    init(_ listed: DirectoryRepository.Listed) {
        switch listed.manifest {
        case .success(let manifest): self.init(manifest)
        case .failure(let error): self.init(damaged: listed.snapshot, failure: error.description)
        }
    }
}

/// `quire snapshot list`.
struct SnapshotList: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the snapshots of a repository, oldest first. No node is needed."
    )

    @OptionGroup var repository: RepositoryOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let repository = try self.repository.open()
        let summaries = try RepositoryOptions.described { try repository.list() }.map { SnapshotSummary($0) }
        try Report.list(summaries, as: self.format) {
            summaries.isEmpty
                ? "The repository has no snapshot yet: `quire snapshot create --repository …` makes one."
                : Self.table(summaries)
        }
    }

    private static func table(_ summaries: [SnapshotSummary]) -> String {
        var table = TextTable([
            ("id", .left), ("began", .left), ("state", .left), ("promise", .left), ("layout", .right),
            ("nodes", .right), ("keys", .right), ("images", .right), ("stored", .right), ("reused", .right),
            ("duration", .right),
        ])
        for summary in summaries {
            table.append([
                summary.id, summary.beganAt ?? "?", summary.state, summary.promise ?? "?",
                summary.layoutVersion.map(String.init) ?? "?", summary.members.map(String.init) ?? "?",
                summary.liveKeys.map(Quantity.count) ?? "?", summary.imageBytes.map(Quantity.bytes) ?? "?",
                summary.storedBytes.map(Quantity.bytes) ?? "?", summary.reusedObjects.map(String.init) ?? "?",
                summary.seconds.map { Quantity.duration(seconds: $0) } ?? "?",
            ])
        }
        return table.rendered()
    }
}

/// `quire snapshot show ID`.
struct SnapshotShow: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one snapshot: its promise, its figures, its members and its objects."
    )

    @OptionGroup var repository: RepositoryOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "Id, the beginning of one, or `latest`.")
    var snapshot = "latest"

    @Flag(name: .long, help: "List the object of every partition.")
    var objects = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let repository = try self.repository.open()
        let manifest = try RepositoryOptions.described { try repository.manifest(of: self.snapshot) }
        let summary = SnapshotSummary(manifest)
        guard self.format == .text else {
            // The manifest itself is the full answer for programs; its names are the format's.
            if self.objects {
                return Console.out(String(decoding: try manifest.rendered(), as: UTF8.self))
            }
            return try Report.result(summary, as: self.format) { "" }
        }
        Console.out(Self.text(manifest, summary))
        if self.objects { Console.out("\n" + Self.objectTable(manifest)) }
    }

    private static func text(_ manifest: Manifest, _ summary: SnapshotSummary) -> String {
        let totals = manifest.totals
        var lines = [
            "snapshot    \(manifest.snapshot)",
            "cluster     \(manifest.clusterID), layout \(manifest.layout.version), "
                + "N=\(manifest.quorums.replicaCount) R=\(manifest.quorums.readQuorum) W=\(manifest.quorums.writeQuorum)",
            "time        \(manifest.beganAt) to \(manifest.endedAt)",
            "promise     \(manifest.promise.level.rawValue)"
                + (manifest.promise.reasons.isEmpty ? "" : ": " + manifest.promise.reasons.joined(separator: "; ")),
            "members     \(manifest.members.map(\.name).joined(separator: ", "))",
            "records     \(Quantity.count(totals.records)) (\(Quantity.count(totals.liveKeys)) live keys) in "
                + "\(manifest.partitions.count) partitions",
            "objects     \(totals.objects) (\(totals.reusedObjects) reused), \(Quantity.bytes(totals.imageBytes)) "
                + "stored in \(Quantity.bytes(totals.storedBytes))",
        ]
        if let parent = manifest.parent { lines.append("parent      \(parent)") }
        return lines.joined(separator: "\n")
    }

    private static func objectTable(_ manifest: Manifest) -> String {
        var table = TextTable([
            ("partition", .right), ("records", .right), ("image", .right), ("stored", .right), ("reused", .left),
            ("object", .left),
        ])
        for partition in manifest.partitions {
            guard let object = partition.object else { continue }
            table.append([
                String(object.partition.rawValue), Quantity.count(object.recordCount),
                Quantity.bytes(object.imageBytes), Quantity.bytes(object.storedBytes),
                partition.isReused ? "yes" : "no", object.relativePath,
            ])
        }
        return table.rendered()
    }
}
