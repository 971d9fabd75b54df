/// Names a data directory, for ever: a node that lost its disk comes back as a stranger.
package struct NodeID: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// - Returns: `nil` unless `text` is 16 hexadecimal digits.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else { return nil }
        self.rawValue = value
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = NodeID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "a node id is 16 hexadecimal digits"
            )
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }

    package var description: String {
        let digits = String(self.rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    package static func < (left: NodeID, right: NodeID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Where a node listens for one kind of traffic.
package struct Endpoint: Hashable, Sendable, Codable, CustomStringConvertible {
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`, with brackets around an IPv6 address.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

/// One node of the cluster as the layout knows it.
package struct Member: Hashable, Sendable, Codable {
    package let id: NodeID
    /// For people; unique in the cluster.
    package var name: String
    /// The failure domain over which replicas are spread.
    package var zone: String
    /// Its share of tokens and replicas in relation to those of the others (Dynamo §4.2).
    package var weight: Int
    /// The layout version with which its present membership began; what it retired before is void.
    package var joinedAt: LayoutVersion
    package var peer: Endpoint
    package var proxy: Endpoint
    package var http: Endpoint

    package static let weightDefault = 100
    package static let weightsAllowed = 1...10_000

    package init(
        id: NodeID,
        name: String,
        zone: String,
        weight: Int = Self.weightDefault,
        joinedAt: LayoutVersion = .none,
        peer: Endpoint,
        proxy: Endpoint,
        http: Endpoint
    ) {
        self.id = id
        self.name = name
        self.zone = zone
        self.weight = weight
        self.joinedAt = joinedAt
        self.peer = peer
        self.proxy = proxy
        self.http = http
    }
}

extension Member {
    private enum CodingKeys: String, CodingKey {
        case id, name, zone, weight, joinedAt, peer, proxy, http
    }

    /// Members of the first format have no weight and no beginning: archives of that time name them.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try container.decode(NodeID.self, forKey: .id),
            name: try container.decode(String.self, forKey: .name),
            zone: try container.decode(String.self, forKey: .zone),
            weight: try container.decodeIfPresent(Int.self, forKey: .weight) ?? Self.weightDefault,
            joinedAt: try container.decodeIfPresent(LayoutVersion.self, forKey: .joinedAt) ?? .none,
            peer: try container.decode(Endpoint.self, forKey: .peer),
            proxy: try container.decode(Endpoint.self, forKey: .proxy),
            http: try container.decode(Endpoint.self, forKey: .http)
        )
    }
}
