import Foundation
import Glibc

/// A directory that is removed when its owner is done with it.
struct TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("\(FileManager.default.temporaryDirectory.path)/quire-e2e-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw SpawnFailure(program: "mkdtemp", reason: String(cString: strerror(errno)))
        }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The path of an entry of the directory.
    func callAsFunction(_ name: String) -> String { "\(self.path)/\(name)" }

    /// Keeps the directory if QUIRE_KEEP is set, for whoever looks into a failure.
    func remove() {
        guard ProcessInfo.processInfo.environment["QUIRE_KEEP"] == nil else { return }
        // What cannot be removed is left to the system's own cleaning of temporary files.
        try? FileManager.default.removeItem(atPath: self.path)
    }
}
