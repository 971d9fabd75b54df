import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 1: records travel whole.
@Suite struct SafetyRule1Tests {
    /// A mints (A,1) and the message is lost; A mints a concurrent (A,2) and sends only that: B then claims both.
    @Test func aLoneVersionLosesItsSiblingForEver() throws {
        var whole = Record()
        whole.mint(.sample(actor: 1, counter: 1, value: "v1"), superseding: .context(VersionVector()))
        whole.mint(.sample(actor: 1, counter: 2, value: "v2"), superseding: .context(VersionVector()))
        let lone = try #require(Record(vector: whole.vector, siblings: [whole.siblings[1]]))

        #expect(Record().merging(whole).siblings.count == 2)
        let receiver = Record().merging(lone)
        #expect(receiver.merging(whole).siblings.map(\.text) == ["v2"], "the receiver claims v1 and refuses it")
    }

    @Test(arguments: [Mutation.sendsLoneVersions, .keepsNewestSiblingOnly, .overwritesWithWhatArrives])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
