internal import QuireCore
internal import QuireStorage

/// What the records of an image add up to.
struct ImageSummary {
    let logicalRoot: ContentHash
    let keyedRoot: ContentHash
    let recordCount: Int
    let liveKeyCount: Int

    /// Opens an image, checks structure, schema and identity, and reads every record.
    ///
    /// - Parameter path: Of an image that nobody writes to.
    /// - Throws: `ArchiveError` with `.damagedObject` when the image cannot be what `identity` says.
    init(ofImageAt path: String, identity: PartitionIdentity) throws {
        try Self.requireCompleteFile(path)
        self = try Self.translatingErrors(path) {
            let reader = try PartitionImageReader(path: path, expecting: identity)
            try reader.checkStructure()
            return try Self(reader, path)
        }
    }

    /// An image needs no WAL: bytes 18 and 19 of its header say so to every SQLite that opens it.
    private static func requireCompleteFile(_ path: String) throws {
        let header = UnsafeMutableRawBufferPointer.chunk(bytes: 100)
        defer { header.deallocate() }
        let count = try InputFile(path).read(into: header)
        guard count == header.count, header[18] == 1, header[19] == 1 else {
            throw ArchiveError(
                .damagedObject,
                "the image is not a complete SQLite file in rollback-journal mode; copy it from a seal",
                path: path
            )
        }
    }

    private init(_ reader: PartitionImageReader, _ path: String) throws {
        let identity = reader.identity
        var root = LogicalRoot()
        var tally = RecordTally()
        var last: ScanPosition?
        try reader.forEachRow { row in
            let position = ScanPosition(key: row.key)
            guard last.map({ $0 < position }) ?? true else {
                throw ArchiveError(.damagedObject, "the image holds a key twice", path: path)
            }
            guard identity.partitionCount.partition(of: row.key) == identity.partition else {
                throw ArchiveError(.damagedObject, "the image holds a key of another partition", path: path)
            }
            root.add(key: row.key, hash: row.hash, encodedRecord: row.encoded)
            tally += RecordTally(of: row.record)
            last = position
        }
        guard tally == reader.tally else {
            throw ArchiveError(.damagedObject, "the image does not hold as many records as it says", path: path)
        }
        guard let logicalRoot = ContentHash(digestBytes: root.root),
            let keyedRoot = ContentHash(digestBytes: reader.leaves.root)
        else { preconditionFailure("a root of other than 32 bytes") }
        self.logicalRoot = logicalRoot
        self.keyedRoot = keyedRoot
        self.recordCount = tally.records
        self.liveKeyCount = tally.live
    }

    func object(_ partition: PartitionID, _ digests: Zstandard.Digests) -> StoredObject {
        StoredObject(
            partition: partition,
            imageHash: digests.imageHash,
            imageBytes: digests.imageBytes,
            storedHash: digests.storedHash,
            storedBytes: digests.storedBytes,
            logicalRoot: self.logicalRoot,
            keyedRoot: self.keyedRoot,
            recordCount: self.recordCount,
            liveKeyCount: self.liveKeyCount
        )
    }

    /// What storage reports about an image becomes an `ArchiveError`.
    static func translatingErrors<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as StorageError {
            throw ArchiveError(
                error.code == .inputOutput ? .inputOutput : .damagedObject,
                "the image is not usable: \(error)",
                path: path
            )
        }
    }
}
