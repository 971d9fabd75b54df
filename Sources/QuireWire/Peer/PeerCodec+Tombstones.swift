import QuireCore

/// The messages of tombstone collection, in the notation of `PeerCodec`:
///
/// ```
/// attestTombstones, dropTombstones   p v int:settled int:distance [key, digest, key, digest, ...]
///                                    both in milliseconds; digest = bulk of 16 bytes; at most 1024 keys
/// tombstonesAnswered                 text:obstacle, or empty text, u64:epoch and [int...] positions below 1024
/// ```
extension PeerCodec {
    static func writeTombstones(_ message: ControlMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .attestTombstones(let batch):
            self.write(batch, to: &fields)
            return .attestTombstones
        case .dropTombstones(let batch):
            self.write(batch, to: &fields)
            return .dropTombstones
        case .tombstonesAnswered(.refused(let obstacle)):
            fields.append(text: obstacle.rawValue)
            return .tombstonesAnswered
        case .tombstonesAnswered(.granted(let epoch, let exceptions)):
            fields.append(text: "")
            fields.append(unsigned: epoch)
            fields.append(.array(exceptions.map { .integer(Int64($0)) }))
            return .tombstonesAnswered
        default:
            preconditionFailure("\(message) is written elsewhere")
        }
    }

    static func tombstoneMessage(
        _ type: PeerMessageType,
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> ControlMessage? {
        switch type {
        case .attestTombstones: return .attestTombstones(try self.tombstoneBatch(&fields))
        case .dropTombstones: return .dropTombstones(try self.tombstoneBatch(&fields))
        case .tombstonesAnswered: return .tombstonesAnswered(try self.tombstoneAnswer(&fields))
        default: return nil
        }
    }

    private static func write(_ batch: TombstoneBatch, to fields: inout PeerFields) {
        fields.append(batch.partition)
        fields.append(batch.version)
        fields.append(integer: Int(clamping: batch.settledMilliseconds))
        fields.append(integer: Int(clamping: batch.distanceMilliseconds))
        var elements: [RESPValue] = []
        elements.reserveCapacity(batch.items.count * 2)
        for item in batch.items {
            var digest: [UInt8] = []
            digest.appendBigEndian(item.digest)
            elements.append(.bulk(item.key.bytes))
            elements.append(.bulk(digest))
        }
        fields.append(.array(elements))
    }

    private static func tombstoneBatch(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> TombstoneBatch {
        let partition = try fields.partition()
        let version = try fields.layoutVersion()
        let settled = try fields.integer()
        let distance = try fields.integer()
        let values = try fields.array()
        guard values.count <= 2 * TombstoneBatch.countMax else {
            throw fields.malformed("at most \(TombstoneBatch.countMax) keys")
        }
        var elements = PeerFieldReader(values)
        var items: [TombstoneBatch.Item] = []
        items.reserveCapacity(values.count / 2)
        while !elements.isAtEnd {
            let key = try elements.key()
            let digest = try elements.bytes()
            guard digest.count == 16 else { throw elements.malformed("16 bytes of digest") }
            items.append(TombstoneBatch.Item(key: key, digest: digest.reduce(0) { $0 << 8 | UInt128($1) }))
        }
        return TombstoneBatch(
            partition: partition,
            version: version,
            settledMilliseconds: UInt64(settled),
            distanceMilliseconds: UInt64(distance),
            items: items
        )
    }

    private static func tombstoneAnswer(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> TombstoneAnswer {
        let name = try fields.text()
        guard name.isEmpty else {
            guard let obstacle = TombstoneObstacle(rawValue: name) else { throw fields.malformed("an obstacle") }
            return .refused(obstacle)
        }
        let epoch = try fields.unsigned()
        let values = try fields.array()
        guard values.count <= TombstoneBatch.countMax else {
            throw fields.malformed("at most \(TombstoneBatch.countMax) positions")
        }
        var elements = PeerFieldReader(values)
        var exceptions: [Int] = []
        while !elements.isAtEnd {
            exceptions.append(try elements.integer(in: 0...TombstoneBatch.countMax - 1))
        }
        return .granted(epoch: epoch, exceptions: exceptions)
    }
}
