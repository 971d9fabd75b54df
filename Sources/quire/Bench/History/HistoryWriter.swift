import Foundation
import Glibc

/// Writes one client's history to a new file; used by one task.
///
/// Every line is handed to the system at once, and synced about once a second: a line that a loss of power takes away
/// makes the judge ask for less, never for something wrong.
final class HistoryWriter {
    private static let syncPause = Duration.seconds(1)

    private let path: String
    private let descriptor: Int32
    private var syncedAt = ContinuousClock.now

    init(directory: String, client: Int) throws {
        let path = "\(directory)/client-\(client).history"
        self.path = path
        self.descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC, 0o644)
        guard self.descriptor >= 0 else {
            throw CommandFailure(
                "unwritable",
                "cannot create \(path): \(String(cString: strerror(errno))); name a directory without histories"
            )
        }
        try self.append(.header(client: client))
    }

    deinit {
        close(self.descriptor)
    }

    func append(_ line: HistoryLine) throws {
        var rest = Array((line.text + "\n").utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(self.descriptor, $0.baseAddress, $0.count) }
            guard written > 0 || errno == EINTR else { throw self.failure() }
            if written > 0 { rest = rest.dropFirst(written) }
        }
        if ContinuousClock.now - self.syncedAt > Self.syncPause { try self.sync() }
    }

    func sync() throws {
        guard fdatasync(self.descriptor) == 0 else { throw self.failure() }
        self.syncedAt = .now
    }

    private func failure() -> CommandFailure {
        CommandFailure("unwritable", "cannot write \(self.path): \(String(cString: strerror(errno)))")
    }
}
