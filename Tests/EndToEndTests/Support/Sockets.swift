import Foundation
import Glibc

struct SocketFailure: Error, CustomStringConvertible {
    let action: String
    let code: Int32

    init(_ action: String) {
        self.action = action
        self.code = errno
    }

    var description: String { "\(self.action): \(String(cString: strerror(self.code)))" }
}

/// Finds ports that nobody listens at.
enum TCPPort {
    /// The ports that this process has drawn, so that it draws none twice.
    ///
    /// `@unchecked Sendable`: the set is touched under the lock only.
    private final class Ledger: @unchecked Sendable {
        private let lock = NSLock()
        private var drawn: Set<Int> = []

        func take(_ port: Int) -> Bool { self.lock.withLock { self.drawn.insert(port).inserted } }
    }

    private static let ledger = Ledger()

    /// Draws a port at which one can listen now. Below 32768, where Linux begins to number outgoing connections.
    static func draw() throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: 10_000..<32_000)
            if self.ledger.take(port), self.isFree(port) { return port }
        }
        throw SocketFailure("no free port found")
    }

    static func isFree(_ port: Int) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(socket) }
        return self.withAddress(port) { bind(socket, $0, $1) == 0 }
    }

    static func withAddress<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr = in_addr(s_addr: in_addr_t(0x7F00_0001).bigEndian)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
        }
    }
}

/// A plain TCP connection, for bytes that no well-behaved client would send.
struct RawConnection: ~Copyable {
    private let socket: Int32

    /// - Parameter patienceSeconds: How long a read waits for bytes.
    init(port: Int, patienceSeconds: Int = 10) throws {
        self.socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: patienceSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(self.socket, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(self.socket, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        let socket = self.socket
        guard TCPPort.withAddress(port, { connect(socket, $0, $1) }) == 0 else {
            throw SocketFailure("connect to port \(port)")
        }
    }

    deinit { close(self.socket) }

    /// Sends everything; the other side may close before it has read it all, which is its answer.
    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(self.socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    func send(_ text: String) { self.send(Array(text.utf8)) }

    /// Says that nothing more will be sent.
    func endSending() { shutdown(self.socket, Int32(SHUT_WR)) }

    /// What the other side sends until it closes.
    ///
    /// - Throws: `SocketFailure` if it stays silent without closing.
    func readToEnd() throws -> String {
        try self.read { _ in false }
    }

    /// What the other side sends up to the end of a line.
    func readLine() throws -> String {
        try self.read { $0.suffix(2) == [13, 10] }
    }

    private func read(until isEnough: ([UInt8]) -> Bool) throws -> String {
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while !isEnough(received) {
            let count = recv(self.socket, &chunk, chunk.count, 0)
            // A reset is a way to close, too: it happens when bytes were left unread on the other side.
            if count == 0 || (count < 0 && errno == ECONNRESET) { break }
            guard count > 0 else {
                throw SocketFailure("nothing after “\(String(decoding: received, as: UTF8.self))”")
            }
            received += chunk.prefix(count)
        }
        return String(decoding: received, as: UTF8.self)
    }
}

/// The health of a node, as a supervisor asks for it.
enum HTTPProbe {
    static func status(of path: String, port: Int) throws -> Int {
        let connection = try RawConnection(port: port)
        connection.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        let words = try connection.readLine().split(separator: " ")
        return words.count > 1 ? Int(words[1]) ?? 0 : 0
    }
}
