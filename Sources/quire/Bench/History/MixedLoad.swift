import Foundation
import QuireCore

/// What all clients of a mixed load have in common.
struct MixedLoad: Sendable {
    struct Settings: Sendable {
        var run: String
        var seed: UInt64
        var clients: Int
        /// Of each family; plain keys per client.
        var keys: Int
        var valueBytes: Int
        /// Between two operations of one client; `nil` for none.
        var pause: Duration?
        var deadline: ContinuousClock.Instant?
    }

    struct Tally: Sendable {
        var acknowledged = 0
        var unknown = 0
        var failed = 0
        var reads = 0
        var failedReads = 0
        var latency = LatencyHistogram()
        var failures: [String: Int] = [:]

        mutating func add(_ other: Tally) {
            self.acknowledged += other.acknowledged
            self.unknown += other.unknown
            self.failed += other.failed
            self.reads += other.reads
            self.failedReads += other.failedReads
            self.latency.add(other.latency)
            self.failures.merge(other.failures, uniquingKeysWith: +)
        }
    }

    let settings: Settings
    let directory: String
    let addresses: [ProxyAddress]
    let stop: StopSignal

    /// Runs all clients to the end.
    func run() async throws -> Tally {
        try await withThrowingTaskGroup(of: Tally.self) { group in
            for client in 0..<self.settings.clients {
                group.addTask {
                    var client = try LoadClient(client, of: self)
                    return try await client.run()
                }
            }
            return try await group.reduce(into: Tally()) { $0.add($1) }
        }
    }

    func isOver() async -> Bool {
        if let deadline = self.settings.deadline, ContinuousClock.now >= deadline { return true }
        return await self.stop.isRaised
    }
}

/// One client of a mixed load: does one operation after the other and journals each.
struct LoadClient {
    /// Elements after which a set is left for a new one.
    private static let elementsMax = 100

    private let client: Int
    private let load: MixedLoad
    private let session: LoadSession
    private let writer: HistoryWriter
    private var generator: SeededGenerator
    private var number = 0
    private var tally = MixedLoad.Tally()
    /// How often this client has counted, by key.
    private var counts: [String: Int] = [:]
    private var generations: [Int: Int] = [:]

    init(_ client: Int, of load: MixedLoad) throws {
        self.client = client
        self.load = load
        self.session = LoadSession(load.addresses, offset: client)
        self.writer = try HistoryWriter(directory: load.directory, client: client)
        self.generator = SeededGenerator(seed: load.settings.seed &+ UInt64(client) &* 0x9E37_79B9)
    }

    mutating func run() async throws -> MixedLoad.Tally {
        var due = ContinuousClock.now
        while await !self.load.isOver() {
            if let pause = self.load.settings.pause {
                try await Task.sleep(until: due)
                due = max(due + pause, ContinuousClock.now - pause)
            }
            try await self.step()
        }
        try self.writer.sync()
        await self.session.close()
        return self.tally
    }

    private mutating func step() async throws {
        let index = Int.random(in: 0..<self.load.settings.keys, using: &self.generator)
        let run = self.load.settings.run
        let plain = LoadFamily.plain.key(run: run, self.client, index)
        switch Int.random(in: 0..<100, using: &self.generator) {
        case 0..<25: try await self.write(.set, plain, payload: .plain)
        case 25..<30: try await self.write(.delete, plain)
        case 30..<50: try await self.readPlain(plain)
        case 50..<55: _ = try await self.readCausal(LoadFamily.cart.key(run: run, index))
        case 55..<57: try await self.write(.put, LoadFamily.cart.key(run: run, index), payload: .plain)
        case 57..<75: try await self.changeCart(LoadFamily.cart.key(run: run, index))
        case 75..<90: try await self.addElement(index)
        default: try await self.count(LoadFamily.counter.key(run: run, index))
        }
    }

    // MARK: Read, then write

    private mutating func changeCart(_ key: String) async throws {
        guard let reading = try await self.readCausal(key) else { return }
        let isDeletion = Int.random(in: 0..<4, using: &self.generator) == 0
        try await self.write(isDeletion ? .cut : .put, key, payload: isDeletion ? nil : .plain, after: reading)
    }

    private mutating func addElement(_ index: Int) async throws {
        let key = LoadFamily.set.key(run: self.load.settings.run, index, self.generations[index] ?? 0)
        guard let reading = try await self.readCausal(key) else { return }
        var elements = LoadPayload.elements(of: reading.values)
        if elements.count >= Self.elementsMax {
            self.generations[index, default: 0] += 1
            return
        }
        elements.insert(OperationID(client: self.client, number: self.number))
        try await self.write(.put, key, payload: .set(Array(elements)), after: reading)
    }

