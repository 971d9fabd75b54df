import Foundation
import QuireCore
import QuireStorage

/// What worker and judge agree on.
enum CrashSetting {
    static let partitionCount = 8
    static let keyCount = 48
    static let digester = RecordDigester(secret: Array("a secret that only crashes know".utf8))

    /// Small bounds, so that a few hundred writes rotate segments, flush, checkpoint and close files.
    static func configuration(directory: String, seed: UInt64) throws -> StorageConfiguration {
        guard let count = PartitionCount(self.partitionCount) else { throw CrashError("bad partition count") }
        var random = SeededGenerator(seed: seed)
        var configuration = StorageConfiguration(
            directory: directory,
            clusterID: "0123456789abcdef0123456789abcdef",
            partitionCount: count,
            digester: self.digester,
            now: { UInt64(Date().timeIntervalSince1970 * 1000) },
            random: { UInt64.random(in: 1...UInt64.max) }
        )
        configuration.bufferBytesMax = [32 << 10, 256 << 10].randomElement(using: &random) ?? 0
        configuration.bufferedRecordsMax = 24
        configuration.segmentBytes = [8 << 10, 64 << 10].randomElement(using: &random) ?? 0
        configuration.logBytesMax = 4 * configuration.segmentBytes
        configuration.flushAgeMilliseconds = [5, 40].randomElement(using: &random) ?? 0
        configuration.openFilesMax = [4, 64].randomElement(using: &random) ?? 0
        configuration.checkpointBytes = 48 << 10
        configuration.sealAgeMillisecondsMax = 100
        return configuration
    }

    static func key(_ number: Int) throws -> Key {
        guard let key = Key("key-\(number)") else { throw CrashError("bad key") }
        return key
    }

    /// Every value follows from the number of its write: so a half of one is recognized.
    static func value(of id: UInt64) -> [UInt8]? {
        var random = SeededGenerator(seed: id)
        let kind = UInt8.random(in: 0..<32, using: &random)
        guard kind > 2 else { return nil }
        let count = kind == 3 ? 20_000 : Int.random(in: 0...600, using: &random)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    static func request(_ id: UInt64) -> RequestID { RequestID(high: 1, low: id) }

    static func store(_ key: Key, isHints: Bool) throws -> StoreID {
        guard let count = PartitionCount(self.partitionCount) else { throw CrashError("bad partition count") }
        let partition = count.partition(of: key)
        return isHints ? .hints(partition) : .replica(partition)
    }
}

struct CrashError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
