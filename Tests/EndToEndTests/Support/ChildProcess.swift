import Foundation
import Glibc

/// How a process ended.
enum Ending: Sendable, Equatable {
    case exited(Int32)
    case killed(signal: Int32)
}

/// Why a process could not be started.
struct SpawnFailure: Error, CustomStringConvertible {
    let program: String
    let reason: String

    var description: String { "cannot start \(self.program): \(self.reason)" }
}

/// A process that this one has started; both its outputs go to files.
///
/// Invariant: a signal is never sent to a process id that may belong to somebody else, because the child is reaped
/// by this actor and by nobody else.
actor ChildProcess {
    nonisolated let id: pid_t
    private var ending: Ending?
    private var waiting: [CheckedContinuation<Ending, Never>] = []

    /// - Parameters:
    ///   - program: A path, or a name that is looked up in PATH.
    ///   - output: Where standard output is appended.
    ///   - errors: Where standard error is appended.
    init(_ program: String, _ arguments: [String], output: String, errors: String) throws {
        self.id = try Self.spawn(program, arguments, output: output, errors: errors)
        ProcessGuard.shared.watch(self.id)
        Thread.detachNewThread { [id, weak self] in
            var information = siginfo_t()
            while waitid(P_PID, id_t(id), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
            Task { await self?.reap() }
        }
    }

    var isRunning: Bool { self.ending == nil }

    /// Sends a signal, unless the process has ended.
    func send(_ signal: Int32) {
        guard self.ending == nil else { return }
        kill(self.id, signal)
    }

    func waitForEnd() async -> Ending {
        if let ending = self.ending { return ending }
        return await withCheckedContinuation { self.waiting.append($0) }
    }

    private func reap() {
        var status: Int32 = 0
        waitpid(self.id, &status, 0)
        ProcessGuard.shared.forget(self.id)
        let signal = status & 0x7F
        let ending = signal == 0 ? Ending.exited((status >> 8) & 0xFF) : .killed(signal: signal)
        self.ending = ending
        let waiting = self.waiting
        self.waiting = []
        for continuation in waiting { continuation.resume(returning: ending) }
    }

    private static func spawn(
        _ program: String,
        _ arguments: [String],
        output: String,
        errors: String
    ) throws -> pid_t {
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&files, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&files, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        // The sockets of this process are not the child's: it would keep them open. Closing what is not open is no
        // failure here.
        for descriptor: Int32 in 3..<1024 { posix_spawn_file_actions_addclose(&files, descriptor) }

        // NIO ignores SIGPIPE in this process; a child starts as it would from a shell.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var id: pid_t = 0
        let result = posix_spawnp(&id, program, &files, &attributes, &words, environ)
        guard result == 0 else {
            throw SpawnFailure(program: program, reason: String(cString: strerror(result)))
        }
        return id
    }
}
