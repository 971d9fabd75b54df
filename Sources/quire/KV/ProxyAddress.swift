import ArgumentParser
import Foundation

/// A proxy port: `HOST:PORT`, `[IPv6]:PORT`.
struct ProxyAddress: Equatable, Sendable, CustomStringConvertible {
    let host: String
    let port: Int

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = port
    }

    var description: String { self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)" }

    /// - Parameter text: Several, separated by commas.
    static func list(_ text: String) throws -> [ProxyAddress] {
        let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let addresses = parts.compactMap(ProxyAddress.init)
        guard !addresses.isEmpty, addresses.count == parts.count else {
            throw CommandFailure("bad_address", "“\(text)” names no proxy port: write HOST:PORT[,HOST:PORT…]")
        }
        return addresses
    }
}

/// Which nodes a client command talks to.
struct ProxyOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "Proxy ports HOST:PORT, several separated by commas (default: QUIRE_PROXY, else 127.0.0.1:7379)."
    )
    var proxy: String?

    var addresses: [ProxyAddress] {
        get throws {
            let environment = ProcessInfo.processInfo.environment["QUIRE_PROXY"]
            return try ProxyAddress.list(self.proxy ?? environment ?? "127.0.0.1:7379")
        }
    }
}
