import Glibc
import QuireCore

/// Reads the segments of one shard's log after a stop or a crash, by the algorithm of `LogFormat`.
struct LogReader {
    /// One segment that is left on disk.
    struct Segment: Equatable {
        let path: String
        let header: LogFormat.Header
        /// Bytes up to the end of the last valid record.
        let bytes: Int
    }

    /// Where the valid records of a segment end.
    struct Scan: Equatable {
        /// Bytes up to the end of the last valid record.
        let bytes: Int
        /// Bytes up to which the segment counts: those that its successor states, or all.
        let limit: Int
        let records: Int
        /// Whether what follows was once synced, and is no torn tail.
        let isDamaged: Bool
    }

    let directory: String
    /// Of the node; `nil` takes segments of any cluster.
    let clusterID: String?

    /// The shard and sequence that a file name states; `nil` for other files.
    static func parse(name: String) -> (shard: Int, sequence: UInt64)? {
        guard name.hasSuffix(".log") else { return nil }
        let parts = name.dropLast(4).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let shard = Int(parts[0]), let sequence = UInt64(parts[1]) else { return nil }
        return (shard, sequence)
    }

    static func name(shard: Int, sequence: UInt64) -> String {
        let digits = String(sequence)
        return "\(shard)-\(String(repeating: "0", count: max(0, 12 - digits.count)))\(digits).log"
    }

    /// The sequences found per shard, ascending.
    func sequencesByShard() throws(StorageError) -> [Int: [UInt64]] {
        var found: [Int: [UInt64]] = [:]
        for name in try FileSystem.list(self.directory) {
            guard let (shard, sequence) = Self.parse(name: name) else { continue }
            found[shard, default: []].append(sequence)
        }
        return found.mapValues { $0.sorted() }
    }

    /// Replays a shard's segments, cuts a torn tail, removes a segment that was only being created.
    ///
    /// - Parameter replay: Called for each entry, in the order of writing, with its segment's sequence.
    func read(
        shard: Int,
        sequences: [UInt64],
        replay: (LogFormat.Entry, UInt64) throws -> Void
    ) throws -> [Segment] {
        var headers = try sequences.map { try self.header(shard: shard, sequence: $0, isLast: $0 == sequences.last) }
        if let last = headers.last, last == nil {
            headers.removeLast()
            try FileSystem.remove(self.path(shard, sequences[headers.count]))
            try FileSystem.syncDirectory(self.directory)
        }
        let known = headers.compactMap { $0 }
        var segments: [Segment] = []
        for (index, found) in known.enumerated() {
            let next = index + 1 < known.count ? known[index + 1].header : nil
            if let next, next.sequence != found.header.sequence + 1 {
                throw self.corruption(
                    "segment \(found.header.sequence + 1) of shard \(shard) is missing",
                    path: self.path(shard, found.header.sequence + 1)
                )
            }
            segments.append(try self.readSegment(found, next: next, replay: replay))
        }
        return segments
    }

    func path(_ shard: Int, _ sequence: UInt64) -> String {
        self.directory + "/" + Self.name(shard: shard, sequence: sequence)
    }

    /// - Returns: `nil` for a last segment that was only being created.
    func header(
        shard: Int,
        sequence: UInt64,
        isLast: Bool
    ) throws(StorageError) -> (header: LogFormat.Header, seed: UInt32)? {
        let path = self.path(shard, sequence)
        let bytes = try FileSystem.read(path, bytesMax: LogFormat.headerBytes)
        guard let found = LogFormat.Header.decode(bytes) else {
            if isLast && FileSystem.sizeBytes(path) <= LogFormat.headerBytes { return nil }
            throw self.corruption("the header of a log segment is damaged, or of an unknown format", path: path)
        }
        if let clusterID = self.clusterID, found.header.clusterID != clusterID {
            throw StorageError(
                .foreignData,
                "the log belongs to cluster \(found.header.clusterID), this node to \(clusterID): "
                    + "give each cluster its own data directory",
                path: path
            )
        }
        guard found.header.shard == shard, found.header.sequence == sequence else {
            throw self.corruption("a log segment bears the name of another", path: path)
        }
        return found
    }

    private func readSegment(
        _ found: (header: LogFormat.Header, seed: UInt32),
        next: LogFormat.Header?,
        replay: (LogFormat.Entry, UInt64) throws -> Void
    ) throws -> Segment {
        let path = self.path(found.header.shard, found.header.sequence)
        let scan = try self.scan(found, next: next) { try replay($0, found.header.sequence) }
        if scan.bytes < scan.limit {
            guard !scan.isDamaged else {
                throw self.corruption("the record at byte \(scan.bytes) is damaged", path: path)
            }
            try self.cut(path, at: scan.bytes)
        }
        return Segment(path: path, header: found.header, bytes: scan.bytes)
    }

    /// Reads a segment and changes nothing.
    ///
    /// - Parameter next: The header of its successor; `nil` for the last segment.
    func scan(
        _ found: (header: LogFormat.Header, seed: UInt32),
        next: LogFormat.Header?,
        replay: (LogFormat.Entry) throws -> Void
    ) throws -> Scan {
        let path = self.path(found.header.shard, found.header.sequence)
        let bytes = try FileSystem.read(path)
        let limit = next.map { Int(clamping: $0.previousBytes) } ?? bytes.count
        guard limit <= bytes.count else {
            throw self.corruption("the segment has \(bytes.count) bytes, but \(limit) had been synced", path: path)
        }
        var offset = LogFormat.headerBytes
        var records = 0
        let format = found.header.format
        while offset < limit,
            let record = LogFormat.record(in: bytes, at: offset, limit: limit, format: format, seed: found.seed)
        {
            try replay(record.entry)
            offset = record.end
            records += 1
        }
        let isDamaged =
            offset < limit
            && (next != nil || self.hasLaterBatch(bytes, after: offset, format: format, seed: found.seed))
        return Scan(bytes: offset, limit: limit, records: records, isDamaged: isDamaged)
    }

    /// Whether something was written after the bytes at `offset` had been synced.
    private func hasLaterBatch(_ bytes: [UInt8], after offset: Int, format: UInt32, seed: UInt32) -> Bool {
        var candidate = offset + 1
        while candidate + LogFormat.prefixBytes + LogFormat.fixedBytes(format: format) <= bytes.count {
            let batchStart = Int(bytes.bigEndian(UInt32.self, at: candidate + LogFormat.prefixBytes))
            if batchStart > offset, batchStart <= candidate,
                LogFormat.record(in: bytes, at: candidate, limit: bytes.count, format: format, seed: seed) != nil
            {
                return true
            }
            candidate += 1
        }
        return false
    }

    private func cut(_ path: String, at offset: Int) throws(StorageError) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(offset)) == 0, fsync(descriptor) == 0 else {
            throw FileSystem.failure("cut the torn tail", path)
        }
    }

    private func corruption(_ what: String, path: String) -> StorageError {
        StorageError(
            .corruptLog,
            "\(what): acknowledged writes may be lost here; move the whole data directory aside and let this node "
                + "join again, so that its peers restore the data",
            path: path
        )
    }
}
