import QuireCore

/// The messages of membership and of the layout log, in the notation of `PeerCodec`:
///
/// ```
/// identify      -
/// identity      u64:node text:name text:zone endpoint:peer endpoint:proxy endpoint:http text?:cluster v
///               endpoint = text host, int port (0...65535)
/// gossip        v                            layout        bytes
/// nothingNewer  v                            decided       bytes
/// adopted       v                            installFence  v
/// fenceInstalled v                           collectReceipts -
/// prepare       v ballot                     promise       v ballot bytes?:layout [ballot of the layout]
/// accept        v ballot bytes:layout        accepted      v ballot
/// refused       v ballot v:decided           receipts      array of receipt, int:hintsHeld; a receipt is
///               flat: p text:phase v:fence u64:node text:root int:bytes text:checksum [u64:source...]
///               phase = dualWrite, readNew or draining
/// ```
///
/// A promise without an accepted layout ends with null.
extension PeerCodec {
    static func write(_ message: ControlMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .identify:
            return .identify
        case .identity(let member, let clusterID, let version):
            self.write(member, clusterID, version, to: &fields)
            return .identity
        case .gossip(let version):
            fields.append(version)
            return .gossip
        case .layout(let layout):
            fields.append(bytes: layout)
            return .layout
        case .nothingNewer(let version):
            fields.append(version)
            return .nothingNewer
        case .decided(let layout):
            fields.append(bytes: layout)
            return .decided
        case .adopted(let version):
            fields.append(version)
            return .adopted
        case .installFence(let version):
            fields.append(version)
            return .installFence
        case .fenceInstalled(let version):
            fields.append(version)
            return .fenceInstalled
        case .collectReceipts:
            return .collectReceipts
        case .receipts(let receipts, let hintsHeld):
            self.write(receipts, to: &fields)
            fields.append(integer: hintsHeld)
            return .receipts
        case .gossipDigests, .gossipDifference, .gossipEntries:
            return self.writeGossip(message, to: &fields)
        case .prepare, .promise, .accept, .accepted, .refused:
            return self.writeBallotMessage(message, to: &fields)
        case .seal, .sealed, .readBlocks, .block, .sealExpired, .unseal, .storeImage, .imageStored, .checkRepository,
            .repositoryChecked, .settleHints, .hintsSettled, .collectStatistics, .collectRoots, .statistics,
            .startRepair, .repairStarted:
            return self.writeTransfer(message, to: &fields)
        case .attestTombstones, .dropTombstones, .tombstonesAnswered:
            return self.writeTombstones(message, to: &fields)
        }
    }

    private static func writeBallotMessage(_ message: ControlMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .prepare(let version, let ballot):
            fields.append(version)
            fields.append(ballot)
            return .prepare
        case .promise(let version, let ballot, let accepted):
            fields.append(version)
            fields.append(ballot)
            fields.append(bytes: accepted?.layout)
            if let accepted {
                fields.append(accepted.ballot)
            }
            return .promise
        case .accept(let version, let ballot, let layout):
            fields.append(version)
            fields.append(ballot)
            fields.append(bytes: layout)
            return .accept
        case .accepted(let version, let ballot):
            fields.append(version)
            fields.append(ballot)
            return .accepted
        case .refused(let version, let promised, let decided):
            fields.append(version)
            fields.append(promised)
            fields.append(decided)
            return .refused
        default:
            preconditionFailure("\(message) has no ballot")
        }
    }

    static func layoutMessage(
        _ type: PeerMessageType,
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> ControlMessage? {
        switch type {
        case .identify: return .identify
        case .identity: return try self.identity(&fields)
        case .gossip: return .gossip(try fields.layoutVersion())
        case .layout: return .layout(try fields.bytes())
        case .nothingNewer: return .nothingNewer(try fields.layoutVersion())
        case .decided: return .decided(try fields.bytes())
        case .adopted: return .adopted(try fields.layoutVersion())
        case .installFence: return .installFence(try fields.layoutVersion())
        case .fenceInstalled: return .fenceInstalled(try fields.layoutVersion())
        case .collectReceipts: return .collectReceipts
        case .receipts: return .receipts(try self.receipts(&fields), hintsHeld: try fields.integer())
        case .prepare: return .prepare(try fields.layoutVersion(), try fields.ballot())
        case .promise: return try self.promise(&fields)
        case .accept:
            return .accept(try fields.layoutVersion(), try fields.ballot(), layout: try fields.bytes())
        case .accepted: return .accepted(try fields.layoutVersion(), try fields.ballot())
        case .refused:
            return .refused(
                try fields.layoutVersion(),
                promised: try fields.ballot(),
                decided: try fields.layoutVersion()
            )
        default: return nil
        }
    }

    private static func promise(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> ControlMessage {
        let version = try fields.layoutVersion()
        let ballot = try fields.ballot()
        guard let layout = try fields.optionalBytes() else { return .promise(version, ballot, accepted: nil) }
        let accepted = AcceptedLayout(ballot: try fields.ballot(), layout: layout)
        return .promise(version, ballot, accepted: accepted)
    }

    private static func write(
        _ member: Member,
        _ clusterID: String?,
        _ version: LayoutVersion,
        to fields: inout PeerFields
    ) {
        fields.append(unsigned: member.id.rawValue)
        fields.append(text: member.name)
        fields.append(text: member.zone)
        for endpoint in [member.peer, member.proxy, member.http] {
            fields.append(text: endpoint.host)
            fields.append(integer: endpoint.port)
        }
        fields.append(text: clusterID)
        fields.append(version)
    }

    private static func identity(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> ControlMessage {
        let member = Member(
            id: NodeID(rawValue: try fields.unsigned()),
            name: try fields.text(),
            zone: try fields.text(),
            peer: try self.endpoint(&fields),
            proxy: try self.endpoint(&fields),
            http: try self.endpoint(&fields)
        )
        return .identity(member, clusterID: try fields.optionalText(), version: try fields.layoutVersion())
    }

    private static func endpoint(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> Endpoint {
        Endpoint(host: try fields.text(), port: try fields.integer(in: 0...65535))
    }

    private static func write(_ receipts: [PartitionReceipt], to fields: inout PeerFields) {
        var elements = PeerFields()
        for entry in receipts {
            elements.append(entry.partition)
            elements.append(text: entry.phase.rawValue)
            elements.append(entry.fence)
            elements.append(unsigned: entry.receipt.node.rawValue)
            elements.append(text: entry.receipt.root)
            elements.append(integer: entry.receipt.bytes)
            elements.append(text: entry.receipt.checksum)
            var sources = PeerFields()
            for source in entry.receipt.sources { sources.append(unsigned: source.rawValue) }
            elements.append(.array(sources.values))
        }
        fields.append(.array(elements.values))
    }

    private static func receipts(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> [PartitionReceipt] {
        var elements = PeerFieldReader(try fields.array())
        var receipts: [PartitionReceipt] = []
        while !elements.isAtEnd {
            let partition = try elements.partition()
            guard let phase = PartitionMove.Phase(rawValue: try elements.text()) else {
                throw elements.malformed("a phase of a move")
            }
            let fence = try elements.layoutVersion()
            var receipt = PartitionMove.Receipt(
                node: NodeID(rawValue: try elements.unsigned()),
                root: try elements.text(),
                bytes: try elements.integer(),
                checksum: try elements.text()
            )
            var sources = PeerFieldReader(try elements.array())
            while !sources.isAtEnd { receipt.sources.append(NodeID(rawValue: try sources.unsigned())) }
            receipts.append(PartitionReceipt(partition: partition, phase: phase, fence: fence, receipt: receipt))
        }
        return receipts
    }
}
