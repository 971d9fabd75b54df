import Foundation

/// Runs a program and waits for its end.
struct ShellResult {
    let exitCode: Int32
    let output: String
    let errors: String

    /// - Parameter arguments: The program, searched in `PATH`, and its arguments.
    init(_ arguments: [String], in directory: String? = nil) throws {
        let scratch = try TemporaryDirectory()
        for name in ["out", "err"] {
            try writeBytes([], scratch(name))
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch("out")))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch("err")))
        if let directory {
            process.currentDirectoryURL = URL(fileURLWithPath: directory)
        }
        try process.run()
        process.waitUntilExit()
        self.exitCode = process.terminationStatus
        self.output = String(decoding: try readBytes(scratch("out")), as: UTF8.self)
        self.errors = String(decoding: try readBytes(scratch("err")), as: UTF8.self)
    }

    /// The folder `Archives/` of the sources.
    static let archives = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Archives").path
}
