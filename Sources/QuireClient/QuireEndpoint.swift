import QuireCore

/// Where a node listens for clients.
public struct QuireEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A name or address.
    public let host: String
    /// The port for Redis clients.
    public let port: Int

    /// An endpoint; the port is 7379 unless the node is configured otherwise.
    public init(host: String, port: Int = 7379) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`, with brackets around an IPv6 address; `nil` for any other text.
    public init?(_ text: String) {
        guard let endpoint = Endpoint(text) else { return nil }
        self.init(endpoint)
    }

    init(_ endpoint: Endpoint) {
        self.init(host: endpoint.host, port: endpoint.port)
    }

    /// `HOST:PORT`.
    public var description: String { Endpoint(host: self.host, port: self.port).description }
}
