import QuireCore
import Testing

@Suite struct GetOperationTests {
    private let old = Record.minted(1)
    private let other = Record.minted(2)

    private func operation(readQuorum: Int = 2) -> GetOperation {
        GetOperation(row: [.a, .b, .c], readQuorum: readQuorum)
    }

    private func none() -> [NodeID] { [] }

    @Test func answersAtTheQuorumWithEverythingMerged() {
        var get = self.operation()
        #expect(get.answered(.b, self.old) == .wait)
        let merged = self.old.merging(self.other)
        #expect(get.answered(.a, self.other).reply == .record(merged, ReadEvidence(fastest: .b)))
    }

    @Test func repairsWhoKnewLessOnceAllHaveAnswered() {
        var get = self.operation()
        _ = get.answered(.a, self.old)
        #expect(get.answered(.b, self.old) == .init(reply: .record(self.old, ReadEvidence(fastest: .a))))
        #expect(get.answered(.c, nil) == .init(repairs: [.c], isOver: true))
    }

    @Test func aStragglerWithNewsCausesRepairOfTheOthers() {
        var get = self.operation()
        _ = get.answered(.a, nil)
        #expect(get.answered(.b, nil).reply == .record(Record(), ReadEvidence(fastest: .a)))
        #expect(get.answered(.c, self.old) == .init(repairs: [.a, .b], isOver: true))
    }

    @Test func doesNotWaitForStragglersForEver() {
        var get = self.operation()
        _ = get.answered(.a, self.old)
        _ = get.answered(.b, nil)
        #expect(get.deadlinePassed() == .init(repairs: [.b], isOver: true))
        #expect(get.answered(.c, nil) == .wait)
    }

    @Test func countsADuplicateAnswerOnceAndAStrangersNever() {
        var get = self.operation()
        #expect(get.answered(.a, self.old) == .wait)
        #expect(get.answered(.a, self.old) == .wait)
        #expect(get.answered(.d, self.old) == .wait)
    }

    @Test func losesTheQuorumAsSoonAsItIsOutOfReach() {
        var get = self.operation()
        #expect(get.failed(.a, candidates: self.none) == .wait)
        let lost = get.failed(.b, candidates: self.none)
        #expect(lost == .init(reply: .quorumLost(answered: 0, required: 2), isOver: true))
        #expect(get.answered(.c, self.old) == .wait)
    }

    @Test func losesTheQuorumAtTheDeadline() {
        var get = self.operation()
        _ = get.answered(.a, self.old)
        #expect(get.deadlinePassed() == .init(reply: .quorumLost(answered: 1, required: 2), isOver: true))
    }

    // MARK: Stand-ins (Dynamo §4.6)

    /// SAFETY rule 3: reads ask stand-ins when members of the row are missing.
    @Test func asksAStandInForAMemberThatIsGone() {
        var get = self.operation()
        #expect(get.failed(.a) { [.d] } == .init(standIns: [.d]))
        #expect(get.answered(.d, self.old) == .wait)
        let answered = get.answered(.b, nil)
        #expect(answered == .wait, "two members are alive, so the stand-in does not count")
        #expect(get.answered(.c, nil).reply == .record(self.old, ReadEvidence(fastest: .b)))
    }

    @Test func standInsCountWhenTooFewMembersAreLeftAndAreNeverRepaired() {
        var get = self.operation()
        _ = get.failed(.a) { [.d, .e] }
        #expect(get.failed(.b) { [.d, .e] } == .init(standIns: [.e]))
        #expect(get.answered(.c, nil) == .wait)
        let evidence = ReadEvidence(fastest: .c, standIns: 1)
        #expect(get.answered(.e, self.old) == .init(reply: .record(self.old, evidence)))
        #expect(get.answered(.d, nil) == .init(repairs: [.c], isOver: true))
    }

    @Test func aStandInThatFailsIsReplacedByTheNext() {
        var get = self.operation()
        _ = get.failed(.a) { [.d, .e] }
        #expect(get.failed(.d, candidates: self.none) == .init(standIns: [.e]))
        #expect(get.failed(.e, candidates: self.none) == .wait)
    }

    @Test func patienceFindsTheSlowMembersAndAsksStandInsOnce() {
        var get = self.operation()
        _ = get.answered(.b, self.old)
        let first = get.patienceEnded { [.d, .e] }
        #expect(first.slow == [.a, .c])
        #expect(first.0 == .init(standIns: [.d, .e]))
        #expect(get.patienceEnded { [.d, .e] }.0 == .wait)
        #expect(get.answered(.c, nil).reply == .record(self.old, ReadEvidence(fastest: .b)))
    }

    // MARK: Outlines

    @Test func anOutlineOfTheSameVersionsCountsWithoutItsValues() {
        var get = self.operation()
        #expect(get.answered(.b, RecordOutline(of: self.old)) == .wait)
        #expect(get.answered(.a, self.old).reply == .record(self.old, ReadEvidence(fastest: .a)))
    }

    @Test func anOutlineWithNewsIsFetchedBeforeItCounts() {
        var get = self.operation()
        _ = get.answered(.a, self.old)
        #expect(get.answered(.b, RecordOutline(of: self.other)) == .init(fetches: [.b]))
        #expect(get.answered(.c, RecordOutline(of: self.other)) == .init(fetches: [.c]))
        let merged = self.old.merging(self.other)
        let answered = get.answered(.b, self.other)
        #expect(answered.reply == .record(merged, ReadEvidence(fastest: .a)))
        #expect(answered.repairs == [.a, .b, .c], "the outline of c is known by now")
    }

    @Test func theRecordIsFetchedFromAnotherWhenItsReplicaFails() {
        var get = self.operation()
        _ = get.answered(.b, RecordOutline(of: self.old))
        _ = get.answered(.c, RecordOutline(of: self.old))
        #expect(get.failed(.a, candidates: self.none) == .init(fetches: [.b]))
        #expect(get.answered(.b, self.old).reply == .record(self.old, ReadEvidence(fastest: .b)))
    }
}

@Suite struct RecordOutlineTests {
    /// Merging the outline is merging the record, whenever it is possible without the values.
    @Test func followsTheMergeOfRecords() {
        var followed = 0
        for seed in 0..<300 as Range<UInt64> {
            let records = RecordHistory(seed: seed, steps: 20).replicas.map(\.record)
            for left in records {
                for right in records {
                    var merged = left
                    if merged.merge(RecordOutline(of: right)) {
                        followed += 1
                        #expect(merged == left.merging(right))
                    } else {
                        #expect(merged == left)
                        #expect(left.merging(right).siblings.contains { !left.siblings.contains($0) })
                    }
                }
            }
        }
        #expect(followed > 300)
    }

    @Test func refusesDotsThatAreUnsortedOrNotCovered() {
        let vector = VersionVector([.init(actor: ActorID(rawValue: 1), counter: 2)])
        let dots = [1, 2].map { Dot(actor: ActorID(rawValue: 1), counter: $0) }
        #expect(RecordOutline(vector: vector, dots: dots) != nil)
        #expect(RecordOutline(vector: vector, dots: dots.reversed()) == nil)
        #expect(RecordOutline(vector: VersionVector(), dots: dots) == nil)
    }
}
