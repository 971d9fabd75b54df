/// What a node tells of itself. Only the node writes its entry; everybody passes it on (Dynamo §4.8.1).
///
/// Invariant: of two entries of one node the one with the greater stamp is newer, and equal stamps mean equal
/// entries.
package struct GossipEntry: Hashable, Sendable, Codable {
    /// Orders the entries of one node: the life of its process first, then what it said in that life.
    package struct Stamp: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
        /// Grows with each start of the node; in `0...GossipEntry.numberMax`.
        package let incarnation: Int
        /// Counts the changes of the entry within the incarnation, from 1.
        package let version: Int

        package init(incarnation: Int, version: Int) {
            self.incarnation = incarnation
            self.version = version
        }

        package static func < (left: Stamp, right: Stamp) -> Bool {
            (left.incarnation, left.version) < (right.incarnation, right.version)
        }

        package var description: String { "\(self.incarnation).\(self.version)" }
    }

    /// Bytes of a name, a zone or a host.
    package static let textBytesMax = 255
    /// Whole in every JSON reader.
    package static let numberMax = 1 << 53 - 1

    /// With the endpoints at which the node listens now; the layout keeps those at which it joined.
    package let member: Member
    package internal(set) var stamp: Stamp
    package internal(set) var layoutVersion: LayoutVersion
    package internal(set) var figures: GossipFigures

    /// - Parameter member: Texts that are longer than `textBytesMax` are cut, so that every reader takes the entry.
    package init(
        member: Member,
        stamp: Stamp,
        layoutVersion: LayoutVersion = .none,
        figures: GossipFigures = GossipFigures()
    ) {
        self.member = member.cut(to: Self.textBytesMax)
        self.stamp = stamp
        self.layoutVersion = layoutVersion
        self.figures = figures
    }

    /// Whether every reader takes it. What was made by the initialisers above is; what was read from a file may not be.
    package var isBounded: Bool {
        let numbers = 0...Self.numberMax
        let endpoints = [self.member.peer, self.member.proxy, self.member.http]
        let texts = [self.member.name, self.member.zone] + endpoints.map(\.host)
        return texts.allSatisfy { $0.utf8.count <= Self.textBytesMax }
            && endpoints.allSatisfy { (0...65535).contains($0.port) }
            && numbers.contains(self.stamp.incarnation) && numbers.contains(self.stamp.version)
            && self.layoutVersion >= .none && GossipFigures(self.figures.values) != nil
    }

    package var node: NodeID { self.member.id }
    package var digest: GossipDigest { GossipDigest(node: self.node, stamp: self.stamp) }
}

/// Which entry of a node its sender has.
package struct GossipDigest: Hashable, Sendable {
    package let node: NodeID
    package let stamp: GossipEntry.Stamp

    package init(node: NodeID, stamp: GossipEntry.Stamp) {
        self.node = node
        self.stamp = stamp
    }
}

/// Public numbers of a node, of use to operators; what a version of Quire does not know by name it passes on.
package struct GossipFigures: Hashable, Sendable, Codable {
    /// The figures that this version shows.
    package enum Name: String, Sendable {
        /// Writes held for unreachable nodes: how many, their bytes, and when the oldest was stored, in
        /// milliseconds since 1970.
        case hintCount = "hints"
        case hintBytes = "hint-bytes"
        case hintOldestMilliseconds = "hint-oldest-ms"
        case quarantinedPartitions = "quarantined"
        /// When the last snapshot that the node has made began, in milliseconds since 1970.
        case lastSnapshotMilliseconds = "snapshot-ms"
        /// 1 while the node is under maintenance and wants no requests of clients.
        case draining = "draining"
    }

    package static let countMax = 32
    package static let nameBytesMax = 32

    package private(set) var values: [String: Int] = [:]

    package init() {}

    /// - Returns: `nil` for too many figures, names that are empty or too long, and numbers outside
    ///   `0...GossipEntry.numberMax`.
    package init?(_ values: [String: Int]) {
        guard values.count <= Self.countMax,
            values.allSatisfy({ name, number in
                (1...Self.nameBytesMax).contains(name.utf8.count) && (0...GossipEntry.numberMax).contains(number)
            })
        else { return nil }
        self.values = values
    }

    /// Numbers are kept within `0...GossipEntry.numberMax`.
    package subscript(_ name: Name) -> Int? {
        get { self.values[name.rawValue] }
        set { self.values[name.rawValue] = newValue.map { min(max(0, $0), GossipEntry.numberMax) } }
    }
}

extension Member {
    fileprivate func cut(to bytes: Int) -> Member {
        Member(
            id: self.id,
            name: Self.cut(self.name, to: bytes),
            zone: Self.cut(self.zone, to: bytes),
            peer: Endpoint(host: Self.cut(self.peer.host, to: bytes), port: self.peer.port),
            proxy: Endpoint(host: Self.cut(self.proxy.host, to: bytes), port: self.proxy.port),
            http: Endpoint(host: Self.cut(self.http.host, to: bytes), port: self.http.port)
        )
    }

    private static func cut(_ text: String, to bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        var size = 0
        let kept = text.unicodeScalars.prefix { scalar in
            size += UTF8.width(scalar)
            return size <= bytes
        }
        return String(String.UnicodeScalarView(kept))
    }
}
