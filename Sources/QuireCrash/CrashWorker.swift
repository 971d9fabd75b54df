import Foundation
import QuireCore
import QuireStorage

/// The process that is killed: two writers, each the only one of half of the keys, and someone who handles whole files.
struct CrashWorker {
    let directory: String
    let seed: UInt64
    let firstID: UInt64

    private static let idsPerTask: UInt64 = 1 << 24
    private static let taskCount: UInt64 = 2

    func run() async throws {
        let configuration = try CrashSetting.configuration(directory: self.directory, seed: self.seed)
        guard let engine = self.opened(configuration) else { return try await Task.sleep(for: .seconds(3600)) }
        CrashTeller.tell([.ready])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<Self.taskCount {
                group.addTask { try await self.write(task, on: engine) }
            }
            group.addTask { await CrashFiles(engine: engine, seed: self.seed).run() }
            try await group.waitForAll()
        }
    }

    /// - Returns: `nil` when it does not open, now or after faults before: it has said so, and the judge will meet it.
    private func opened(_ configuration: StorageConfiguration) -> StorageEngine? {
        do {
            return try StorageEngine(configuration)
        } catch {
            CrashTeller.tell([.step("does not open: \(error)".replacingOccurrences(of: "\n", with: " "))])
            return nil
        }
    }

    // MARK: Writers

    private func write(_ task: UInt64, on engine: StorageEngine) async throws {
        var random = SeededGenerator(seed: self.seed &* 31 &+ task)
        var id = self.firstID + task * Self.idsPerTask
        let keys = (0..<CrashSetting.keyCount).filter { UInt64($0) % Self.taskCount == task }
        let teller = CrashTeller()
        while true {
            let isHints = UInt8.random(in: 0..<4, using: &random) == 0
            let chosen = keys.shuffled(using: &random).prefix(Int.random(in: 1...8, using: &random))
            var orders: [CrashTeller.Order] = []
            var lines: [CrashLine] = []
            for number in chosen {
                id += 1
                let isDrop = isHints && Bool.random(using: &random)
                let made =
                    isDrop
                    ? try await self.drop(id, number, on: engine)
                    : try self.write(id, number, isHints: isHints, using: &random)
                guard let made else { continue }
                orders.append(made.order)
                lines.append(made.line)
            }
            guard !orders.isEmpty else { continue }
            CrashTeller.tell(lines)
            await teller.run(orders, on: engine)
        }
    }

    private func write(
        _ id: UInt64,
        _ number: Int,
        isHints: Bool,
        using random: inout SeededGenerator
    ) throws -> (order: CrashTeller.Order, line: CrashLine)? {
        let key = try CrashSetting.key(number)
        let store = try CrashSetting.store(key, isHints: isHints)
        let line = CrashLine.writeBegan(id: id, key: number, isHints: isHints)
        let timestamp = HybridTimestamp(rawValue: id)
        if UInt8.random(in: 0..<3, using: &random) == 0 {
            let record = self.foreign(id, timestamp)
            return (CrashTeller.Order(id: id, command: .merge(store, key, record), record: record), line)
        }
        let mint = MintRequest(
            key: key,
            value: CrashSetting.value(of: id),
            supersession: .older,
            timestamp: timestamp,
            request: CrashSetting.request(id)
        )
        return (CrashTeller.Order(id: id, command: .mint(store, mint), record: nil), line)
    }

    /// A record as another replica would send it; with every write a dot of its own.
    private func foreign(_ id: UInt64, _ timestamp: HybridTimestamp) -> Record {
        var record = Record()
        let version = Version(
            dot: Dot(actor: ActorID(rawValue: 77), counter: id),
            timestamp: timestamp,
            request: CrashSetting.request(id),
            value: CrashSetting.value(of: id)
        )
        record.mint(version, superseding: .older)
        return record
    }

    private func drop(
        _ id: UInt64,
        _ number: Int,
        on engine: StorageEngine
    ) async throws -> (order: CrashTeller.Order, line: CrashLine)? {
        let key = try CrashSetting.key(number)
        let store = try CrashSetting.store(key, isHints: true)
        guard let record = await CrashTeller.read(key, in: store, on: engine), !record.isEmpty else { return nil }
        let command = StorageCommand.dropBatch(store, [KeyedRecord(key: key, record: record)])
        let line = CrashLine.dropBegan(id: id, key: number, record)
        return (CrashTeller.Order(id: id, command: command, record: record), line)
    }
}
