import Foundation

/// The repository's files, found from the place of this one.
struct RepositoryFiles {
    /// All Swift files, read once for all tests.
    static let sources = Result { try RepositoryFiles().swiftFiles(below: "Sources") }
    static let tests = Result { try RepositoryFiles().swiftFiles(below: "Tests") }

    let root: URL

    init(testFile: String = #filePath) {
        let file = URL(filePath: testFile).resolvingSymlinksInPath()
        self.root = file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    /// Swift files below `folder`, in a fixed order, with their paths from the root.
    func swiftFiles(below folder: String) throws -> [SwiftFile] {
        try self.paths(below: folder).filter { $0.hasSuffix(".swift") }.map { path in
            SwiftFile(path: path, text: try String(contentsOf: self.root.appending(path: path), encoding: .utf8))
        }
    }

    /// Files below `folder` that are text: path and lines.
    func texts(below folder: String) throws -> [(path: String, lines: [Substring])] {
        try self.paths(below: folder).compactMap { path in
            let data = try Data(contentsOf: self.root.appending(path: path))
            guard let text = String(data: data, encoding: .utf8) else { return nil }
            return (path, text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }

    func targets() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: self.root.appending(path: "Sources").path).sorted()
    }

    /// First components of everything that git tracks or would track; without git, of the folder.
    func topLevelEntries() throws -> Set<String> {
        if let listed = try? self.gitFiles(), !listed.isEmpty {
            // No git, or no repository: the folder answers as well.
            return Set(listed.compactMap { $0.split(separator: "/").first.map(String.init) })
        }
        return Set(try FileManager.default.contentsOfDirectory(atPath: self.root.path))
    }

    private func gitFiles() throws -> [String] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        process.currentDirectoryURL = self.root
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return [] }
        return data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    private func paths(below folder: String) throws -> [String] {
        let start = self.root.appending(path: folder)
        guard FileManager.default.fileExists(atPath: start.path) else { return [] }
        return try FileManager.default.subpathsOfDirectory(atPath: start.path).sorted().map { "\(folder)/\($0)" }
            .filter { path in
                var isDirectory: ObjCBool = false
                let full = self.root.appending(path: path).path
                return FileManager.default.fileExists(atPath: full, isDirectory: &isDirectory) && !isDirectory.boolValue
            }
    }
}
