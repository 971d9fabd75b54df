import QuireCore
import Testing

@Suite struct PutOperationTests {
    private func operation(
        rows: [[NodeID]] = [[.a, .b, .c]],
        writeQuorum: Int = 2,
        durability: Durability = .all,
        isLastWriteWins: Bool = true
    ) -> PutOperation {
        PutOperation(
            rows: rows,
            writeQuorum: writeQuorum,
            durability: durability,
            isLastWriteWins: isLastWriteWins,
            timestamp: .at(10)
        )
    }

    private func none() -> [NodeID] { [] }

    private let success = PutOperation.Step(outcome: .succeeded(standIns: 0))

    @Test func succeedsAtTheQuorumAndEndsWhenAllHaveIt() {
        var put = self.operation()
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(10)) == .wait)
        #expect(put.acknowledged(.b, isSynced: true, latest: .at(10)) == self.success)
        #expect(put.acknowledged(.c, isSynced: true, latest: .at(10)) == .init(isOver: true))
    }

    @Test func countsADuplicateAcknowledgementOnceAndAStrangersNever() {
        var put = self.operation()
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(10)) == .wait)
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(10)) == .wait)
        #expect(put.acknowledged(.d, isSynced: true, latest: .at(10)) == .wait)
    }

    /// SAFETY rule 11: while a partition moves both rows must reach W; a node in both counts in each, once.
    @Test func needsTheQuorumOfBothRows() {
        var put = self.operation(rows: [[.a, .b, .c], [.a, .b, .d]])
        #expect(put.members == [.a, .b, .c, .d])
        #expect(put.acknowledged(.c, isSynced: true, latest: .at(10)) == .wait)
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(10)) == .wait)
        #expect(put.acknowledged(.d, isSynced: true, latest: .at(10)) == self.success)
    }

    @Test func losesTheQuorumOfOneRowAlone() {
        var put = self.operation(rows: [[.a, .b, .c], [.a, .d]])
        _ = put.acknowledged(.b, isSynced: true, latest: .at(10))
        _ = put.acknowledged(.c, isSynced: true, latest: .at(10))
        let lost = put.failed(.d, candidates: self.none)
        #expect(lost == .init(outcome: .quorumLost(acknowledged: 0, required: 2), isOver: true))
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(10)) == .wait)
    }

    @Test func aRowShorterThanWNeedsAllOfIt() {
        var put = self.operation(rows: [[.a]], writeQuorum: 3)
        let done = put.acknowledged(.a, isSynced: true, latest: .at(10))
        #expect(done == .init(outcome: .succeeded(standIns: 0), isOver: true))
    }

    @Test func losesTheQuorumAsSoonAsItIsOutOfReach() {
        var put = self.operation()
        #expect(put.failed(.a, candidates: self.none) == .wait)
        #expect(put.failed(.a, candidates: self.none) == .wait)
        #expect(put.acknowledged(.b, isSynced: true, latest: .at(10)) == .wait)
        let lost = put.failed(.c, candidates: self.none)
        #expect(lost == .init(outcome: .quorumLost(acknowledged: 1, required: 2), isOver: true))
        #expect(put.deadlinePassed() == .wait)
    }

    /// SAFETY rule 4: the client must not read an older value than its own.
    @Test func writesAgainAboveALaterTimestamp() {
        var put = self.operation()
        _ = put.acknowledged(.a, isSynced: true, latest: .at(10))
        let again = put.acknowledged(.b, isSynced: true, latest: .at(30))
        #expect(again == .init(outcome: .writeAgain(after: .at(30))))
        put.writtenAgain(with: .at(31))
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(31)) == .wait)
        #expect(put.acknowledged(.b, isSynced: true, latest: .at(31)) == self.success)
    }

    @Test func aCausalPutDoesNotCareAboutTimestamps() {
        var put = self.operation(isLastWriteWins: false)
        _ = put.acknowledged(.a, isSynced: true, latest: .at(10))
        #expect(put.acknowledged(.b, isSynced: true, latest: .at(30)) == self.success)
    }

    @Test func failsAtTheDeadline() {
        var put = self.operation()
        _ = put.acknowledged(.c, isSynced: true, latest: .at(10))
        #expect(put.deadlinePassed() == .init(outcome: .quorumLost(acknowledged: 1, required: 2), isOver: true))
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(10)) == .wait)
    }

    // MARK: Sloppy quorum (Dynamo §4.6)

    @Test func aStandInCountsForTheMemberThatFailed() {
        var put = self.operation()
        #expect(put.failed(.b) { [.d] } == .init(hints: [.init(node: .d, member: .b)]))
        #expect(put.failed(.c) { [.d, .e] } == .wait, "candidates are asked for once; nobody is left")
        _ = put.acknowledged(.d, isSynced: true, latest: .at(10))
        let done = put.acknowledged(.a, isSynced: true, latest: .at(10))
        #expect(done == .init(outcome: .succeeded(standIns: 1), isOver: true))
    }

    @Test func aStandInThatRefusesIsReplacedByTheNext() {
        var put = self.operation()
        _ = put.failed(.b) { [.d, .e] }
        #expect(put.failed(.d, candidates: self.none) == .init(hints: [.init(node: .e, member: .b)]))
    }

    /// SAFETY rule 11: "a stand-in counts for the row that it stands in for".
    @Test func aStandInCountsInTheRowsOfItsMemberOnly() {
        var put = self.operation(rows: [[.a, .b, .c], [.a, .b, .d]])
        _ = put.failed(.c) { [.e] }
        _ = put.acknowledged(.e, isSynced: true, latest: .at(10))
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(10)) == .wait, "one of two of the new row")
        let done = put.acknowledged(.b, isSynced: true, latest: .at(10))
        #expect(done.outcome == .succeeded(standIns: 0))
    }

    @Test func aSlowMemberGetsAStandInAndMayStillCountItself() {
        var put = self.operation()
        _ = put.acknowledged(.a, isSynced: true, latest: .at(10))
        let (step, slow) = put.patienceEnded { [.d, .e] }
        #expect(slow == [.b, .c])
        #expect(step.hints == [.init(node: .d, member: .b), .init(node: .e, member: .c)])
        #expect(put.acknowledged(.b, isSynced: true, latest: .at(10)).outcome == .succeeded(standIns: 0))
        #expect(put.acknowledged(.e, isSynced: true, latest: .at(10)) == .init(isOver: true))
    }

    @Test func aMemberThatFailsAfterSuccessStillGetsItsHint() {
        var put = self.operation()
        _ = put.acknowledged(.a, isSynced: true, latest: .at(10))
        _ = put.acknowledged(.b, isSynced: true, latest: .at(10))
        #expect(put.failed(.c) { [.d] } == .init(hints: [.init(node: .d, member: .c)]))
        #expect(put.acknowledged(.d, isSynced: true, latest: .at(10)) == .init(isOver: true))
    }

    @Test func aCoordinatingStandInCountsLikeOne() {
        var put = PutOperation(
            rows: [[.a, .b, .c]],
            writeQuorum: 2,
            isLastWriteWins: true,
            timestamp: .at(10),
            coordinatingStandIn: .d
        )
        _ = put.acknowledged(.d, isSynced: true, latest: .at(10))
        #expect(put.failed(.a) { [.d, .e] } == .wait, "d stands in for a already")
        #expect(put.failed(.b) { [.d, .e] }.hints == [.init(node: .e, member: .b)])
        let done = put.acknowledged(.e, isSynced: true, latest: .at(10))
        #expect(done.outcome == .succeeded(standIns: 2))
    }

    // MARK: Durability (Dynamo §6.1; SAFETY rule 6)

    @Test func whatIsNotSyncedCountsForNothingUnlessAskedFor() {
        var put = self.operation()
        #expect(put.acknowledged(.a, isSynced: false, latest: .at(10)) == .wait)
        #expect(put.acknowledged(.b, isSynced: false, latest: .at(10)) == .wait)
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(10)) == .wait)
        #expect(put.acknowledged(.b, isSynced: true, latest: .at(10)) == self.success)

        var buffered = self.operation(durability: .buffered)
        _ = buffered.acknowledged(.a, isSynced: false, latest: .at(10))
        #expect(buffered.acknowledged(.b, isSynced: false, latest: .at(10)) == self.success)
    }

    @Test func oneOfTheWMustBeSynced() {
        var put = self.operation(durability: .one)
        _ = put.acknowledged(.a, isSynced: false, latest: .at(10))
        #expect(put.acknowledged(.b, isSynced: false, latest: .at(10)) == .wait)
        #expect(put.acknowledged(.a, isSynced: true, latest: .at(10)) == self.success)
    }

    @Test func anotherMemberSyncsWhenTheOneThatShouldHaveCannot() {
        var put = self.operation(durability: .one)
        _ = put.acknowledged(.a, isSynced: false, latest: .at(10))
        _ = put.acknowledged(.b, isSynced: false, latest: .at(10))
        #expect(put.failed(.a, candidates: self.none) == .init(syncs: [.b]))
        _ = put.acknowledged(.c, isSynced: false, latest: .at(10))
        let done = put.acknowledged(.b, isSynced: true, latest: .at(10))
        #expect(done == .init(outcome: .succeeded(standIns: 0), isOver: true))
    }
}
