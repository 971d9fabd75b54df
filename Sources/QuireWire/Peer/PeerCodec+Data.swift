import QuireCore

/// The messages of the data path and of anti-entropy.
extension PeerCodec {
    static func writeData(_ message: PeerMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .get(let partition, let key):
            fields.append(partition)
            fields.append(bytes: key.bytes)
            return .get
        case .put(let partition, let key, let record, let sync):
            self.write(partition, key, record, sync, to: &fields)
            return .put
        case .hint(let partition, let key, let record, let sync):
            self.write(partition, key, record, sync, to: &fields)
            return .hint
        case .getHint(let partition, let key):
            fields.append(partition)
            fields.append(bytes: key.bytes)
            return .getHint
        case .getOutline(let partition, let key):
            fields.append(partition)
            fields.append(bytes: key.bytes)
            return .getOutline
        case .putBatch(let partition, let records):
            fields.append(partition)
            fields.append(records)
            return .putBatch
        case .coordinate(let put, let request, let timestamp, let asStandIn):
            self.write(put, request, timestamp, to: &fields)
            fields.append(boolean: asStandIn)
            return .coordinate
        case .count(let partitions):
            fields.append(.array(partitions.map { .integer(Int64($0.rawValue)) }))
            return .count
        case .readLeaves(let partition):
            fields.append(partition)
            return .readLeaves
        case .readSums, .readDigests, .readRecords, .offer, .deliver, .sums, .digests, .lacking:
            return self.writeRepair(message, to: &fields)
        case .scan, .leafEntries, .control, .record, .outline, .acknowledged, .coordinated, .page, .counted, .leaves,
            .fenced, .failed:
            return self.writeRest(of: message, to: &fields)
        }
    }

    private static func writeRest(of message: PeerMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .scan(let partition, let after, let limit):
            fields.append(partition)
            fields.append(after: after, limit: limit)
            return .scan
        case .leafEntries(let partition, let leaf, let after, let limit):
            fields.append(partition)
            fields.append(integer: leaf)
            fields.append(after: after, limit: limit)
            return .leafEntries
        case .record(let record):
            fields.append(bytes: record?.encoded())
            return .record
        case .outline(let outline):
            fields.append(outline)
            return .outline
        case .acknowledged(let timestamp, let isSynced):
            fields.append(unsigned: timestamp.rawValue)
            fields.append(boolean: isSynced)
            return .acknowledged
        case .coordinated(let result):
            fields.append(self.value(of: result))
            return .coordinated
        case .page(let records, let isLast):
            fields.append(records)
            fields.append(boolean: isLast)
            return .page
        case .counted(let count):
            fields.append(integer: count)
            return .counted
        case .leaves(let leaves):
            fields.append(sums: leaves.sums)
            return .leaves
        case .fenced(let version):
            fields.append(version)
            return .fenced
        case .failed(let reason):
            fields.append(text: reason)
            return .failed
        case .get, .put, .hint, .getHint, .getOutline, .putBatch, .coordinate, .count, .readLeaves, .control,
            .readSums, .readDigests, .readRecords, .offer, .deliver, .sums, .digests, .lacking:
            preconditionFailure("\(message) is written elsewhere")
        }
    }

    static func dataRequest(
        _ type: PeerMessageType,
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> PeerMessage? {
        switch type {
        case .get:
            return .get(try fields.partition(), try fields.key())
        case .put:
            return .put(try fields.partition(), try fields.key(), try fields.record(), sync: try fields.boolean())
        case .hint:
            return .hint(try fields.partition(), try fields.key(), try fields.record(), sync: try fields.boolean())
        case .getHint:
            return .getHint(try fields.partition(), try fields.key())
        case .getOutline:
            return .getOutline(try fields.partition(), try fields.key())
        case .putBatch:
            return .putBatch(try fields.partition(), try fields.page())
        case .coordinate:
            return try self.coordinate(&fields)
        case .scan:
            return .scan(try fields.partition(), after: try fields.position(), limit: try fields.pageLimit())
        case .count:
            return .count(try self.partitions(&fields))
        case .readLeaves:
            return .readLeaves(try fields.partition())
        case .leafEntries:
            return .leafEntries(
                try fields.partition(),
                leaf: try fields.integer(in: 0...MerkleLeaves.count - 1),
                after: try fields.position(),
                limit: try fields.pageLimit()
            )
        default:
            return nil
        }
    }

    static func dataAnswer(
        _ type: PeerMessageType,
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> PeerMessage? {
        switch type {
        case .record:
            return .record(try fields.optionalRecord())
        case .outline:
            return .outline(try fields.outline())
        case .acknowledged:
            let latest = HybridTimestamp(rawValue: try fields.unsigned())
            return .acknowledged(latestTimestamp: latest, isSynced: try fields.boolean())
        case .coordinated:
            return .coordinated(try self.clientResult(try fields.array()))
        case .page:
            return .page(try fields.page(), isLast: try fields.boolean())
        case .counted:
            return .counted(try fields.integer())
        case .leaves:
            return .leaves(try self.leaves(&fields))
        case .fenced:
            return .fenced(try fields.layoutVersion())
        case .failed:
            return .failed(try fields.text())
        default:
            return nil
        }
    }

    private static func write(
        _ partition: PartitionID,
        _ key: Key,
        _ record: Record,
        _ sync: Bool,
        to fields: inout PeerFields
    ) {
        fields.append(partition)
        fields.append(bytes: key.bytes)
        fields.append(bytes: record.encoded())
        fields.append(boolean: sync)
    }

    private static func write(
        _ put: PutRequest,
        _ request: RequestID,
        _ timestamp: HybridTimestamp,
        to fields: inout PeerFields
    ) {
        fields.append(bytes: put.key.bytes)
        fields.append(bytes: put.value)
        fields.append(put.supersession)
        fields.append(unsigned: request.high)
        fields.append(unsigned: request.low)
        fields.append(unsigned: timestamp.rawValue)
        fields.append(integer: put.writeQuorum)
        fields.append(text: put.durability?.rawValue ?? "")
    }

    private static func coordinate(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> PeerMessage {
        let key = try fields.key()
        let value = try fields.optionalBytes()
        let supersession = try fields.supersession()
        let request = RequestID(high: try fields.unsigned(), low: try fields.unsigned())
        let timestamp = HybridTimestamp(rawValue: try fields.unsigned())
        let writeQuorum = try fields.optionalInteger()
        let durability = try fields.durability()
        let put = PutRequest(
            key: key,
            value: value,
            supersession: supersession,
            writeQuorum: writeQuorum,
            durability: durability
        )
        return .coordinate(put, request: request, timestamp: timestamp, asStandIn: try fields.boolean())
    }

    private static func partitions(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> [PartitionID] {
        var elements = PeerFieldReader(try fields.array())
        var partitions: [PartitionID] = []
        while !elements.isAtEnd {
            partitions.append(try elements.partition())
        }
        return partitions
    }

    private static func leaves(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> MerkleLeaves {
        let sums = try fields.sums()
        let needed = "\(MerkleLeaves.count) leaves of 16 bytes"
        guard let leaves = MerkleLeaves(sums: sums) else { throw fields.malformed(needed) }
        return leaves
    }
}
