import QuireCore

/// Takes the fields of one message in order; refuses whatever is not in the notation of `PeerCodec`.
struct PeerFieldReader {
    private let values: [RESPValue]
    private var index = 0

    init(_ values: [RESPValue]) {
        self.values = values
    }

    var isAtEnd: Bool { self.index == self.values.count }

    func requireEnd() throws(PeerCodecError) {
        guard self.isAtEnd else { throw .extraFields(self.values.count - self.index) }
    }

    mutating func next() throws(PeerCodecError) -> RESPValue {
        guard self.index < self.values.count else { throw .missingField(index: self.index) }
        defer { self.index += 1 }
        return self.values[self.index]
    }

    mutating func optionalBytes() throws(PeerCodecError) -> [UInt8]? {
        switch try self.next() {
        case .bulk(let bytes): return bytes
        case .null: return nil
        default: throw self.malformed("bytes or null")
        }
    }

    mutating func bytes() throws(PeerCodecError) -> [UInt8] {
        guard let bytes = try self.optionalBytes() else { throw self.malformed("bytes") }
        return bytes
    }

    mutating func optionalText() throws(PeerCodecError) -> String? {
        guard let bytes = try self.optionalBytes() else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw self.malformed("UTF-8") }
        return text
    }

    mutating func text() throws(PeerCodecError) -> String {
        guard let text = try self.optionalText() else { throw self.malformed("text") }
        return text
    }

    mutating func optionalUnsigned() throws(PeerCodecError) -> UInt64? {
        switch try self.next() {
        case .integer(let number): return UInt64(bitPattern: number)
        case .null: return nil
        default: throw self.malformed("an integer or null")
        }
    }

    mutating func unsigned() throws(PeerCodecError) -> UInt64 {
        guard let number = try self.optionalUnsigned() else { throw self.malformed("an integer") }
        return number
    }

    mutating func optionalInteger(in range: ClosedRange<Int> = 0...Int.max) throws(PeerCodecError) -> Int? {
        switch try self.next() {
        case .integer(let number):
            guard let result = Int(exactly: number), range.contains(result) else {
                throw self.malformed("an integer in \(range)")
            }
            return result
        case .null:
            return nil
        default:
            throw self.malformed("an integer or null")
        }
    }

    mutating func integer(in range: ClosedRange<Int> = 0...Int.max) throws(PeerCodecError) -> Int {
        guard let number = try self.optionalInteger(in: range) else { throw self.malformed("an integer") }
        return number
    }

    mutating func boolean() throws(PeerCodecError) -> Bool {
        try self.integer(in: 0...1) == 1
    }

    mutating func array() throws(PeerCodecError) -> [RESPValue] {
        guard case .array(let elements) = try self.next() else { throw self.malformed("an array") }
        return elements
    }

    /// An empty text stands for "as the cluster does".
    mutating func durability() throws(PeerCodecError) -> Durability? {
        let name = try self.text()
        if name.isEmpty { return nil }
        guard let durability = Durability(rawValue: name) else { throw self.malformed("a durability") }
        return durability
    }

    mutating func key() throws(PeerCodecError) -> Key {
        guard let key = Key(try self.bytes()) else { throw self.malformed("a key of 1 to 1024 bytes") }
        return key
    }

    mutating func partition() throws(PeerCodecError) -> PartitionID {
        PartitionID(try self.integer(in: 0...4095))
    }

    mutating func layoutVersion() throws(PeerCodecError) -> LayoutVersion {
        LayoutVersion(try self.integer())
    }

    mutating func ballot() throws(PeerCodecError) -> Ballot {
        Ballot(round: try self.unsigned(), node: NodeID(rawValue: try self.unsigned()))
    }

    mutating func position() throws(PeerCodecError) -> ScanPosition? {
        guard let bytes = try self.optionalBytes() else { return nil }
        guard bytes.count > 8, let key = Key(bytes[8...]) else {
            throw self.malformed("8 bytes of hash and a key of 1 to 1024 bytes, or null")
        }
        return ScanPosition(hash: KeyHash(rawValue: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }), key: key)
    }

    mutating func pageLimit() throws(PeerCodecError) -> PageLimit {
        PageLimit(records: try self.integer(), bytes: try self.integer())
    }

    mutating func optionalRecord() throws(PeerCodecError) -> Record? {
        guard let bytes = try self.optionalBytes() else { return nil }
        do {
            return try Record(encoded: bytes)
        } catch {
            throw .malformedRecord(error)
        }
    }

    mutating func record() throws(PeerCodecError) -> Record {
        guard let record = try self.optionalRecord() else { throw self.malformed("a record") }
        return record
    }

    mutating func outline() throws(PeerCodecError) -> RecordOutline {
        guard let vector = VersionVector(wireBytes: try self.bytes()) else { throw self.malformed("a version vector") }
        let bytes = try self.bytes()
        guard bytes.count % 16 == 0 else { throw self.malformed("dots of 16 bytes") }
        let words = stride(from: 0, to: bytes.count, by: 8).map { start in
            bytes[start..<start + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        let dots = stride(from: 0, to: words.count, by: 2).map { index in
            Dot(actor: ActorID(rawValue: words[index]), counter: words[index + 1])
        }
        guard let outline = RecordOutline(vector: vector, dots: dots) else {
            throw self.malformed("ascending dots that the vector covers")
        }
        return outline
    }

    mutating func page() throws(PeerCodecError) -> [KeyedRecord] {
        let elements = try self.array()
        var fields = PeerFieldReader(elements)
        var records: [KeyedRecord] = []
        records.reserveCapacity(elements.count / 2)
        while !fields.isAtEnd {
            let key = try fields.key()
            records.append(KeyedRecord(key: key, record: try fields.record()))
        }
        return records
    }

    mutating func supersession() throws(PeerCodecError) -> Record.Supersession {
        guard let bytes = try self.optionalBytes() else { return .older }
        guard let vector = VersionVector(wireBytes: bytes) else { throw self.malformed("a version vector") }
        return .context(vector)
    }

    /// The error for the field that was just taken.
    func malformed(_ needed: String) -> PeerCodecError {
        .malformed("field \(self.index - 1): needed \(needed)")
    }
}
