import QuireCore
import Testing

@Suite struct RecordEncodingTests {
    private func samples() -> [Record] {
        (UInt64(1)...12).flatMap { RecordHistory(seed: $0, steps: 25).replicas.map(\.record) }
    }

    @Test func comesBackFromItsBytes() throws {
        for record in self.samples() {
            let bytes = record.encoded()
            #expect(bytes.count == record.encodedBytes)
            #expect(try Record(encoded: bytes) == record)
        }
    }

    @Test func hasTheDocumentedBytes() {
        var record = Record()
        record.mint(.of(0x0A, 2, at: 3, value: [0xEE, 0xFF], expiry: 9), superseding: .older)
        var expected: [UInt8] = [1, 0, 1, 0, 1]
        expected += [0, 0, 0, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0, 0, 0, 2]
        expected += [0, 0, 0, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0, 0, 0, 2]
        expected += [0, 0, 0, 0, 0, 3, 0, 0]
        expected += [0, 0, 0, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0, 0, 0, 2]
        expected += [2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0xEE, 0xFF]
        #expect(record.encoded() == expected)
    }

    @Test func everyTruncationIsRefused() {
        for record in self.samples() {
            let bytes = record.encoded()
            for count in bytes.indices {
                #expect(throws: Record.DecodingError.self) { try Record(encoded: bytes.prefix(count)) }
            }
        }
    }

    @Test func withoutValuesNothingElseIsMissingAndNoMoreIsTaken() throws {
        func same(_ bytes: [UInt8]) throws {
            let whole = Result { try Record(encoded: bytes) }
            let bare = Result { try Record.withoutValues(encoded: bytes) }
            switch (whole, bare) {
            case (.success(let record), .success(let bare)):
                #expect(bare.vector == record.vector)
                #expect(bare.siblings.map(\.dot) == record.siblings.map(\.dot))
                #expect(bare.winner?.dot == record.winner?.dot)
                #expect(bare.siblings.map(\.isTombstone) == record.siblings.map(\.isTombstone))
                #expect(bare.siblings.map(\.expiryMilliseconds) == record.siblings.map(\.expiryMilliseconds))
            case (.failure(let refusal), .failure(let other)):
                #expect(refusal as? Record.DecodingError == other as? Record.DecodingError)
            case (.success, .failure), (.failure, .success): Issue.record("\(whole) and \(bare) of \(bytes)")
            }
        }
        for record in self.samples().prefix(12) {
            let bytes = record.encoded()
            try same(bytes)
            try same(bytes + [0])
            for place in bytes.indices {
                try same(Array(bytes.prefix(place)))
                var changed = bytes
                changed[place] ^= 1 << UInt8(place % 8)
                try same(changed)
            }
        }
    }

    @Test func bytesLeftOverAreRefused() {
        #expect(throws: Record.DecodingError.trailingBytes(1)) { try Record(encoded: Record().encoded() + [0]) }
    }

    /// Whatever is accepted is canonical: it encodes to the very bytes that were read.
    @Test func everyMutationIsRefusedOrCanonical() {
        for record in self.samples().prefix(16) {
            let bytes = record.encoded()
            for index in bytes.indices {
                for mask: UInt8 in [0x01, 0x80, 0xFF] {
                    var mutated = bytes
                    mutated[index] ^= mask
                    // A refusal is an answer; only a crash or a second encoding would be a defect.
                    guard let decoded = try? Record(encoded: mutated) else { continue }
                    #expect(decoded.encoded() == mutated)
                }
            }
        }
    }

    @Test func randomBytesNeverCrash() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<2000 {
            var bytes = (0..<Int.random(in: 0...120, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            bytes = [1, 0, UInt8.random(in: 0...2, using: &random), 0, UInt8.random(in: 0...2, using: &random)] + bytes
            guard let decoded = try? Record(encoded: bytes) else { continue }
            #expect(decoded.encoded() == bytes)
        }
    }
}
