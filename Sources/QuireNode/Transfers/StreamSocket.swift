import Glibc
import NIOConcurrencyHelpers
import NIOCore
import QuireCore
import QuireWire

/// A connection to another node's peer port for one long answer, used by one thread that may wait for it.
///
/// The bytes of blocks go from the kernel into the caller's memory and from there to the disk: nothing in between.
final class StreamSocket: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let connectMilliseconds: Int32 = 3_000
    /// A source that waits for its clients may be silent for a while.
    private static let silenceSeconds = 60

    private let descriptor: NIOLockedValueBox<Int32>

    /// Connects; blocks for a few seconds at most.
    init(to endpoints: [Endpoint]) throws(Failure) {
        var reason = "no address is known"
        for endpoint in endpoints {
            switch Self.connected(to: endpoint) {
            case .success(let descriptor):
                self.descriptor = NIOLockedValueBox(descriptor)
                return
            case .failure(let failure): reason = failure.description
            }
        }
        throw Failure(description: reason)
    }

    deinit {
        let descriptor = self.descriptor.withLockedValue { $0 }
        if descriptor >= 0 { close(descriptor) }
    }

    /// Ends whatever waits for the connection; from any thread.
    func abort() {
        self.descriptor.withLockedValue { descriptor in
            if descriptor >= 0 { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    func send(_ bytes: [UInt8]) throws(Failure) {
        var rest = bytes[...]
        let descriptor = self.descriptor.withLockedValue { $0 }
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("sending") }
            rest = rest.dropFirst(count)
        }
    }

    /// Fills the whole buffer.
    func receive(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        let descriptor = self.descriptor.withLockedValue { $0 }
        var filled = 0
        while filled < buffer.count {
            let count = recv(
                descriptor,
                buffer.baseAddress.map { $0 + filled },
                buffer.count - filled,
                Int32(MSG_WAITALL)
            )
            if count < 0 && errno == EINTR { continue }
            guard count != 0 else { throw Failure(description: "the connection was closed") }
            guard count > 0 else { throw Self.failure("receiving") }
            filled += count
        }
    }

    /// Proves the cluster key, and sees it proven (`PeerHandshake`).
    ///
    /// - Returns: The node at the other end.
    func shakeHands(_ handshake: PeerHandshake) throws(Failure) -> NodeID {
        var handshake = handshake
        var parser = RESPValueParser(limits: PeerHandshake.limits)
        var input = ByteBuffer()
        try self.send(handshake.start())
        while true {
            let value: RESPValue?
            do {
                value = try parser.next(&input)
            } catch {
                throw Failure(description: "the answer to the handshake is not RESP: \(error)")
            }
            guard let value else {
                // One byte at a time: what follows the handshake is not for this parser.
                var byte: UInt8 = 0
                try self.receiveByte(&byte)
                input.writeInteger(byte)
                continue
            }
            switch handshake.receive(value) {
            case .send(let bytes): try self.send(bytes)
            case .establish(let identity, let bytes):
                try self.send(bytes)
                return identity.node
            case .refuse(let refusal, let bytes):
                // It is refused with or without a farewell.
                try? self.send(bytes)
                throw Failure(description: refusal.message)
            }
        }
    }

    private func receiveByte(_ byte: inout UInt8) throws(Failure) {
        var copy: [UInt8] = [0]
        var failure: Failure?
        copy.withUnsafeMutableBytes { buffer in
            do throws(Failure) {
                try self.receive(into: buffer)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        byte = copy[0]
    }

    private static func failure(_ action: String, _ number: Int32 = errno) -> Failure {
        let isSilent = number == EAGAIN || number == EWOULDBLOCK
        let reason = isSilent ? "nothing came for \(self.silenceSeconds) s" : String(cString: strerror(number))
        return Failure(description: "\(action): \(reason)")
    }

    private static func connected(to endpoint: Endpoint) -> Result<Int32, Failure> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &found)
        guard code == 0, let address = found else {
            return .failure(Failure(description: "\(endpoint): \(String(cString: gai_strerror(code)))"))
        }
        defer { freeaddrinfo(found) }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.pointee.ai_family, type, address.pointee.ai_protocol)
        guard descriptor >= 0 else { return .failure(Self.failure("making a socket")) }
        var number: Int32 = 0
        if connect(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) != 0 {
            number = errno == EINPROGRESS ? Self.waited(for: descriptor) : errno
        }
        guard number == 0 else {
            close(descriptor)
            return .failure(Failure(description: "connecting to \(endpoint): \(String(cString: strerror(number)))"))
        }
        Self.configure(descriptor)
        return .success(descriptor)
    }

    private static func waited(for descriptor: Int32) -> Int32 {
        var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&poller, 1, self.connectMilliseconds) == 1 else { return ETIMEDOUT }
        var number: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length)
        return number
    }

    private static func configure(_ descriptor: Int32) {
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK)
        var timeout = timeval(tv_sec: self.silenceSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }
}
