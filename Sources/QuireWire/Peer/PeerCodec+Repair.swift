import QuireCore

/// The messages that compare replicas and deliver hints.
extension PeerCodec {
    static func writeRepair(_ message: PeerMessage, to fields: inout PeerFields) -> PeerMessageType {
        switch message {
        case .readSums(let partition, let nodes):
            fields.append(partition)
            fields.append(nodes)
            return .readSums
        case .readDigests(let partition, let nodes):
            fields.append(partition)
            fields.append(nodes)
            return .readDigests
        case .readRecords(let partition, let hashes, let limit):
            fields.append(partition)
            fields.append(hashes: hashes)
            fields.append(integer: limit.records)
            fields.append(integer: limit.bytes)
            return .readRecords
        case .offer(let partition, let digests):
            fields.append(partition)
            fields.append(.array(digests.map { .bulk($0.key.bytes) }))
            fields.append(sums: digests.map(\.digest))
            return .offer
        case .deliver(let partition, let records):
            fields.append(partition)
            fields.append(records)
            return .deliver
        case .sums(let sums):
            fields.append(sums: sums)
            return .sums
        case .digests(let digests, let covered):
            fields.append(digests: digests)
            fields.append(integer: covered)
            return .digests
        case .lacking(let indexes):
            fields.append(.array(indexes.map { .integer(Int64($0)) }))
            return .lacking
        case .get, .put, .hint, .getHint, .getOutline, .putBatch, .coordinate, .scan, .count, .readLeaves, .leafEntries,
            .control, .record, .outline, .acknowledged, .coordinated, .page, .counted, .leaves, .fenced, .failed:
            preconditionFailure("\(message) is written elsewhere")
        }
    }

    static func repairMessage(
        _ type: PeerMessageType,
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> PeerMessage? {
        switch type {
        case .readSums:
            return .readSums(try fields.partition(), try fields.nodes([.root, .branch, .leaf]))
        case .readDigests:
            return .readDigests(try fields.partition(), try fields.nodes([.twig]))
        case .readRecords:
            return .readRecords(try fields.partition(), try fields.hashes(), limit: try fields.pageLimit())
        case .offer:
            return .offer(try fields.partition(), try fields.keyDigests())
        case .deliver:
            return .deliver(try fields.partition(), try fields.page())
        case .sums:
            return .sums(try fields.sums())
        case .digests:
            return .digests(try fields.hashDigests(), covered: try fields.integer())
        case .lacking:
            return .lacking(try fields.indexes())
        default:
            return nil
        }
    }
}

extension PeerFields {
    mutating func append(_ nodes: [MerkleNode]) {
        self.append(.array(nodes.map { .integer(Int64($0.number)) }))
    }

    mutating func append(hashes: [KeyHash]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(hashes.count * 8)
        for hash in hashes {
            bytes.appendBigEndian(hash.rawValue)
        }
        self.append(bytes: bytes)
    }

    mutating func append(sums: [UInt128]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(sums.count * 16)
        for sum in sums {
            bytes.appendBigEndian(sum)
        }
        self.append(bytes: bytes)
    }

    mutating func append(digests: [HashDigest]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digests.count * 24)
        for digest in digests {
            bytes.appendBigEndian(digest.hash.rawValue)
            bytes.appendBigEndian(digest.digest)
        }
        self.append(bytes: bytes)
    }
}

extension PeerFieldReader {
    mutating func nodes(_ levels: [MerkleNode.Level]) throws(PeerCodecError) -> [MerkleNode] {
        var elements = PeerFieldReader(try self.array())
        var nodes: [MerkleNode] = []
        while !elements.isAtEnd {
            guard let node = MerkleNode(number: try elements.integer()), levels.contains(node.level),
                nodes.last.map({ $0.level == node.level && $0 < node }) ?? true,
                nodes.count < MerkleReading.nodesMax
            else { throw self.malformed("at most \(MerkleReading.nodesMax) Merkle nodes of one level, ascending") }
            nodes.append(node)
        }
        guard !nodes.isEmpty else { throw self.malformed("a Merkle node") }
        return nodes
    }

    mutating func hashes() throws(PeerCodecError) -> [KeyHash] {
        let bytes = try self.bytes()
        guard bytes.count % 8 == 0, bytes.count / 8 <= MerkleReading.hashesMax else {
            throw self.malformed("at most \(MerkleReading.hashesMax) hashes of 8 bytes")
        }
        let hashes = stride(from: 0, to: bytes.count, by: 8).map { start in
            KeyHash(rawValue: bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) })
        }
        guard zip(hashes, hashes.dropFirst()).allSatisfy(<) else { throw self.malformed("ascending hashes") }
        return hashes
    }

    mutating func sums() throws(PeerCodecError) -> [UInt128] {
        let bytes = try self.bytes()
        guard bytes.count % 16 == 0 else { throw self.malformed("sums of 16 bytes") }
        return stride(from: 0, to: bytes.count, by: 16).map { Self.sum(bytes[$0..<$0 + 16]) }
    }

    mutating func hashDigests() throws(PeerCodecError) -> [HashDigest] {
        let bytes = try self.bytes()
        guard bytes.count % 24 == 0 else { throw self.malformed("digests of 24 bytes") }
        return stride(from: 0, to: bytes.count, by: 24).map { start in
            HashDigest(
                hash: KeyHash(rawValue: bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }),
                digest: Self.sum(bytes[start + 8..<start + 24])
            )
        }
    }

    mutating func keyDigests() throws(PeerCodecError) -> [KeyDigest] {
        var elements = PeerFieldReader(try self.array())
        var keys: [Key] = []
        while !elements.isAtEnd {
            keys.append(try elements.key())
        }
        let digests = try self.sums()
        guard keys.count == digests.count else { throw self.malformed("a digest for each of \(keys.count) keys") }
        return zip(keys, digests).map { KeyDigest(key: $0, digest: $1) }
    }

    mutating func indexes() throws(PeerCodecError) -> [Int] {
        var elements = PeerFieldReader(try self.array())
        var indexes: [Int] = []
        while !elements.isAtEnd {
            indexes.append(try elements.integer())
        }
        return indexes
    }

    private static func sum(_ bytes: ArraySlice<UInt8>) -> UInt128 {
        bytes.reduce(0) { $0 << 8 | UInt128($1) }
    }
}
