import QuireCore
import Testing

@Suite struct WireCompressionTests {
    private func window(
        _ rule: inout WireCompression,
        waited: Int,
        worked: Int,
        wire: Int = WireCompression.windowBytes
    ) -> Bool {
        rule.pulled(
            bytes: WireCompression.windowBytes,
            wireBytes: wire,
            waited: .milliseconds(waited),
            worked: .milliseconds(worked)
        )
    }

    @Test func aSlowLinkIsHelped() {
        var rule = WireCompression()
        #expect(self.window(&rule, waited: 800, worked: 10))
        #expect(rule.isWanted)
    }

    @Test func aFastLinkIsLeftAlone() {
        var rule = WireCompression()
        #expect(!self.window(&rule, waited: 8, worked: 2))
        #expect(!rule.isWanted)
    }

    @Test func aPullerThatIsSlowItselfAsksForNothing() {
        var rule = WireCompression()
        #expect(!self.window(&rule, waited: 400, worked: 400))
    }

    @Test func judgesWholeWindowsOnly() {
        var rule = WireCompression()
        let half = WireCompression.windowBytes / 2
        let first = rule.pulled(bytes: half, wireBytes: half, waited: .seconds(1), worked: .zero)
        let second = rule.pulled(bytes: half, wireBytes: half, waited: .seconds(1), worked: .zero)
        #expect([first, second] == [false, true])
    }

    @Test func whatDoesNotShrinkIsSentRawAgainForAWhile() {
        var rule = WireCompression()
        #expect(self.window(&rule, waited: 800, worked: 10))
        #expect(self.window(&rule, waited: 800, worked: 10, wire: WireCompression.windowBytes))
        #expect(!rule.isWanted)
        let asked = (1...32).filter { _ in self.window(&rule, waited: 800, worked: 10) }
        #expect(asked == [32])
    }

    @Test func compressionStaysWhileItPays() {
        var rule = WireCompression()
        #expect(self.window(&rule, waited: 800, worked: 10))
        for _ in 0..<10 {
            #expect(!self.window(&rule, waited: 400, worked: 30, wire: WireCompression.windowBytes / 2))
        }
        #expect(rule.isWanted)
        #expect(self.window(&rule, waited: 20, worked: 30, wire: WireCompression.windowBytes / 2))
        #expect(!rule.isWanted)
    }
}
