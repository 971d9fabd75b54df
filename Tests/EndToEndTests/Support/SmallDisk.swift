import Foundation
import Glibc
import Testing

/// A file system of its own, small enough to be filled in a moment. Only root may mount one.
struct SmallDisk: Sendable {
    static let isPossible = geteuid() == 0

    let path: String
    private var ballast: String { "\(self.path)/ballast" }

    /// A disk for as long as `body` takes.
    static func run(megabytes: Int, _ body: (SmallDisk) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder("disk")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try await Program.succeed("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "quire-test", path])
        do {
            try await body(SmallDisk(path: path))
        } catch {
            try await Program.succeed("umount", ["--lazy", path])
            throw error
        }
        try await Program.succeed("umount", ["--lazy", path])
    }

    /// Takes all the space that is left.
    func fill() throws {
        let descriptor = open(self.ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SocketFailure("create \(self.ballast)") }
        defer { close(descriptor) }
        for size in [1 << 16, 4096, 1] {
            let bytes = [UInt8](repeating: 0, count: size)
            while write(descriptor, bytes, size) > 0 {}
        }
        guard errno == ENOSPC else { throw SocketFailure("fill \(self.path)") }
    }

    /// Gives the space back.
    func clear() throws {
        try FileManager.default.removeItem(atPath: self.ballast)
    }
}
