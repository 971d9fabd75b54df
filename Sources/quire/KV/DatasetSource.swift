/// Hands out an input file in batches to several connections at once, in bounded memory.
///
/// Invariant: no key is in two batches that are out at the same time, nor twice in one. So when a file names a
/// key twice, the later entry is written after the earlier one was acknowledged, and wins.
actor DatasetSource {
    struct Batch: Sendable {
        var entries: [DatasetEntry] = []
        var bytes = 0
    }

    struct Refusal: Sendable, Equatable {
        let line: Int
        let reason: String
    }

    private static let batchEntriesMax = 128
    private static let batchBytesMax = 1 << 20
    private static let refusalsShownMax = 1000

    private var reader: DatasetReader
    /// Read already, but its key is still out.
    private var pending: DatasetEntry?
    private var isAtEnd = false
    private var keysOut: Set<[UInt8]> = []
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private(set) var refusals: [Refusal] = []
    private(set) var refusalCount = 0
    /// Entries whose batches came back.
    private(set) var finishedCount = 0

    init(_ reader: sending DatasetReader) {
        self.reader = reader
    }

    var consumedBytes: Int { self.reader.consumedBytes }

    /// - Returns: `nil` when everything was handed out. The caller gives each batch back with `finished`.
    func nextBatch() async throws -> Batch? {
        while true {
            let batch = try self.fill()
            if !batch.entries.isEmpty { return batch }
            guard self.pending != nil else { return nil }
            await withCheckedContinuation { self.waiting.append($0) }
        }
    }

    func finished(_ batch: Batch) {
        self.finishedCount += batch.entries.count
        for entry in batch.entries { self.keysOut.remove(entry.key) }
        let waiting = self.waiting
        self.waiting = []
        for continuation in waiting { continuation.resume() }
    }

    /// Takes note of an entry that cannot be stored.
    func refuse(line: Int, reason: String) {
        self.refusalCount += 1
        guard self.refusals.count < Self.refusalsShownMax else { return }
        self.refusals.append(Refusal(line: line, reason: reason))
    }

    private func fill() throws -> Batch {
        var batch = Batch()
        while batch.entries.count < Self.batchEntriesMax, batch.bytes < Self.batchBytesMax {
            guard let entry = try self.nextEntry() else { break }
            guard self.keysOut.insert(entry.key).inserted else {
                self.pending = entry
                break
            }
            batch.entries.append(entry)
            batch.bytes += entry.key.count + entry.value.count
        }
        return batch
    }

    private func nextEntry() throws -> DatasetEntry? {
        if let pending = self.pending {
            self.pending = nil
            return pending
        }
        while !self.isAtEnd {
            switch try self.reader.next() {
            case .entry(let entry): return entry
            case .malformed(let line, let reason): self.refuse(line: line, reason: reason)
            case nil: self.isAtEnd = true
            }
        }
        return nil
    }
}
