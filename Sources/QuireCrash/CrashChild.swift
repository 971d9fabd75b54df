import Foundation

/// A worker process, and what it has told.
struct CrashChild {
    private let process: Process
    private let output: Pipe
    private let errorPath: String

    /// - Parameter environment: Added to this process's own.
    init(arguments: [String], environment: [String: String], errorPath: String) throws {
        self.process = Process()
        self.output = Pipe()
        self.errorPath = errorPath
        self.process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        self.process.arguments = arguments
        // A worker that traps ends at once: it must not be taken for one that was killed.
        let own = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        self.process.environment = own.merging(environment) { $1 }
        self.process.standardOutput = self.output
        guard FileManager.default.createFile(atPath: errorPath, contents: nil) else {
            throw CrashError("\(errorPath) cannot be made")
        }
        self.process.standardError = FileHandle(forWritingAtPath: errorPath)
        try self.process.run()
    }

    /// Lets the worker run for a while, kills it, and returns its whole lines.
    ///
    /// - Throws: When it has ended by itself: a worker writes until it is killed.
    func kill(after milliseconds: Int) async throws -> [CrashLine] {
        let reader = self.output.fileHandleForReading
        let read = Task.detached { reader.readDataToEndOfFile() }
        try await Task.sleep(for: .milliseconds(milliseconds))
        Foundation.kill(self.process.processIdentifier, SIGKILL)
        self.process.waitUntilExit()
        let text = String(decoding: await read.value, as: UTF8.self)
        guard self.process.terminationReason == .uncaughtSignal, self.process.terminationStatus == SIGKILL else {
            let words = FileManager.default.contents(atPath: self.errorPath) ?? Data()
            let error = String(decoding: words.suffix(4000), as: UTF8.self)
            throw CrashError("the worker ended with status \(self.process.terminationStatus): \(error)")
        }
        guard let end = text.lastIndex(of: "\n") else { return [] }
        return try text[..<end].split(separator: "\n").map { line in
            guard let known = CrashLine(line) else { throw CrashError("the worker said: \(line.prefix(200))") }
            return known
        }
    }
}
