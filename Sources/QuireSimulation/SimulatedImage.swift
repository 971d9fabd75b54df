import QuireCore

/// A sealed partition as bytes, so that the real block machinery has something to carry.
///
/// ```
/// per record: key length (2, big-endian), key, record length (4, big-endian), encoded record
/// ```
struct SimulatedImage {
    static let blockBytes = 256

    let bytes: [UInt8]
    let records: Int

    init(_ entries: [KeyedRecord]) {
        var bytes: [UInt8] = []
        for entry in entries {
            bytes.appendBigEndian(UInt16(entry.key.bytes.count))
            bytes += entry.key.bytes
            let encoded = entry.record.encoded()
            bytes.appendBigEndian(UInt32(encoded.count))
            bytes += encoded
        }
        self.bytes = bytes
        self.records = entries.count
    }

    func manifest(seal: UInt64) -> SealManifest {
        let blockCount = (self.bytes.count + Self.blockBytes - 1) / Self.blockBytes
        let manifest = SealManifest(
            seal: seal,
            sizeBytes: self.bytes.count,
            blockBytes: Self.blockBytes,
            records: self.records,
            checksums: (0..<blockCount).map { CRC32C.checksum(self.block($0)) }
        )
        guard let manifest else { preconditionFailure("an image of \(self.bytes.count) bytes") }
        return manifest
    }

    func block(_ index: Int) -> [UInt8] {
        Array(self.bytes.dropFirst(index * Self.blockBytes).prefix(Self.blockBytes))
    }

    /// - Returns: `nil` for bytes that are not a whole image.
    static func decode(_ bytes: [UInt8]) -> [KeyedRecord]? {
        var reader = BigEndianReader(bytes)
        var entries: [KeyedRecord] = []
        do {
            while reader.remainingBytes > 0 {
                let keyBytes = try reader.readBytes(Int(try reader.read(UInt16.self)))
                let encoded = try reader.readBytes(Int(try reader.read(UInt32.self)))
                guard let key = Key(keyBytes) else { return nil }
                entries.append(KeyedRecord(key: key, record: try Record(encoded: encoded)))
            }
        } catch {
            return nil
        }
        return entries
    }
}
