import QuireCore

/// The messages of partition transfer and of snapshots, in the notation of `PeerCodec`:
///
/// ```
/// seal             p                            sealed             null | u64:seal int:size int:block int:records
/// readBlock        p u64:seal int:index         block              bytes int:checksum (32 bits)
/// sealExpired      -                            unseal             p u64:seal
/// storeImage       p text text:intent           imageStored        bytes?
/// checkRepository  text text:intent             repositoryChecked  text?:failure
/// collectStatistics -                           statistics         bytes
/// collectRoots     -
/// startRepair      -                            repairStarted      int:pairs
/// settleHints      -                            hintsSettled       [p u64:member p u64:member ...]
/// ```
///
/// Sizes are bytes; a block of a file is less than 64 MiB.
extension PeerCodec {
    static func writeTransfer(_ message: ControlMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .seal(let partition):
            fields.append(partition)
            return .seal
        case .sealed(let description):
            self.write(description, to: &fields)
            return .sealed
        case .readBlock(let partition, let seal, let index):
            fields.append(partition)
            fields.append(unsigned: seal)
            fields.append(integer: index)
            return .readBlock
        case .block(let bytes, let checksum):
            fields.append(bytes: bytes)
            fields.append(integer: Int(checksum))
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
        case .sealed: return .sealed(try self.sealedDescription(&fields))
        case .readBlock:
            return .readBlock(try fields.partition(), seal: try fields.unsigned(), index: try fields.integer())
        case .block: return try self.block(&fields)
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

    private static func block(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> ControlMessage {
        let bytes = try fields.bytes()
        return .block(bytes, checksum: UInt32(try fields.integer(in: 0...Int(UInt32.max))))
    }

    private static func write(_ description: SealedDescription?, to fields: inout PeerFields) {
        guard let description else {
            fields.append(.null)
            return
        }
        fields.append(unsigned: description.seal)
        fields.append(integer: description.sizeBytes)
        fields.append(integer: description.blockBytes)
        fields.append(integer: description.records)
    }

    private static func sealedDescription(
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> SealedDescription? {
        guard let seal = try fields.optionalUnsigned() else { return nil }
        return SealedDescription(
            seal: seal,
            sizeBytes: try fields.integer(),
            blockBytes: try fields.integer(),
            records: try fields.integer()
        )
    }
}
