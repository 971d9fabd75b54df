import QuireCore
import QuireStorage
import Testing

@testable import QuireCrash

@Suite struct CrashLedgerTests {
    /// A record as the worker makes them: one version, whose value follows from its number.
    private static func record(_ id: UInt64, value: [UInt8]? = nil) -> Record {
        var record = Record()
        let version = Version(
            dot: Dot(actor: ActorID(rawValue: 77), counter: id),
            timestamp: HybridTimestamp(rawValue: id),
            request: CrashSetting.request(id),
            value: value ?? CrashSetting.value(of: id)
        )
        record.mint(version, superseding: .older)
        return record
    }

    private static func violations(
        _ lines: [CrashLine],
        replicas: [Int: Record] = [:],
        hints: [Int: Record] = [:],
        quarantined: Set<StoreID> = []
    ) throws -> [String] {
        var ledger = CrashLedger()
        lines.forEach { ledger.take($0) }
        try ledger.judge(replicas: replicas, hints: hints, quarantined: quarantined, at: "now")
        return ledger.takeViolations()
    }

    private let begun = CrashLine.writeBegan(id: 5, key: 3, isHints: false)

    @Test func whatWasAcknowledgedMustBeThere() throws {
        let lines = [self.begun, .writeAcknowledged(id: 5, Self.record(5))]
        #expect(try Self.violations(lines, replicas: [3: Self.record(5)]).isEmpty)
        #expect(try Self.violations(lines).first?.contains("the writes 5 is missing") == true)
        let store = try CrashSetting.store(try CrashSetting.key(3), isHints: false)
        #expect(try Self.violations(lines, quarantined: [store]).isEmpty)
    }

    @Test func whatWasBegunMayBeThereWhole() throws {
        #expect(try Self.violations([self.begun]).isEmpty)
        #expect(try Self.violations([self.begun], replicas: [3: Self.record(5)]).isEmpty)
        let half = try Self.violations([self.begun], replicas: [3: Self.record(5, value: [1])])
        #expect(half.first?.contains("the value of write 5") == true)
        #expect(try Self.violations([], replicas: [3: Self.record(5)]).first?.contains("nobody has written 5") == true)
    }

    @Test func aLaterRecordThatCoversAnEarlierOneWillDo() throws {
        let both = Self.record(5).merging(Self.record(6))
        let lines = [
            self.begun, .writeBegan(id: 6, key: 3, isHints: false), .writeAcknowledged(id: 5, Self.record(5)),
        ]
        #expect(try Self.violations(lines, replicas: [3: both]).isEmpty)
    }

    @Test func whatWasDroppedNeedNotBeThereAndAfterwardsMustNot() throws {
        let written: [CrashLine] = [
            .writeBegan(id: 5, key: 3, isHints: true), .writeAcknowledged(id: 5, Self.record(5)),
            .dropBegan(id: 6, key: 3, Self.record(5)),
        ]
        #expect(try Self.violations(written).isEmpty)
        #expect(try Self.violations(written, hints: [3: Self.record(5)]).isEmpty)
        let dropped = written + [.dropAcknowledged(id: 6)]
        #expect(try Self.violations(dropped).isEmpty)
        #expect(try Self.violations(dropped, hints: [3: Self.record(5)]).first?.contains("is back") == true)
    }

    @Test func noDotNamesTwoWrites() throws {
        let dot = Dot(actor: ActorID(rawValue: 1), counter: 2)
        let found = try Self.violations([.minted(id: 1, dot), .minted(id: 2, dot)])
        #expect(found.count == 1 && found[0].hasPrefix("writes 1 and 2 have the same dot"))
    }

    @Test func linesSurviveTheirWay() {
        let lines: [CrashLine] = [
            .ready, self.begun, .minted(id: 5, Dot(actor: ActorID(rawValue: .max), counter: 1)),
            .writeAcknowledged(id: 5, Self.record(5)), .dropBegan(id: 6, key: 3, Self.record(5)),
            .dropAcknowledged(id: 6), .step("flush 3"),
        ]
        for line in lines { #expect(CrashLine(line.text[...]) == line) }
        for text in ["", "begin", "begin x 3 hints", "done 5 zz", "minted 1 2", "unheard 5"] {
            #expect(CrashLine(text[...]) == nil)
        }
    }
}