    private mutating func count(_ key: String) async throws {
        guard let reading = try await self.readCausal(key) else { return }
        // Its own count is known here for certain; a read through stand-ins may show an older one.
        let own = (self.counts[key] ?? 0) + 1
        self.counts[key] = own
        var counts = LoadPayload.counts(of: reading.values)
        counts[self.client] = own
        try await self.write(.put, key, payload: .counter(counts), after: reading)
    }

    // MARK: Requests

    private mutating func readPlain(_ key: String) async throws {
        let (answer, began, took) = await self.timed([Array("GET".utf8), Array(key.utf8)])
        switch answer {
        case .reply(.bytes(let bytes)):
            let saw = LoadValue(bytes, key: key).map { [$0.id] } ?? []
            try self.readEnded(key, began, took, saw: saw)
        case .reply(.null): try self.readEnded(key, began, took, saw: [])
        default: try self.readFailed(key, began, took, answer)
        }
    }

    /// - Returns: `nil` when it failed.
    private mutating func readCausal(_ key: String) async throws -> CausalReading? {
        let (answer, began, took) = await self.timed([Array("QUIRE.GET".utf8), Array(key.utf8)])
        guard case .reply(let reply) = answer, let reading = CausalReading(reply, key: key) else {
            try self.readFailed(key, began, took, answer)
            return nil
        }
        try self.readEnded(key, began, took, saw: reading.values.map(\.id))
        return reading
    }

    private mutating func write(
        _ verb: HistoryLine.Verb,
        _ key: String,
        payload: LoadPayload? = nil,
        after reading: CausalReading = .nothing
    ) async throws {
        let id = OperationID(client: self.client, number: self.number)
        self.number += 1
        let value = payload.map { payload in
            LoadValue(id: id, payload: payload).bytes(key: key, sizeBytes: self.load.settings.valueBytes)
        }
        let command: [[UInt8]] =
            switch verb {
            case .set: [Array("SET".utf8), Array(key.utf8), value ?? []]
            case .delete: [Array("DEL".utf8), Array(key.utf8)]
            case .put: [Array("QUIRE.PUT".utf8), Array(key.utf8), reading.context, value ?? []]
            case .cut: [Array("QUIRE.DEL".utf8), Array(key.utf8), reading.context]
            }
        let saw = reading.values.map(\.id)
        try self.writer.append(.began(number: id.number, verb, key: key, at: Self.now(), saw: saw))
        let (answer, _, took) = await self.timed(command)
        let (outcome, words) = Self.outcome(of: answer)
        try self.writer.append(.ended(number: id.number, outcome, took: took, words: words))
        switch outcome {
        case .acknowledged:
            self.tally.acknowledged += 1
            self.tally.latency.record(milliseconds: Double(took) / 1000)
        case .unknown: self.tally.unknown += 1
        case .failed: self.tally.failed += 1
        }
        if outcome != .acknowledged { self.tally.failures[Self.short(words), default: 0] += 1 }
    }

    private mutating func readEnded(_ key: String, _ began: Int, _ took: Int, saw: [OperationID]) throws {
        self.tally.reads += 1
        self.tally.latency.record(milliseconds: Double(took) / 1000)
        try self.writer.append(.read(key: key, at: began, took: took, .acknowledged, saw: saw))
    }

    private mutating func readFailed(_ key: String, _ began: Int, _ took: Int, _ answer: LoadSession.Answer) throws {
        self.tally.failedReads += 1
        self.tally.failures[Self.short("read: " + Self.outcome(of: answer).words), default: 0] += 1
        try self.writer.append(.read(key: key, at: began, took: took, .failed, saw: []))
    }

    private func timed(_ command: [[UInt8]]) async -> (answer: LoadSession.Answer, began: Int, took: Int) {
        let began = Self.now()
        let started = ContinuousClock.now
        let answer = await self.session.ask(command)
        return (answer, began, Int((ContinuousClock.now - started).seconds * 1_000_000))
    }

    /// Only what promises that nothing was stored and nothing will be is a sure failure.
    private static func outcome(of answer: LoadSession.Answer) -> (outcome: HistoryLine.Outcome, words: String) {
        switch answer {
        case .unsent(let reason): return (.failed, reason)
        case .unanswered(let reason): return (.unknown, reason)
        case .reply(.error(let text)):
            let code = text.prefix { $0 != " " }
            return (["OVERLOADED", "NOTREADY", "BADCONTEXT"].contains(code) ? .failed : .unknown, text)
        case .reply: return (.acknowledged, "")
        }
    }

    /// Alike failures are counted together.
    private static func short(_ words: String) -> String {
        String(words.map { $0.isNumber ? "n" : $0 }.prefix(120))
    }

    private static func now() -> Int {
        Int(Date.now.timeIntervalSince1970 * 1_000_000)
    }
}
