import QuireCore
import Testing

extension NodeID {
    static let a = NodeID(number: 1)
    static let b = NodeID(number: 2)
    static let c = NodeID(number: 3)
    static let d = NodeID(number: 4)
    static let e = NodeID(number: 5)
}

extension HybridTimestamp {
    static func at(_ milliseconds: UInt64) -> HybridTimestamp {
        HybridTimestamp(wallMilliseconds: milliseconds)
    }
}

extension DurableReceipt {
    /// The greatest timestamp of the key, in milliseconds.
    static func at(_ milliseconds: UInt64) -> DurableReceipt {
        DurableReceipt(syncedWithLatestTimestamp: HybridTimestamp(wallMilliseconds: milliseconds))
    }
}

extension Record {
    /// A record of one sibling.
    static func minted(_ actor: UInt64, _ counter: UInt64 = 1) -> Record {
        var record = Record()
        record.mint(.of(actor, counter), superseding: .context(VersionVector()))
        return record
    }
}

@Suite struct PageMergeTests {
    /// Keys in scan order.
    private let keys = (0..<6).compactMap { Key("k\($0)") }.sorted { ScanPosition(key: $0) < ScanPosition(key: $1) }

    private func entries(_ indices: Int..., actor: UInt64 = 1) -> [KeyedRecord] {
        indices.map { KeyedRecord(key: self.keys[$0], record: .minted(actor)) }
    }

    @Test func endsAtTheLeastLastKeyOfPagesThatGoOn() {
        var merge = PageMerge()
        merge.add(self.entries(0, 2, 4), isLast: false)
        merge.add(self.entries(1, 3), isLast: false)
        let page = merge.merged()
        #expect(page.entries.map(\.key) == Array(self.keys[0...3]))
        #expect(page.next == ScanPosition(key: self.keys[3]))
    }

    @Test func aLastPageLimitsNothing() {
        var merge = PageMerge()
        merge.add(self.entries(0), isLast: true)
        merge.add(self.entries(4, 5), isLast: true)
        #expect(merge.merged().entries.map(\.key) == [0, 4, 5].map { self.keys[$0] })
        #expect(merge.merged().next == nil)
    }

    @Test func mergesTheRecordsOfOneKey() {
        var merge = PageMerge()
        merge.add(self.entries(1, actor: 1), isLast: true)
        merge.add(self.entries(1, actor: 2), isLast: true)
        #expect(merge.merged().entries.map(\.record) == [Record.minted(1).merging(.minted(2))])
    }

    @Test func nothingGivesAnEmptyLastPage() {
        var merge = PageMerge()
        merge.add([], isLast: true)
        #expect(merge.merged().entries.isEmpty)
        #expect(merge.merged().next == nil)
    }
}
