/// Merges pages of the same scan from several replicas into one page that misses nothing which any of them has.
///
/// A page that is not its replica's last says nothing about keys after its own last key. So the result ends
/// at the least such key.
package struct PageMerge: Sendable {
    package struct Page: Equatable, Sendable {
        /// In scan order.
        package let entries: [KeyedRecord]
        /// Where the scan goes on, or `nil` at the end of the partition.
        package let next: ScanPosition?
    }

    private var records: [ScanPosition: Record] = [:]
    private var horizon: ScanPosition?

    package init() {}

    package mutating func add(_ entries: [KeyedRecord], isLast: Bool) {
        for entry in entries {
            self.records[ScanPosition(key: entry.key), default: Record()].merge(entry.record)
        }
        guard !isLast, let last = entries.last.map({ ScanPosition(key: $0.key) }) else { return }
        self.horizon = self.horizon.map { min($0, last) } ?? last
    }

    package func merged() -> Page {
        let positions = self.records.keys.sorted()
        let within = self.horizon.map { horizon in positions.filter { $0 <= horizon } } ?? positions
        return Page(
            entries: within.map { KeyedRecord(key: $0.key, record: self.records[$0] ?? Record()) },
            next: self.horizon
        )
    }
}
