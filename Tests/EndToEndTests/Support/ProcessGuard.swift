import Foundation
import Glibc

/// Ends the processes of a test run that ends before they do: after a crash, a time limit or a signal.
///
/// A shell reads the ids of running processes from a pipe. When this process is gone, the pipe ends, and the
/// shell kills those that are left.
final class ProcessGuard: Sendable {
    static let shared = ProcessGuard()

    private static let script = """
        trap '' HUP INT TERM
        running=' '
        while read -r sign id; do
            case $sign in
            +) running="$running$id " ;;
            -) running="${running% "$id" *} ${running#* "$id" }" ;;
            esac
        done
        for id in $running; do kill -9 "$id" 2>/dev/null; done
        """

    private let pipe: Int32

    private init() {
        var ends: [Int32] = [0, 0]
        precondition(Glibc.pipe(&ends) == 0, "no pipe for the guard: \(String(cString: strerror(errno)))")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        self.pipe = ends[1]
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_adddup2(&files, ends[0], 0)
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0)
        for descriptor: Int32 in 3..<1024 { posix_spawn_file_actions_addclose(&files, descriptor) }
        var words: [UnsafeMutablePointer<CChar>?] = ["sh", "-c", Self.script].map { (word: String) in strdup(word) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var id: pid_t = 0
        let result = posix_spawn(&id, "/bin/sh", &files, nil, &words, environ)
        precondition(result == 0, "no guard: \(String(cString: strerror(result)))")
        close(ends[0])
    }

    func watch(_ id: pid_t) { self.tell("+ \(id)\n") }
    func forget(_ id: pid_t) { self.tell("- \(id)\n") }

    /// One `write` of a short line is not mixed with another's.
    private func tell(_ line: String) {
        let bytes = Array(line.utf8)
        let count = write(self.pipe, bytes, bytes.count)
        precondition(count == bytes.count, "the guard does not listen: \(String(cString: strerror(errno)))")
    }
}
