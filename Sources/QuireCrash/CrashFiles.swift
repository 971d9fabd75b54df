import Foundation
import QuireCore
import QuireStorage

/// What operators and transfers do to whole files while others write: flush, seal, install, retire, revive.
struct CrashFiles {
    let engine: StorageEngine
    let seed: UInt64

    func run() async {
        var random = SeededGenerator(seed: self.seed &* 31 &+ 7)
        while true {
            let partition = PartitionID(Int.random(in: 0..<CrashSetting.partitionCount, using: &random))
            let kind = UInt8.random(in: 0..<6, using: &random)
            do {
                try await self.step(kind, partition)
            } catch {
                // A seal that is held, or an injected fault.
                CrashTeller.tell([.step("failed: \(error)".replacingOccurrences(of: "\n", with: " "))])
            }
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0...4, using: &random)))
        }
    }

    private func step(_ kind: UInt8, _ partition: PartitionID) async throws {
        switch kind {
        case 0:
            CrashTeller.tell([.step("flush \(partition)")])
            try await self.engine.flush(partition)
        case 1:
            CrashTeller.tell([.step("flush hints \(partition)")])
            try await self.engine.flush(.hints(partition))
        case 2:
            CrashTeller.tell([.step("seal \(partition)")])
            if let seal = try await self.engine.seal(partition) { try await self.engine.unseal(seal) }
        case 3:
            CrashTeller.tell([.step("install \(partition)")])
            try await self.install(partition)
        default:
            let isRetired = try self.engine.retiredCopies().contains { $0.partition == partition }
            CrashTeller.tell([.step("\(isRetired ? "revive" : "retire") \(partition)")])
            if isRetired {
                // What comes back would end a quarantine: a node compares it with all peers first, here there are none.
                guard try await self.engine.statistics().quarantined[partition] == nil else { return }
                _ = try await self.engine.revive(partition, since: .none)
            } else {
                _ = try await self.engine.retire(partition, at: LayoutVersion(1))
            }
        }
    }

    /// Copies the partition's own file as a newcomer would, and makes the copy its file.
    private func install(_ partition: PartitionID) async throws {
        guard let seal = try await self.engine.seal(partition) else { return }
        let path = self.engine.incomingPath(named: "\(partition).db")
        do {
            let file = try await self.engine.open(seal)
            var bytes = [UInt8](repeating: 0, count: seal.sizeBytes)
            try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
            guard try await self.engine.holds(seal) else {
                throw CrashError("the seal of partition \(partition) expired")
            }
            try self.write(bytes, to: path)
        } catch {
            try await self.engine.unseal(seal)
            throw error
        }
        try await self.engine.unseal(seal)
        try await self.engine.install(partition, imageAt: path)
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CrashError("\(path) cannot be made: errno \(errno)") }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written)
            }
            guard count > 0 else { throw CrashError("\(path) cannot be written: errno \(errno)") }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw CrashError("\(path) cannot be synced: errno \(errno)") }
    }
}
