import Glibc
import QuireCore

/// What lies at the top of a data directory: markers, sizes, the disk.
extension DirectoryExamination {
    /// Logs of the usual two shards at their bound.
    private static let freeBytesMin = 512 << 20

    func examineDisk(_ report: inout DirectoryReport) {
        guard report.freeBytes < Self.freeBytesMin else { return }
        report.findings.append(
            DirectoryFinding(
                .warning,
                .disk,
                file: ".",
                "the disk has \(report.freeBytes) bytes free; the log alone may need \(Self.freeBytesMin)"
            ).with(next: "writes are refused while the disk is full", remedy: "free some space before the node starts")
        )
    }

    /// A start makes what is missing anew, empty.
    func examineDirectories(_ report: inout DirectoryReport) {
        for name in ["log", "partitions", "hints", "incoming", "retired", "quarantine"]
        where !FileSystem.exists("\(self.path)/\(name)") {
            let isLoss = name == "log" || name == "partitions"
            report.findings.append(
                DirectoryFinding(isLoss ? .damage : .note, .directoryMissing, file: name, "the directory is missing")
                    .with(
                        next: "it is made anew, empty",
                        remedy: isLoss ? "put it back before the node starts, or replace the node" : ""
                    )
            )
        }
    }

    func examineMarkers(_ report: inout DirectoryReport) throws(StorageError) {
        let directory = DataDirectory(path: self.path)
        if try directory.cleanLineage() != nil {
            report.lastStop = .clean
            report.findings.append(
                DirectoryFinding(
                    .ok,
                    .lastStop,
                    file: "clean",
                    "the last stop was clean: everything is in complete files"
                )
            )
        } else {
            report.lastStop = .unclean
            report.findings.append(
                DirectoryFinding(
                    .note,
                    .lastStop,
                    file: "clean",
                    "the last stop was not clean (a crash, a kill, or a power failure)"
                ).with(next: "the log is replayed, and every replica mints under a fresh actor")
            )
        }
        do {
            guard let version = try directory.membership() else { return }
            report.findings.append(
                DirectoryFinding(
                    .ok,
                    .membership,
                    file: "membership",
                    "replicas are of the membership since layout \(version)"
                )
            )
        } catch {
            report.findings.append(
                DirectoryFinding(
                    .damage,
                    .membership,
                    file: "membership",
                    "the marker of the membership cannot be read"
                )
                .with(next: "the node runs, but does not begin to serve", remedy: LogExamination.replacement)
            )
        }
    }

    func sizes() throws(StorageError) -> DirectoryReport.Sizes {
        var sizes = DirectoryReport.Sizes()
        for name in try FileSystem.list(self.path) {
            let bytes = Self.treeBytes("\(self.path)/\(name)")
            switch name {
            case "log": sizes.log = bytes
            case "partitions": sizes.partitions = bytes
            case "hints": sizes.hints = bytes
            case "incoming": sizes.incoming = bytes
            case "retired": sizes.retired = bytes
            case "quarantine": sizes.quarantine = bytes
            default: sizes.other += bytes
            }
        }
        return sizes
    }

    /// Of a file, or of all files below a directory. What cannot be listed counts for nothing; links are not followed.
    private static func treeBytes(_ path: String) -> Int {
        var status = stat()
        guard lstat(path, &status) == 0 else { return 0 }
        guard status.st_mode & S_IFMT == S_IFDIR else { return Int(status.st_size) }
        let names = (try? FileSystem.list(path)) ?? []
        return names.reduce(0) { $0 + self.treeBytes("\(path)/\($1)") }
    }
}
