import QuireCore
import Testing

/// Dynamo §4.8.1: each node contacts a random peer and the two reconcile what they know.
@Suite struct GossipStateTests {
    private static func state(_ number: Int, of count: Int, incarnation: Int = 1) -> GossipState {
        var state = GossipState(member: .numbered(number), incarnation: incarnation)
        state.expect(Set((1...count).map { NodeID(number: $0) }))
        return state
    }

    private static func entry(_ number: Int, _ incarnation: Int, _ version: Int, port: Int = 7) -> GossipEntry {
        var member = Member.numbered(number)
        member.peer = Endpoint(host: "127.0.0.1", port: port)
        return GossipEntry(member: member, stamp: .init(incarnation: incarnation, version: version))
    }

    /// All three messages of one exchange.
    private static func exchange(_ asker: inout GossipState, _ partner: inout GossipState) {
        let (entries, wanted) = partner.answer(to: asker.digests)
        _ = asker.told(entries)
        _ = partner.told(asker.entries(of: wanted))
    }

    // MARK: One exchange

    @Test func anExchangeIsDigestsThenWhatEachLacks() {
        var asker = Self.state(1, of: 4)
        var partner = Self.state(2, of: 4)
        _ = asker.told([Self.entry(3, 5, 1), Self.entry(4, 2, 9)])
        _ = partner.told([Self.entry(3, 4, 7), Self.entry(4, 3, 1)])
        #expect(asker.digests.map(\.node.rawValue) == [1, 3, 4])

        let (entries, wanted) = partner.answer(to: asker.digests)
        #expect(entries == [partner.own, Self.entry(4, 3, 1)])
        #expect(wanted == [NodeID(number: 1), NodeID(number: 3)])
        #expect(asker.told(entries) == [NodeID(number: 2), NodeID(number: 4)])

        let rest = asker.entries(of: wanted)
        #expect(rest == [asker.own, Self.entry(3, 5, 1)])
        #expect(partner.told(rest) == wanted)
        #expect(asker.entries == partner.entries)
        #expect(asker.entry(of: NodeID(number: 4)) == Self.entry(4, 3, 1))
    }

    @Test func thoseWhoKnowTheSameExchangeNothing() {
        var asker = Self.state(1, of: 2)
        var partner = Self.state(2, of: 2)
        Self.exchange(&asker, &partner)
        let answer = partner.answer(to: asker.digests)
        #expect(answer.entries == [])
        #expect(answer.wanted == [])
    }

    @Test(arguments: [(4, 9), (5, 0), (5, 1)])
    func anOlderOrEqualEntryIsNoNews(_ incarnation: Int, _ version: Int) {
        var state = Self.state(1, of: 2)
        _ = state.told([Self.entry(2, 5, 1, port: 8)])
        #expect(state.told([Self.entry(2, incarnation, version, port: 9)]) == [])
        #expect(state.entry(of: NodeID(number: 2))?.member.peer.port == 8)
    }

    /// A later start counts more than whatever an earlier one has said.
    @Test func theNewestIncarnationWins() {
        var state = Self.state(1, of: 2)
        _ = state.told([Self.entry(2, 5, 100, port: 8)])
        #expect(state.told([Self.entry(2, 6, 1, port: 9)]) == [NodeID(number: 2)])
        #expect(state.entry(of: NodeID(number: 2))?.member.peer.port == 9)
    }

    // MARK: One's own entry

    @Test func aNodeCountsItsOwnChangesOnly() {
        var state = Self.state(1, of: 2)
        #expect(state.own.stamp == .init(incarnation: 1, version: 1))
        state.layoutAdopted(LayoutVersion(4))
        state.layoutAdopted(LayoutVersion(4))
        var figures = GossipFigures()
        figures[.hintCount] = 3
        state.figuresMeasured(figures)
        state.figuresMeasured(figures)
        #expect(state.own.stamp == .init(incarnation: 1, version: 3))
        #expect(state.own.layoutVersion == LayoutVersion(4))
        #expect(state.own.figures[.hintCount] == 3)
    }

    /// After a clock that went back, or with an older copy of the data directory.
    @Test func aNodeThatStartsWithAnOldIncarnationOvertakesItsFormerSelf() {
        var returned = Self.state(1, of: 2, incarnation: 5)
        var partner = Self.state(2, of: 2)
        _ = partner.told([Self.entry(1, 8, 3, port: 1)])
        // As the one who is asked.
        _ = returned.answer(to: partner.digests)
        #expect(returned.own.stamp == .init(incarnation: 9, version: 1))
        // As the one who asks.
        var again = Self.state(1, of: 2, incarnation: 5)
        Self.exchange(&again, &partner)
        #expect(again.own.stamp.incarnation == 9)
        Self.exchange(&again, &partner)
        #expect(partner.entry(of: NodeID(number: 1)) == again.own)
        #expect(partner.entry(of: NodeID(number: 1))?.member.peer == Member.numbered(1).peer)
    }

    @Test func nobodyElseWritesANodesEntry() {
        var state = Self.state(1, of: 2, incarnation: 5)
        let forged = Self.entry(1, 5, 1, port: 66)
        #expect(state.told([forged]) == [])
        #expect(state.own.member == .numbered(1))
        #expect(state.own.stamp > forged.stamp)
    }

