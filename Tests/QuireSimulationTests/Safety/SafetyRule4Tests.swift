import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 4: a put keeps its timestamp and its request id, whoever executes it.
@Suite struct SafetyRule4Tests {
    /// A causal put is executed, overwritten, and executed once more: its second version is nobody's ancestor.
    @Test func aPutThatIsExecutedTwiceRevivesWhatWasOverwritten() {
        var record = Record()
        record.mint(.sample(actor: 1, counter: 1, value: "put"), superseding: .context(VersionVector()))
        record.mint(.sample(actor: 1, counter: 2, value: "overwritten"), superseding: .context(record.vector))
        #expect(record.siblings.map(\.text) == ["overwritten"])

        record.mint(.sample(actor: 1, counter: 3, value: "put"), superseding: .context(VersionVector()))
        #expect(record.siblings.map(\.text) == ["overwritten", "put"], "the old value is back")
    }

    /// A plain put under a clock that is behind covers only what is older: it must be told, and written again above.
    @Test func aPlainPutWithAnOldTimestampDoesNotWin() {
        var record = Record()
        record.mint(.sample(actor: 1, counter: 1, value: "first", timestamp: 50), superseding: .older)
        record.mint(.sample(actor: 2, counter: 1, value: "second", timestamp: 40), superseding: .older)
        #expect(record.winner?.text == "first")
        #expect(record.latestTimestamp == HybridTimestamp(rawValue: 50))
        record.mint(.sample(actor: 2, counter: 2, value: "second", timestamp: 51), superseding: .older)
        #expect(record.siblings.map(\.text) == ["second"])
    }

    @Test(arguments: [Mutation.forgetsRequests, .hidesLaterTimestamps])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
