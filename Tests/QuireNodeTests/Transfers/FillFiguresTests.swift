import QuireCore
import QuireWire
import Testing

@testable import QuireNode

@Suite struct FillFiguresTests {
    private static let mebibyte = 1 << 20

    private func copying(heldBlocks: Int = 0) throws -> FillFigures {
        var figures = FillFigures(PartitionID(3), target: "n4", sources: ["n1", "n2"], attempts: 0, now: .zero)
        let manifest = SealManifest(
            seal: 1,
            sizeBytes: 100 * Self.mebibyte,
            blockBytes: Self.mebibyte,
            records: 1,
            checksums: [UInt32](repeating: 0, count: 100)
        )
        figures.stepped(to: .sealing, wallMilliseconds: 77)
        figures.stepped(to: .copying, wallMilliseconds: 99)
        figures.prepared(
            try #require(manifest),
            heldBytes: heldBlocks * Self.mebibyte,
            firstMissing: heldBlocks,
            now: .seconds(1)
        )
        return figures
    }

    private func part(_ mebibytes: Int, wire: Int) -> BlockPull.Part {
        var part = BlockPull.Part()
        part.bytes = mebibytes * Self.mebibyte
        part.wireBytes = wire * Self.mebibyte
        return part
    }

    @Test func tellsRateAndTimeLeft() throws {
        var figures = try self.copying()
        for second in 2...11 {
            figures.pulled(self.part(4, wire: 2), now: .seconds(second))
        }
        let incoming = figures.described(now: .seconds(11))
        #expect(incoming.bytesDone == 40 * Self.mebibyte)
        // The last five seconds, both ends included.
        #expect(incoming.bytesPerSecond == 24 * Self.mebibyte / 5)
        #expect(incoming.etaSeconds == 13)
        #expect(incoming.compressionRatio == 2)
        #expect(incoming.resumedFromBlock == nil)
        #expect(incoming.sources == ["n1", "n2"])
        #expect(incoming.ageMilliseconds == 11_000)
        #expect(figures.sealedMilliseconds == 77)
    }

    @Test func aRateNeedsNoFullWindow() throws {
        var figures = try self.copying()
        figures.pulled(self.part(4, wire: 4), now: .seconds(2))
        #expect(figures.described(now: .seconds(2)).bytesPerSecond == 4 * Self.mebibyte)
    }

    @Test func saysWhereItWentOn() throws {
        let incoming = try self.copying(heldBlocks: 7).described(now: .seconds(1))
        #expect(incoming.resumedFromBlock == 7)
        #expect(incoming.bytesDone == 7 * Self.mebibyte)
        #expect(incoming.etaSeconds == nil)
    }

    @Test func countsAttemptsAndTellsTheLastReason() throws {
        var figures = try self.copying()
        figures.setBack("n1 died")
        #expect(figures.described(now: .zero).attempts == 2)
        #expect(figures.described(now: .zero).blocker == "n1 died")
        figures.ended(nil)
        #expect(figures.described(now: .zero).blocker == nil)
    }
}
