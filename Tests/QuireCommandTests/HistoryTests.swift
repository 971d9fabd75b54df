import Foundation
import QuireCore
import Testing

@testable import quire

@Suite struct HistoryTests {
    private static let lines: [HistoryLine] = [
        .header(client: 3),
        .began(number: 0, .set, key: "run/plain/3/1", at: 1_764_056_400_000_000, saw: []),
        .ended(number: 0, .acknowledged, took: 812, words: ""),
        .began(
            number: 1,
            .put,
            key: "run/cart/7",
            at: 9,
            saw: [.init(client: 1, number: 2), .init(client: 3, number: 0)]
        ),
        .ended(number: 1, .unknown, took: 2_500_000, words: "QUORUM 1 of 2 replicas"),
        .read(key: "run/cart/7", at: 12, took: 5, .acknowledged, saw: [.init(client: 3, number: 1)]),
        .read(key: "run/cart/7", at: 20, took: 7, .failed, saw: []),
    ]

    @Test(arguments: Self.lines)
    func readsTheLinesThatItWrites(_ line: HistoryLine) {
        #expect(HistoryLine(line.text) == line)
    }

    @Test func keepsWordsOnOneLine() {
        let line = HistoryLine.ended(number: 1, .unknown, took: 1, words: "two\nlines\tand a tab")
        #expect(HistoryLine(line.text) == .ended(number: 1, .unknown, took: 1, words: "two lines and a tab"))
    }

    @Test(arguments: [
        "", "H\t2\t3", "H\t1", "B\t1\tSET\tk\t9", "B\tx\tSET\tk\t9\t-", "B\t1\tGET\tk\t9\t-", "B\t1\tSET\tk\t9\t1.",
        "E\t1\tfine\t3\t", "R\tk\t1\t2\tok\t1,2", "Q\t1",
    ])
    func refusesWhatIsNoLine(_ text: String) {
        #expect(HistoryLine(text) == nil)
    }

    @Test func survivesAnyBytes() {
        var generator = SeededGenerator(seed: 11)
        let alphabet = Array("HBER\t\t\t0123456789.,-okSETPUT\n")
        for _ in 0..<20_000 {
            let text = String(
                (0..<Int.random(in: 0...30, using: &generator)).map { _ in
                    alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
                }
            )
            if let line = HistoryLine(text) { #expect(HistoryLine(line.text) == line) }
        }
    }

    @Test func joinsBeginningsAndEnds() throws {
        var history = History()
        try history.read(Self.lines.map { Substring($0.text) }, from: "file")
        let plain = try #require(history.keys["run/plain/3/1"]?.writes.first)
        #expect(plain.outcome == .acknowledged)
        #expect(plain.took == 812)
        let cart = try #require(history.keys["run/cart/7"])
        #expect(cart.writes.map(\.outcome) == [.unknown])
        #expect(cart.reads == [.init(ended: 17, saw: [.init(client: 3, number: 1)])])
        #expect(history.samples.map(\.isFailure) == [false, true, false, true])
    }

    @Test func takesAWriteWithoutAnEndForOneOfUnknownFate() throws {
        var history = History()
        try history.read(Self.lines.prefix(2).map { Substring($0.text) }, from: "file")
        #expect(history.keys["run/plain/3/1"]?.writes.map(\.outcome) == [.unknown])
        #expect(history.samples == [])
    }

    @Test func refusesAFileThatDoesNotBeginAsAHistory() {
        #expect(throws: CommandFailure.self) {
            var history = History()
            try history.read(Self.lines.dropFirst().map { Substring($0.text) }, from: "file")
        }
    }

    @Test func writesFilesThatItReads() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "quire-history-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        #expect(throws: CommandFailure.self) { try HistoryFiles.read(directory) }
        let writer = try HistoryWriter(directory: directory, client: 3)
        for line in Self.lines.dropFirst() { try writer.append(line) }
        try writer.sync()
        let history = try HistoryFiles.read(directory)
        #expect(history.keys.keys.sorted() == ["run/cart/7", "run/plain/3/1"])
        #expect(throws: CommandFailure.self) { try HistoryWriter(directory: directory, client: 3) }
    }
}

@Suite struct LoadValueTests {
    private static let id = OperationID(client: 3, number: 1842)

    @Test(arguments: [
        LoadPayload.plain, .set([]), .set([.init(client: 0, number: 1), .init(client: 2, number: 7)]), .counter([:]),
        .counter([0: 12, 3: 7]),
    ])
    func readsWhatItWrites(_ payload: LoadPayload) {
        let value = LoadValue(id: Self.id, payload: payload)
        for size in [0, 100, 1000] {
            let bytes = value.bytes(key: "k", sizeBytes: size)
            #expect(bytes.count >= size)
            #expect(LoadValue(bytes, key: "k") == value)
            #expect(LoadValue(bytes, key: "other") == nil)
        }
    }

    @Test func noticesEveryChangedByte() {
        let bytes = LoadValue(id: Self.id, payload: .set([Self.id])).bytes(key: "k", sizeBytes: 80)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1
            #expect(LoadValue(damaged, key: "k") == nil, "byte \(index)")
            #expect(LoadValue(Array(bytes[..<index]), key: "k") == nil, "cut to \(index)")
        }
    }

    @Test func mergesSiblings() {
        let other = OperationID(client: 1, number: 1)
        let values = [LoadPayload.set([Self.id]), .set([other]), .counter([1: 4, 2: 9]), .counter([1: 6])].map {
            LoadValue(id: Self.id, payload: $0)
        }
        #expect(LoadPayload.elements(of: values) == [Self.id, other])
        #expect(LoadPayload.counts(of: values) == [1: 6, 2: 9])
    }
}

@Suite struct DisturbancesTests {
    private static let text = """
        1000000 kill n3
        5000000 started n3
        9000000 blackout
        12000000 light

        """

    @Test func excusesFailuresDuringDetectionAndWhileNobodyServes() throws {
        let disturbances = try Disturbances(Self.text)
        #expect(disturbances.blackouts == [9_000_000...12_000_000])
        let excused: [(began: Int, took: Int, Bool)] = [
            (900_000, 50_000, false), (900_000, 150_000, true), (1_900_000, 10, true), (2_100_000, 10, false),
            (2_100_000, 3_000_000, true), (10_500_000, 10, true), (13_100_000, 10, false),
        ]
        for (began, took, isExcused) in excused {
            let sample = History.Sample(began: began, took: took, isFailure: true)
            #expect(disturbances.isExcused(sample, detection: 1_000_000) == isExcused, "\(began)")
        }
    }

    @Test func countsWhatClientsNoticedOfEachKind() throws {
        let samples = [
            History.Sample(began: 1_100_000, took: 2000, isFailure: false),
            History.Sample(began: 1_200_000, took: 400_000, isFailure: true),
            History.Sample(began: 3_000_000, took: 2000, isFailure: false),
        ]
        let effects = try Disturbances(Self.text).effects(on: samples, detection: 1_000_000)
        #expect(effects.map(\.kind) == ["kill", "started", "blackout", "light"])
        #expect(effects[0].requests == 2)
        #expect(effects[0].failed == 1)
        #expect(effects[0].slowestMilliseconds == 400)
        #expect(effects[1].requests == 0)
    }

    @Test func refusesLinesThatDoNotSayWhen() {
        #expect(throws: CommandFailure.self) { try Disturbances("kill n3\n") }
        #expect(throws: CommandFailure.self) { try Disturbances("1000\n") }
    }
}
