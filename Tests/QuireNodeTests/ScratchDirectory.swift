import Foundation

/// A directory of one test, removed with it.
final class ScratchDirectory {
    let path: String

    init() throws {
        self.path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        // What is left behind in the temporary directory harms nobody.
        try? FileManager.default.removeItem(atPath: self.path)
    }
}
