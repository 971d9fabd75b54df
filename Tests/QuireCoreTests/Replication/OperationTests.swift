import QuireCore
import Testing

extension NodeID {
    static let a = NodeID(number: 1)
    static let b = NodeID(number: 2)
    static let c = NodeID(number: 3)
    static let d = NodeID(number: 4)
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

@Suite struct GetOperationTests {
    private let old = Record.minted(1)
    private let other = Record.minted(2)

    private func operation(readQuorum: Int = 2) -> GetOperation {
        GetOperation(row: [.a, .b, .c], readQuorum: readQuorum)
    }

    @Test func answersAtTheQuorumWithEverythingMerged() {
        var get = self.operation()
        #expect(get.replicaAnswered(.a, self.old) == .wait)
        #expect(get.replicaAnswered(.b, self.other).reply == .record(self.old.merging(self.other)))
    }

    @Test func repairsWhoKnewLessOnceAllHaveAnswered() {
        var get = self.operation()
        _ = get.replicaAnswered(.a, self.old)
        #expect(get.replicaAnswered(.b, self.old) == .init(reply: .record(self.old)))
        #expect(get.replicaAnswered(.c, nil) == .init(repairs: [.c], isOver: true))
    }

    @Test func aStragglerWithNewsCausesRepairOfTheOthers() {
        var get = self.operation()
        _ = get.replicaAnswered(.a, nil)
        #expect(get.replicaAnswered(.b, nil).reply == .record(Record()))
        #expect(get.replicaAnswered(.c, self.old) == .init(repairs: [.a, .b], isOver: true))
    }

    @Test func doesNotWaitForStragglersForEver() {
        var get = self.operation()
        _ = get.replicaAnswered(.a, self.old)
        _ = get.replicaAnswered(.b, nil)
        #expect(get.deadlinePassed() == .init(repairs: [.b], isOver: true))
        #expect(get.replicaAnswered(.c, nil) == .wait)
    }

    @Test func countsADuplicateAnswerOnce() {
        var get = self.operation()
        #expect(get.replicaAnswered(.a, self.old) == .wait)
        #expect(get.replicaAnswered(.a, self.old) == .wait)
        #expect(get.replicaAnswered(.d, self.old) == .wait)
    }

    @Test func losesTheQuorumAsSoonAsItIsOutOfReach() {
        var get = self.operation()
        #expect(get.replicaFailed(.a) == .wait)
        #expect(get.replicaFailed(.b) == .init(reply: .quorumLost(answered: 0, required: 2), isOver: true))
        #expect(get.replicaAnswered(.c, self.old) == .wait)
    }

    @Test func losesTheQuorumAtTheDeadline() {
        var get = self.operation()
        _ = get.replicaAnswered(.a, self.old)
        #expect(get.deadlinePassed() == .init(reply: .quorumLost(answered: 1, required: 2), isOver: true))
    }
}

@Suite struct PutOperationTests {
    private func operation(
        rows: [[NodeID]] = [[.a, .b, .c]],
        writeQuorum: Int = 2,
        isLastWriteWins: Bool = true
    ) -> PutOperation {
        PutOperation(
            rows: rows,
            writeQuorum: writeQuorum,
            isLastWriteWins: isLastWriteWins,
            timestamp: HybridTimestamp(wallMilliseconds: 10)
        )
    }

    @Test func succeedsAtTheQuorum() {
        var put = self.operation()
        #expect(put.replicaAcknowledged(.a, .at(10)) == .wait)
        #expect(put.replicaAcknowledged(.b, .at(10)) == .succeed)
        #expect(put.replicaAcknowledged(.c, .at(10)) == .wait)
    }

    @Test func countsADuplicateAcknowledgementOnceAndAStrangersNever() {
        var put = self.operation()
        #expect(put.replicaAcknowledged(.a, .at(10)) == .wait)
        #expect(put.replicaAcknowledged(.a, .at(10)) == .wait)
        #expect(put.replicaAcknowledged(.d, .at(10)) == .wait)
    }

    /// SAFETY rule 11: while a partition moves both rows must reach W; a node in both counts in each, once.
    @Test func needsTheQuorumOfBothRows() {
        var put = self.operation(rows: [[.a, .b, .c], [.a, .b, .d]])
        #expect(put.targets == [.a, .b, .c, .d])
        #expect(put.replicaAcknowledged(.c, .at(10)) == .wait)
        #expect(put.replicaAcknowledged(.a, .at(10)) == .wait)
        #expect(put.replicaAcknowledged(.d, .at(10)) == .succeed)
    }

    @Test func losesTheQuorumOfOneRowAlone() {
        var put = self.operation(rows: [[.a, .b, .c], [.a, .d]])
        _ = put.replicaAcknowledged(.b, .at(10))
        _ = put.replicaAcknowledged(.c, .at(10))
        #expect(put.replicaFailed(.d) == .quorumLost(acknowledged: 0, required: 2))
        #expect(put.replicaAcknowledged(.a, .at(10)) == .wait)
    }

    @Test func aRowShorterThanWNeedsAllOfIt() {
        var put = self.operation(rows: [[.a]], writeQuorum: 3)
        #expect(put.replicaAcknowledged(.a, .at(10)) == .succeed)
    }

    @Test func losesTheQuorumAsSoonAsItIsOutOfReach() {
        var put = self.operation()
        #expect(put.replicaFailed(.a) == .wait)
        #expect(put.replicaFailed(.a) == .wait)
        #expect(put.replicaAcknowledged(.b, .at(10)) == .wait)
        #expect(put.replicaFailed(.c) == .quorumLost(acknowledged: 1, required: 2))
        #expect(put.deadlinePassed() == .wait)
    }

    /// SAFETY rule 4: the client must not read an older value than its own.
    @Test func writesAgainAboveALaterTimestamp() {
        var put = self.operation()
        _ = put.replicaAcknowledged(.a, .at(10))
        let later = HybridTimestamp(wallMilliseconds: 30)
        #expect(put.replicaAcknowledged(.b, .at(30)) == .writeAgain(after: later))
        put.writtenAgain(with: HybridTimestamp(wallMilliseconds: 31))
        #expect(put.replicaAcknowledged(.a, .at(31)) == .wait)
        #expect(put.replicaAcknowledged(.b, .at(31)) == .succeed)
    }

    @Test func aCausalPutDoesNotCareAboutTimestamps() {
        var put = self.operation(isLastWriteWins: false)
        _ = put.replicaAcknowledged(.a, .at(10))
        #expect(put.replicaAcknowledged(.b, .at(30)) == .succeed)
    }

    @Test func failsAtTheDeadline() {
        var put = self.operation()
        _ = put.replicaAcknowledged(.c, .at(10))
        #expect(put.deadlinePassed() == .quorumLost(acknowledged: 1, required: 2))
        #expect(put.replicaAcknowledged(.a, .at(10)) == .wait)
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
