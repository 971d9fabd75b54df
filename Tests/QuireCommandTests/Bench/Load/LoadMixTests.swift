import QuireCore
import Testing

@testable import quire

@Suite struct LoadMixTests {
    @Test(arguments: [
        ("put=1,get=0", 1.0), ("get=0.95,put=0.05", 0.05), ("get=1", 0), ("put=3,get=1", 0.75),
    ])
    func readsShares(_ text: String, _ putShare: Double) throws {
        let mix = try #require(LoadMix(argument: text))
        #expect(abs(mix.putShare - putShare) < 1e-12)
    }

    @Test(arguments: [
        "", "put", "put=", "put=-1", "put=0,get=0", "put=1,put=1", "scan=1", "put=nan", "put=1,", "put=inf",
    ])
    func refuses(_ text: String) {
        #expect(LoadMix(argument: text) == nil)
    }

    @Test func drawsInProportion() throws {
        let mix = try #require(LoadMix(argument: "get=0.95,put=0.05"))
        var generator = SeededGenerator(seed: 1)
        let puts = (0..<100_000).filter { _ in mix.draw(using: &generator) == .put }.count
        #expect((4800...5200).contains(puts))
    }

    @Test func drawsOnlyPutsWhenThereAreNoGets() {
        var generator = SeededGenerator(seed: 1)
        #expect((0..<1000).allSatisfy { _ in LoadMix(put: 1, get: 0).draw(using: &generator) == .put })
        #expect((0..<1000).allSatisfy { _ in LoadMix(put: 0, get: 1).draw(using: &generator) == .get })
    }
}
