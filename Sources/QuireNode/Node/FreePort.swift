import Glibc

/// Finds out before anything is opened whether a node can listen where it is told to.
enum FreePort {
    /// - Parameter port: 0 for any.
    /// - Returns: The port itself, or a free one.
    static func take(_ port: Int, _ host: String, flag: String) throws(NodeError) -> Int {
        guard (0...65535).contains(port) else {
            throw NodeError(.invalidConfiguration, "\(flag) \(port) is not a port: give 0 to 65535")
        }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else {
            throw NodeError(.invalidConfiguration, "no socket can be made: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        // Names and IPv6 addresses are left to the listener itself.
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return port }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
            }
        }
        guard result else {
            throw self.inUse(port, flag: flag, String(cString: strerror(errno)))
        }
        return Int(in_port_t(bigEndian: address.sin_port))
    }

    static func inUse(_ port: Int, flag: String, _ reason: String) -> NodeError {
        NodeError(
            .portInUse,
            "cannot listen on port \(port) (\(reason)): stop what uses it, or choose another with \(flag)"
        )
    }
}
