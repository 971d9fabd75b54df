import QuireCore

/// Collects the fields of one message in the notation of `PeerCodec`.
struct PeerFields {
    private(set) var values: [RESPValue] = []

    mutating func append(_ value: RESPValue) {
        self.values.append(value)
    }

    mutating func append(bytes: [UInt8]?) {
        self.values.append(bytes.map { .bulk($0) } ?? .null)
    }

    mutating func append(text: String?) {
        self.values.append(text.map { .bulk($0) } ?? .null)
    }

    mutating func append(integer: Int?) {
        self.values.append(integer.map { .integer(Int64($0)) } ?? .null)
    }

    mutating func append(unsigned: UInt64) {
        self.values.append(.unsigned(unsigned))
    }

    mutating func append(boolean: Bool) {
        self.values.append(.integer(boolean ? 1 : 0))
    }

    mutating func append(_ partition: PartitionID) {
        self.append(integer: partition.rawValue)
    }

    mutating func append(_ version: LayoutVersion) {
        self.append(integer: version.rawValue)
    }

    mutating func append(_ ballot: Ballot) {
        self.append(unsigned: ballot.round)
        self.append(unsigned: ballot.node.rawValue)
    }

    mutating func append(after position: ScanPosition?, limit: PageLimit) {
        self.append(
            bytes: position.map { position in
                var bytes: [UInt8] = []
                bytes.appendBigEndian(position.hash.rawValue)
                return bytes + position.key.bytes
            }
        )
        self.append(integer: limit.records)
        self.append(integer: limit.bytes)
    }

    mutating func append(_ records: [KeyedRecord]) {
        var elements: [RESPValue] = []
        elements.reserveCapacity(records.count * 2)
        for entry in records {
            elements.append(.bulk(entry.key.bytes))
            elements.append(.bulk(entry.record.encoded()))
        }
        self.values.append(.array(elements))
    }

    mutating func append(_ outline: RecordOutline) {
        self.append(bytes: outline.vector.wireBytes)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(outline.dots.count * 16)
        for dot in outline.dots {
            bytes.appendBigEndian(dot.actor.rawValue)
            bytes.appendBigEndian(dot.counter)
        }
        self.append(bytes: bytes)
    }

    mutating func append(_ supersession: Record.Supersession) {
        switch supersession {
        case .older:
            self.values.append(.null)
        case .context(let vector):
            self.values.append(.bulk(vector.wireBytes))
        }
    }
}

extension VersionVector {
    /// 16 bytes per entry, ascending by actor: actor, counter.
    var wireBytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(self.entries.count * 16)
        for entry in self.entries {
            bytes.appendBigEndian(entry.actor.rawValue)
            bytes.appendBigEndian(entry.counter)
        }
        return bytes
    }

    /// - Returns: `nil` unless the entries are whole, strictly ascending and their counters positive.
    init?(wireBytes bytes: some Collection<UInt8>) {
        guard bytes.count % 16 == 0 else { return nil }
        var reader = BigEndianReader(Array(bytes))
        var entries: [Entry] = []
        entries.reserveCapacity(bytes.count / 16)
        while reader.remainingBytes > 0 {
            // Whole entries are left, so neither read can fail.
            guard let actor = try? reader.read(UInt64.self), let counter = try? reader.read(UInt64.self) else {
                return nil
            }
            if let last = entries.last, last.actor.rawValue >= actor { return nil }
            guard counter > 0 else { return nil }
            entries.append(Entry(actor: ActorID(rawValue: actor), counter: counter))
        }
        self.init(entries)
    }
}
