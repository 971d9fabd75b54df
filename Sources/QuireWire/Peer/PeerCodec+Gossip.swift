import QuireCore

/// The messages in which nodes tell each other where they are (`GossipState`), in the notation of `PeerCodec`:
///
/// ```
/// gossipDigests     v array of digest, each flat:  u64:node number:incarnation number:version
/// gossipDifference  v array of entry, array of u64:node that is wanted
/// gossipEntries     array of entry
///
/// entry   array: u64:node name:name name:zone endpoint:peer endpoint:proxy endpoint:http
///                number:incarnation number:version v, then for each figure, ascending by name: text, number
/// name    text of at most 255 bytes          number  int (0...2^53 - 1)
/// endpoint = name host, int port (0...65535)
/// ```
///
/// A reader takes at most 8193 digests, 256 entries and 256 wanted nodes in one message, and at most 32 figures with
/// names of 1 to 32 bytes in one entry. Figures that it does not know it keeps and passes on.
extension PeerCodec {
    private static let digestsMax = GossipState.entriesMax + 1
    private static let numbers = 0...GossipEntry.numberMax

    static func writeGossip(_ message: ControlMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .gossipDigests(let version, let digests):
            fields.append(version)
            fields.append(.array(self.values(of: digests)))
            return .gossipDigests
        case .gossipDifference(let version, let entries, let wanted):
            fields.append(version)
            fields.append(.array(entries.map(self.value(of:))))
            fields.append(.array(wanted.map { .unsigned($0.rawValue) }))
            return .gossipDifference
        case .gossipEntries(let entries):
            fields.append(.array(entries.map(self.value(of:))))
            return .gossipEntries
        default:
            preconditionFailure("\(message) is no exchange of entries")
        }
    }

    static func gossipMessage(
        _ type: PeerMessageType,
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> ControlMessage? {
        switch type {
        case .gossipDigests:
            return .gossipDigests(try fields.layoutVersion(), try self.digests(&fields))
        case .gossipDifference:
            let version = try fields.layoutVersion()
            let entries = try self.entries(&fields)
            return .gossipDifference(version, entries: entries, wanted: try self.wanted(&fields))
        case .gossipEntries:
            return .gossipEntries(try self.entries(&fields))
        default:
            return nil
        }
    }

    // MARK: Writing

    private static func values(of digests: [GossipDigest]) -> [RESPValue] {
        var elements = PeerFields()
        for digest in digests {
            elements.append(unsigned: digest.node.rawValue)
            elements.append(integer: digest.stamp.incarnation)
            elements.append(integer: digest.stamp.version)
        }
        return elements.values
    }

    private static func value(of entry: GossipEntry) -> RESPValue {
        var elements = PeerFields()
        elements.append(unsigned: entry.node.rawValue)
        elements.append(text: entry.member.name)
        elements.append(text: entry.member.zone)
        for endpoint in [entry.member.peer, entry.member.proxy, entry.member.http] {
            elements.append(text: endpoint.host)
            elements.append(integer: endpoint.port)
        }
        elements.append(integer: entry.stamp.incarnation)
        elements.append(integer: entry.stamp.version)
        elements.append(entry.layoutVersion)
        for (name, number) in entry.figures.values.sorted(by: { $0.key < $1.key }) {
            elements.append(text: name)
            elements.append(integer: number)
        }
        return .array(elements.values)
    }

    // MARK: Reading

    private static func digests(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> [GossipDigest] {
        let values = try fields.array()
        guard values.count <= 3 * self.digestsMax else { throw fields.malformed("at most \(self.digestsMax) digests") }
        var elements = PeerFieldReader(values)
        var digests: [GossipDigest] = []
        while !elements.isAtEnd {
            let node = NodeID(rawValue: try elements.unsigned())
            digests.append(GossipDigest(node: node, stamp: try self.stamp(&elements)))
        }
        return digests
    }

    private static func wanted(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> [NodeID] {
        let values = try fields.array()
        guard values.count <= GossipState.entriesPerMessageMax else {
            throw fields.malformed("at most \(GossipState.entriesPerMessageMax) nodes")
        }
        var elements = PeerFieldReader(values)
        var wanted: [NodeID] = []
        while !elements.isAtEnd {
            wanted.append(NodeID(rawValue: try elements.unsigned()))
        }
        return wanted
    }

    private static func entries(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> [GossipEntry] {
        let values = try fields.array()
        guard values.count <= GossipState.entriesPerMessageMax else {
            throw fields.malformed("at most \(GossipState.entriesPerMessageMax) entries")
        }
        var elements = PeerFieldReader(values)
        var entries: [GossipEntry] = []
        while !elements.isAtEnd {
            entries.append(try self.entry(try elements.array()))
        }
        return entries
    }

    private static func entry(_ values: [RESPValue]) throws(PeerCodecError) -> GossipEntry {
        var elements = PeerFieldReader(values)
        let member = Member(
            id: NodeID(rawValue: try elements.unsigned()),
            name: try self.name(&elements),
            zone: try self.name(&elements),
            peer: try self.boundedEndpoint(&elements),
            proxy: try self.boundedEndpoint(&elements),
            http: try self.boundedEndpoint(&elements)
        )
        let stamp = try self.stamp(&elements)
        let version = try elements.layoutVersion()
        return GossipEntry(member: member, stamp: stamp, layoutVersion: version, figures: try self.figures(&elements))
    }

    private static func figures(_ elements: inout PeerFieldReader) throws(PeerCodecError) -> GossipFigures {
        var values: [String: Int] = [:]
        var last: String?
        while !elements.isAtEnd, values.count <= GossipFigures.countMax {
            let name = try elements.text()
            guard last.map({ $0 < name }) ?? true else { throw elements.malformed("figures in ascending order") }
            values[name] = try elements.integer(in: self.numbers)
            last = name
        }
        guard elements.isAtEnd, let figures = GossipFigures(values) else {
            throw .malformed(
                "figures: needed at most \(GossipFigures.countMax), with names of 1 to "
                    + "\(GossipFigures.nameBytesMax) bytes"
            )
        }
        return figures
    }

    private static func stamp(_ elements: inout PeerFieldReader) throws(PeerCodecError) -> GossipEntry.Stamp {
        let incarnation = try elements.integer(in: self.numbers)
        return GossipEntry.Stamp(incarnation: incarnation, version: try elements.integer(in: self.numbers))
    }

    private static func name(_ elements: inout PeerFieldReader) throws(PeerCodecError) -> String {
        let text = try elements.text()
        guard text.utf8.count <= GossipEntry.textBytesMax else {
            throw elements.malformed("at most \(GossipEntry.textBytesMax) bytes")
        }
        return text
    }

    private static func boundedEndpoint(_ elements: inout PeerFieldReader) throws(PeerCodecError) -> Endpoint {
        Endpoint(host: try self.name(&elements), port: try elements.integer(in: 0...65535))
    }
}