    /// Beyond the greatest number there is nothing to count to; nothing may trap.
    @Test func theGreatestStampIsNotOvertaken() {
        var state = Self.state(1, of: 2, incarnation: Int.max)
        #expect(state.own.stamp.incarnation == GossipEntry.numberMax)
        let last = GossipEntry.Stamp(incarnation: GossipEntry.numberMax, version: GossipEntry.numberMax)
        _ = state.answer(to: [GossipDigest(node: NodeID(number: 1), stamp: last)])
        state.layoutAdopted(LayoutVersion(2))
        #expect(state.own.isBounded)
    }

    // MARK: Bounds

    @Test func onlyThoseWhoAreExpectedAreKept() {
        var state = Self.state(1, of: 3)
        #expect(state.told([Self.entry(2, 1, 1), Self.entry(9, 1, 1)]) == [NodeID(number: 2)])
        #expect(state.answer(to: [Self.entry(9, 1, 1).digest]).wanted == [])
        state.expect([NodeID(number: 1), NodeID(number: 3)])
        #expect(state.entries == [state.own])
        #expect(state.told([Self.entry(2, 9, 9)]) == [])
    }

    @Test func aMessageIsBoundedAndTheRestComesWithLaterOnes() {
        let count = GossipState.entriesPerMessageMax * 3
        var knowing = Self.state(1, of: count)
        for first in stride(from: 2, through: count, by: 100) {
            _ = knowing.told((first..<min(first + 100, count + 1)).map { Self.entry($0, 1, 1) })
        }
        #expect(knowing.entries.count == count)
        var newcomer = Self.state(2, of: count)
        let answer = knowing.answer(to: newcomer.digests)
        #expect(answer.entries.count == GossipState.entriesPerMessageMax)
        let asked = newcomer.answer(to: knowing.digests)
        #expect(asked.wanted.count == GossipState.entriesPerMessageMax)
        #expect(knowing.entries(of: knowing.digests.map(\.node)).count == GossipState.entriesPerMessageMax)
        for _ in 0..<4 { Self.exchange(&newcomer, &knowing) }
        #expect(newcomer.entries.count == count)
    }

    @Test func textsAreCutToWhatEveryReaderTakes() {
        var member = Member.numbered(1)
        member.name = String(repeating: "é", count: 400)
        let entry = GossipEntry(member: member, stamp: .init(incarnation: 1, version: 1))
        #expect(entry.member.name == String(repeating: "é", count: 127))
        #expect(entry.isBounded)
    }

    @Test func figuresAreBounded() {
        #expect(GossipFigures(["": 1]) == nil)
        #expect(GossipFigures([String(repeating: "x", count: 33): 1]) == nil)
        #expect(GossipFigures(["x": -1]) == nil)
        #expect(GossipFigures(["x": GossipEntry.numberMax + 1]) == nil)
        #expect(GossipFigures(Dictionary(uniqueKeysWithValues: (0..<33).map { ("f\($0)", 1) })) == nil)
        var figures = GossipFigures()
        figures[.hintBytes] = -5
        #expect(figures[.hintBytes] == 0)
    }

    // MARK: Many exchanges

    /// Whatever happens in whatever order: when nodes stop changing, everyone ends up with what each node said last.
    @Test(arguments: 1...25 as ClosedRange<UInt64>)
    func anySequenceOfExchangesConvergesToTheNewestEntries(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 2...9, using: &random)
        var states = (1...count).map { Self.state($0, of: count) }
        for step in 0..<120 {
            let index = Int.random(in: 0..<count, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                // A restart elsewhere forgets everything; sometimes its clock has gone back.
                var member = Member.numbered(index + 1)
                member.peer = Endpoint(host: "127.0.0.1", port: 20_000 + step)
                let incarnation = Int.random(in: 1...200, using: &random)
                states[index] = GossipState(member: member, incarnation: incarnation)
                states[index].expect(Set((1...count).map { NodeID(number: $0) }))
            case 1...3:
                states[index].layoutAdopted(LayoutVersion(step))
            default:
                Self.exchangeOfTwo(&states, &random, mayBreak: true)
            }
        }
        for _ in 0..<(count * count * 12) { Self.exchangeOfTwo(&states, &random, mayBreak: false) }
        let newest = states.map(\.own)
        for state in states { #expect(state.entries == newest) }
    }

    private static func exchangeOfTwo(_ states: inout [GossipState], _ random: inout SeededGenerator, mayBreak: Bool) {
        let asker = Int.random(in: 0..<states.count, using: &random)
        let partner = Int.random(in: 0..<states.count, using: &random)
        guard asker != partner else { return }
        let (entries, wanted) = states[partner].answer(to: states[asker].digests)
        if mayBreak, Bool.random(using: &random) { return }
        _ = states[asker].told(entries.shuffled(using: &random))
        if mayBreak, Bool.random(using: &random) { return }
        let rest = states[asker].entries(of: wanted)
        _ = states[partner].told(rest)
        // Once more, as a duplicate would come.
        _ = states[partner].told(rest)
    }
}
