import Testing

@testable import quire

/// The judge must object to each kind of harm, and to nothing that may happen.
@Suite struct HistoryJudgeTests {
    // MARK: Causal keys

    @Test func acceptsAWriteThatIsThereAndOneThatAReaderSuperseded() {
        var story = Story(.cart)
        let first = story.write(.put)
        let second = story.write(.put, saw: [first])
        #expect(story.violations(visible: [second]) == [])
    }

    @Test func missesAnAcknowledgedWriteThatNobodyHadRead() {
        var story = Story(.cart)
        let first = story.write(.put)
        let second = story.write(.put)
        #expect(story.violations(visible: [first, second]) == [])
        #expect(story.violations(visible: [second]) == [.lost])
        #expect(story.violations(visible: []) == [.lost, .lost])
    }

    @Test func findsAWriteThroughWritesOfUnknownFate() {
        var story = Story(.cart)
        let first = story.write(.put)
        let middle = story.write(.put, .unknown, saw: [first])
        let last = story.write(.put, saw: [middle])
        #expect(story.violations(visible: [last]) == [])
    }

    @Test func excusesWhatADeletionMayHaveTakenAway() {
        for outcome in [HistoryLine.Outcome.acknowledged, .unknown] {
            var story = Story(.cart)
            let first = story.write(.put)
            story.write(.cut, outcome, saw: [first])
            #expect(story.violations(visible: []) == [])
        }
        var story = Story(.cart)
        let first = story.write(.put)
        story.write(.cut, .failed, saw: [first])
        #expect(story.violations(visible: []) == [.lost])
    }

    @Test func seesWhatWasDeletedOrSupersededComeBack() {
        var story = Story(.cart)
        let first = story.write(.put)
        story.write(.cut, saw: [first])
        #expect(story.violations(visible: [first]) == [.resurrected])

        story = Story(.cart)
        let old = story.write(.put)
        let middle = story.write(.put, saw: [old])
        let last = story.write(.put, saw: [middle])
        #expect(story.violations(visible: [last, old]) == [.resurrected])
    }

    @Test func allowsAWriteOfUnknownFateToHaveHappenedOrNot() {
        var story = Story(.cart)
        let first = story.write(.put)
        let unknown = story.write(.put, .unknown, saw: [first])
        for visible in [[first], [unknown], [first, unknown]] {
            #expect(story.violations(visible: visible) == [])
        }
    }

    @Test func knowsWhatNobodyWroteAndWhatSurelyFailed() {
        var story = Story(.cart)
        let failed = story.write(.put, .failed)
        #expect(story.violations(visible: [failed]) == [.failedVisible])
        #expect(story.violations(visible: [OperationID(client: 9, number: 9)]) == [.invented])
        let judge = HistoryJudge(key: story.key, history: story.history)
        let misplaced = LoadValue(id: failed, payload: .plain).bytes(key: "another/cart/key", sizeBytes: 0)
        #expect(judge.findings([misplaced]).map(\.violation) == [.invented])
        #expect(judge.findings([Array("torn".utf8)]).map(\.violation) == [.invented])
    }

    @Test func countsTheElementsOfSets() {
        var story = Story(.set)
        let first = story.write(.put)
        let second = story.write(.put, saw: [first])
        #expect(story.violations([(second, .set([first, second]))]) == [])
        #expect(story.violations([(second, .set([second]))]) == [.elementLost])
    }

    @Test func comparesCountsWithWhatWasAcknowledged() {
        var story = Story(.counter)
        let first = story.write(.put, client: 3)
        let second = story.write(.put, .unknown, client: 3, saw: [first])
        let third = story.write(.put, client: 3, saw: [second])
        #expect(story.violations([(third, .counter([3: 3]))]) == [])
        #expect(story.violations([(third, .counter([3: 2]))]) == [.countLost])
        #expect(story.violations([(third, .counter([:]))]) == [.countLost])
    }

    // MARK: Plain keys

    @Test func wantsTheLastAcknowledgedPlainWrite() {
        var story = Story(.plain)
        let first = story.write(.set)
        let second = story.write(.set)
        #expect(story.violations(visible: [second]) == [])
        #expect(story.violations(visible: [first]) == [.lost])
        #expect(story.violations(visible: []) == [.lost])
    }

    @Test func seesADeletedPlainValueComeBack() {
        var story = Story(.plain)
        let first = story.write(.set)
        story.write(.delete)
        #expect(story.violations(visible: []) == [])
        #expect(story.violations(visible: [first]) == [.resurrected])
    }

    @Test func letsAPlainWriteOfUnknownFateTakeEffectLate() {
        var story = Story(.plain)
        let unknown = story.write(.set, .unknown)
        let last = story.write(.set)
        #expect(story.violations(visible: [last]) == [])
        #expect(story.violations(visible: [unknown]) == [])
        // Ninety seconds later it has taken effect, or never will.
        story.pass(microseconds: HistoryJudge.lateness)
        let newest = story.write(.set)
        #expect(story.violations(visible: [newest]) == [])
        #expect(story.violations(visible: [unknown]) == [.lost])
    }

    @Test func takesAPlainWriteOfUnknownFateForDoneOnceItWasRead() {
        var story = Story(.plain)
        let unknown = story.write(.set, .unknown)
        story.read([unknown])
        let last = story.write(.delete)
        #expect(story.violations(visible: []) == [])
        #expect(story.violations(visible: [unknown]) == [.resurrected])
        #expect(last.number == 1)
    }

    @Test func letsAPlainDeletionOfUnknownFateTakeEffect() {
        var story = Story(.plain)
        story.write(.set)
        story.write(.delete, .unknown)
        #expect(story.violations(visible: []) == [])
    }

    @Test func asksForNothingWhereNothingWasAcknowledged() {
        var story = Story(.plain)
        let unknown = story.write(.set, .unknown)
        #expect(story.violations(visible: []) == [])
        #expect(story.violations(visible: [unknown]) == [])
    }
}

/// The history of one key, told write by write; a millisecond passes between two of them.
private struct Story {
    let key: String
    private(set) var history = History.KeyHistory()
    private var time = 1_000_000
    private var number = 0

    init(_ family: LoadFamily) {
        self.key = family.key(run: "run", 0)
    }

    @discardableResult
    mutating func write(
        _ verb: HistoryLine.Verb,
        _ outcome: HistoryLine.Outcome = .acknowledged,
        client: Int = 0,
        saw: [OperationID] = []
    ) -> OperationID {
        let id = OperationID(client: client, number: self.number)
        self.number += 1
        var write = History.Write(id: id, verb: verb, saw: saw, began: self.time)
        write.outcome = outcome
        write.took = 500
        self.history.writes.append(write)
        self.pass(microseconds: 1000)
        return id
    }

    mutating func read(_ saw: [OperationID]) {
        self.history.reads.append(.init(ended: self.time, saw: saw))
        self.pass(microseconds: 1000)
    }

    mutating func pass(microseconds: Int) {
        self.time += microseconds
    }

    /// Sets and counters are taken to hold nothing here.
    func violations(visible: [OperationID]) -> [HistoryJudge.Violation] {
        self.violations(visible.map { ($0, .plain) })
    }

    func violations(_ visible: [(OperationID, LoadPayload)]) -> [HistoryJudge.Violation] {
        let siblings = visible.map { LoadValue(id: $0.0, payload: $0.1).bytes(key: self.key, sizeBytes: 64) }
        return HistoryJudge(key: self.key, history: self.history).findings(siblings).map(\.violation)
    }
}
