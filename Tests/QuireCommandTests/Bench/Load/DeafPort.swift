import Glibc
import Testing

/// A port of loopback at which nobody listens, and nobody else can begin to while this is kept.
final class DeafPort {
    let number: Int
    private let socket: Int32

    init() throws {
        self.socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = self.socket
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        self.number = Int(UInt16(bigEndian: address.sin_port))
        try #require(isBound && self.number > 0)
    }

    deinit {
        close(self.socket)
    }
}
