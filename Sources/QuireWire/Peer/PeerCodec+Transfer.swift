import QuireCore

/// The messages of partition transfer and of snapshots, in the notation of `PeerCodec`:
///
/// ```
/// seal             p                            sealed             null | u64:seal int:size int:block int:records
///                                                                  bulk of 4 bytes for each block: its CRC-32C
/// readBlocks       p u64:seal [int:from int:to ...] (half open, ascending, not empty)
/// block            bytes                        sealExpired        -
/// unseal           p u64:seal
/// storeImage       p text text:intent           imageStored        bytes?
/// checkRepository  text text:intent             repositoryChecked  text?:failure
/// collectStatistics -                           statistics         bytes
/// collectRoots     -
/// startRepair      -                            repairStarted      int:pairs
/// settleHints      -                            hintsSettled       [p u64:member p u64:member ...]
/// ```
///
/// Sizes are bytes. After `readBlocks` a connection carries the frames of `BlockFrame` instead of messages.
extension PeerCodec {
    static func writeTransfer(_ message: ControlMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .seal(let partition):
            fields.append(partition)
            return .seal
        case .sealed(let manifest):
            self.write(manifest, to: &fields)
            return .sealed
        case .readBlocks(let partition, let seal, let blocks):
            fields.append(partition)
            fields.append(unsigned: seal)
            fields.append(.array(blocks.flatMap { [.integer(Int64($0.lowerBound)), .integer(Int64($0.upperBound))] }))
            return .readBlocks
        case .block(let bytes):
            fields.append(bytes: bytes)
            return .block
        case .sealExpired:
            return .sealExpired
        case .unseal(let partition, let seal):
            fields.append(partition)
            fields.append(unsigned: seal)
            return .unseal
        default:
            return self.writeSnapshot(message, to: &fields)
        }
    }

    private static func writeSnapshot(_ message: ControlMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .storeImage(let partition, let repository, let intent):
            fields.append(partition)
            fields.append(text: repository)
            fields.append(text: intent)
            return .storeImage
        case .imageStored(let description):
            fields.append(bytes: description)
            return .imageStored
        case .checkRepository(let repository, let intent):
            fields.append(text: repository)
            fields.append(text: intent)
            return .checkRepository
        case .repositoryChecked(let failure):
            fields.append(text: failure)
            return .repositoryChecked
        case .settleHints:
            return .settleHints
        case .hintsSettled(let gaps):
            var elements = PeerFields()
            for gap in gaps {
                elements.append(gap.partition)
                elements.append(unsigned: gap.member.rawValue)
            }
            fields.append(.array(elements.values))
            return .hintsSettled
        case .collectStatistics:
            return .collectStatistics
        case .collectRoots:
            return .collectRoots
        case .statistics(let json):
            fields.append(bytes: json)
            return .statistics
        case .startRepair:
            return .startRepair
        case .repairStarted(let pairs):
            fields.append(integer: pairs)
            return .repairStarted
        default:
            preconditionFailure("\(message) is written elsewhere")
        }
    }

    static func transferMessage(
        _ type: PeerMessageType,
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> ControlMessage? {
        switch type {
        case .seal: return .seal(try fields.partition())
        case .sealed: return .sealed(try self.manifest(&fields))
        case .readBlocks:
            return .readBlocks(
                try fields.partition(),
                seal: try fields.unsigned(),
                blocks: try self.blockRanges(&fields)
            )
        case .block: return .block(try fields.bytes())
        case .sealExpired: return .sealExpired
        case .unseal: return .unseal(try fields.partition(), seal: try fields.unsigned())
        case .storeImage:
            return .storeImage(try fields.partition(), repository: try fields.text(), intent: try fields.text())
        case .imageStored: return .imageStored(try fields.optionalBytes())
        case .checkRepository: return .checkRepository(try fields.text(), intent: try fields.text())
        case .repositoryChecked: return .repositoryChecked(failure: try fields.optionalText())
        case .settleHints: return .settleHints
        case .hintsSettled: return .hintsSettled(unserved: try self.hintGaps(&fields))
        case .collectStatistics: return .collectStatistics
        case .collectRoots: return .collectRoots
        case .statistics: return .statistics(try fields.bytes())
        case .startRepair: return .startRepair
        case .repairStarted: return .repairStarted(pairs: try fields.integer())
        default: return nil
        }
    }

    private static func hintGaps(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> [HintGap] {
        var elements = PeerFieldReader(try fields.array())
        var gaps: [HintGap] = []
        while !elements.isAtEnd {
            let partition = try elements.partition()
            gaps.append(HintGap(partition: partition, member: NodeID(rawValue: try elements.unsigned())))
        }
        return gaps
    }

    private static func blockRanges(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> [Range<Int>] {
        var elements = PeerFieldReader(try fields.array())
        var ranges: [Range<Int>] = []
        var end = 0
        while !elements.isAtEnd {
            let lower = try elements.integer(in: end...Int(UInt32.max))
            let upper = try elements.integer(in: 0...Int(UInt32.max))
            guard upper > lower else { throw elements.malformed("more than \(lower)") }
            ranges.append(lower..<upper)
            end = upper
        }
        return ranges
    }

    private static func write(_ manifest: SealManifest?, to fields: inout PeerFields) {
        guard let manifest else {
            fields.append(.null)
            return
        }
        fields.append(unsigned: manifest.seal)
        fields.append(integer: manifest.sizeBytes)
        fields.append(integer: manifest.blockBytes)
        fields.append(integer: manifest.records)
        var checksums: [UInt8] = []
        checksums.reserveCapacity(4 * manifest.checksums.count)
        for checksum in manifest.checksums { checksums.appendBigEndian(checksum) }
        fields.append(bytes: checksums)
    }

    private static func manifest(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> SealManifest? {
        guard let seal = try fields.optionalUnsigned() else { return nil }
        let sizeBytes = try fields.integer()
        let blockBytes = try fields.integer()
        let records = try fields.integer()
        let bytes = try fields.bytes()
        guard bytes.count % 4 == 0 else { throw fields.malformed("checksums of 4 bytes") }
        let checksums = stride(from: 0, to: bytes.count, by: 4).map { start in
            bytes[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        let manifest = SealManifest(
            seal: seal,
            sizeBytes: sizeBytes,
            blockBytes: blockBytes,
            records: records,
            checksums: checksums
        )
        guard let manifest else { throw fields.malformed("one checksum for each block") }
        return manifest
    }
}
