import Foundation
import Testing

/// What a program that has ended said.
struct Outcome: Sendable, CustomTestStringConvertible {
    let command: String
    let status: Int32
    let out: String
    let err: String

    var testDescription: String {
        "`\(self.command)` ended with \(self.status)\n--- out\n\(self.out)\n--- err\n\(self.err)"
    }

    /// Standard output as JSON.
    func json<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(self.out.utf8))
    }
}

/// Runs programs to their end.
enum Program {
    /// The `quire` under test: QUIRE_BINARY, or the one built with these tests.
    static let quire: String = {
        if let path = ProcessInfo.processInfo.environment["QUIRE_BINARY"] { return path }
        // The test bundle and the product are built into the same directory.
        for argument in CommandLine.arguments + [Bundle.main.bundlePath] {
            let candidate = URL(fileURLWithPath: argument).deletingLastPathComponent().appendingPathComponent("quire")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate.path }
        }
        return Self.repository + "/.build/debug/quire"
    }()

    /// The root of the sources.
    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// Runs a program; it is killed when its time is over, and its status is then negative.
    static func run(
        _ program: String,
        _ arguments: [String],
        within patience: Duration = .seconds(60)
    ) async throws -> Outcome {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let child = try ChildProcess(program, arguments, output: folder("out"), errors: folder("err"))
        let watchdog = Task {
            try await Task.sleep(for: patience)
            await child.send(SIGKILL)
        }
        let ending = await child.waitForEnd()
        watchdog.cancel()
        let status: Int32 =
            switch ending {
            case .exited(let status): status
            case .killed(let signal): -signal
            }
        return Outcome(
            command: ([URL(fileURLWithPath: program).lastPathComponent] + arguments).joined(separator: " "),
            status: status,
            out: Self.text(folder("out")),
            err: Self.text(folder("err"))
        )
    }

    /// Runs `quire`.
    static func quire(_ arguments: String..., within patience: Duration = .seconds(60)) async throws -> Outcome {
        try await Self.run(Self.quire, arguments, within: patience)
    }

    /// Runs a program that has to succeed.
    @discardableResult
    static func succeed(
        _ program: String,
        _ arguments: [String],
        within patience: Duration = .seconds(60),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Outcome {
        let outcome = try await Self.run(program, arguments, within: patience)
        try #require(outcome.status == 0, "\(outcome.testDescription)", sourceLocation: sourceLocation)
        return outcome
    }

    /// A file's text; nothing when there is none.
    static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
