import Foundation
import QuireCore
import QuireStorage
import QuireWire
import Testing

@testable import QuireNode

/// Pulls over real sockets, from sources that die, lie, or are slow.
@Suite struct BlockPullTests {
    private static let blockBytes = 256 << 10
    private let partition = PartitionID(3)
    private let own = NodeID(rawValue: 9)
    private let first = NodeID(rawValue: 1)
    private let second = NodeID(rawValue: 2)

    /// Blocks that compress well, each another; the last one is short.
    private static func file(blocks: Int) -> [UInt8] {
        let text = (0..<4096).map { UInt8(ascii: "a") + UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 9 & 15) }
        let filling = Array(repeatElement(text, count: Self.blockBytes / text.count).joined())
        var file: [UInt8] = []
        for block in 0..<blocks {
            file += [UInt8(block)] + filling.dropFirst()
        }
        return Array(file.dropLast(Self.blockBytes - 5000))
    }

    private static func manifest(_ file: [UInt8], seal: UInt64 = 5) throws -> SealManifest {
        let checksums = stride(from: 0, to: file.count, by: Self.blockBytes).map { start in
            file[start..<min(start + Self.blockBytes, file.count)].withUnsafeBytes { BlockChecksum.of($0) }
        }
        return try #require(
            SealManifest(
                seal: seal,
                sizeBytes: file.count,
                blockBytes: Self.blockBytes,
                records: 1,
                checksums: checksums
            )
        )
    }

    private func image(_ scratch: ScratchDirectory) -> IncomingImage {
        IncomingImage(path: "\(scratch.path)/3.db", partition: self.partition)
    }

    private func start(
        _ manifest: SealManifest,
        into image: IncomingImage,
        from source: StandInSource
    ) throws -> BlockPull {
        let pull = try BlockPull(of: self.partition, manifest, into: image, from: [source.endpoint])
        let identity = PeerHandshake.Identity(node: self.own, clusterID: "c", version: LayoutVersion(1))
        let nonce = [UInt8](repeating: 77, count: PeerHandshake.nonceBytes)
        let handshake = PeerHandshake(
            role: .initiator,
            identity: identity,
            secret: StandInSource.secret,
            nonce: nonce
        )
        try pull.start(handshake, source: source.node, version: LayoutVersion(1))
        return pull
    }

    /// All parts up to the last one.
    private func finish(_ pull: BlockPull) throws -> (bytes: Int, wireBytes: Int) {
        var (bytes, wireBytes) = (0, 0)
        while true {
            let part = try pull.pull(bytesMax: 4 << 20)
            bytes += part.bytes
            wireBytes += part.wireBytes
            if part.isLast { return (bytes, wireBytes) }
        }
    }

    private func reason(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch BlockPull.Failure.bad(let reason) {
            return reason
        } catch {
            return "another failure: \(error)"
        }
    }

    private func content(_ image: IncomingImage) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: image.path)))
    }

    @Test func anotherSourceGoesOnAtTheBlockWhereADeadOneStopped() throws {
        let scratch = try ScratchDirectory()
        let image = self.image(scratch)
        let file = Self.file(blocks: 8)
        let sealed = try Self.manifest(file)
        let dying = try StandInSource(self.first, file, sealed, .init(blocksMax: 3))
        #expect(try image.prepare(sealed, from: self.first) == 0)
        #expect(self.reason { _ = try self.finish(try self.start(sealed, into: image, from: dying)) } != nil)
        dying.waitForEnd()
        #expect(dying.asked == [0..<8])
        #expect(image.missing == [3..<8])

        let again = try Self.manifest(file, seal: 6)
        let living = try StandInSource(self.second, file, again)
        #expect(try image.prepare(again, from: self.second) == 3 * Self.blockBytes)
        do {
            let pull = try self.start(again, into: image, from: living)
            #expect(try self.finish(pull).bytes == file.count - 3 * Self.blockBytes)
        }
        living.waitForEnd()
        #expect(living.asked == [3..<8])
        #expect(living.blocksSent == 5)
        #expect(image.isComplete)
        try image.finish()
        #expect(try self.content(image) == file)
    }

    @Test func aDamagedBlockIsNamedAndTakenFromAnotherSource() throws {
        let scratch = try ScratchDirectory()
        let image = self.image(scratch)
        let file = Self.file(blocks: 5)
        let sealed = try Self.manifest(file)
        let damaged = try StandInSource(self.first, file, sealed, .init(damagedBlock: 2))
        #expect(try image.prepare(sealed, from: self.first) == 0)
        let reason = self.reason { _ = try self.finish(try self.start(sealed, into: image, from: damaged)) }
        #expect(reason == "block 2 arrived damaged")
        damaged.waitForEnd()
        #expect(image.missing == [2..<5])

        let sound = try StandInSource(self.second, file, sealed)
        do {
            let pull = try self.start(sealed, into: image, from: sound)
            _ = try self.finish(pull)
        }
        sound.waitForEnd()
        #expect(sound.asked == [2..<5])
        try image.finish()
        #expect(try self.content(image) == file)
    }

    @Test func asksASlowLinkToCompressAndTakesWhatComes() throws {
        let scratch = try ScratchDirectory()
        let image = self.image(scratch)
        let file = Self.file(blocks: 80)
        let sealed = try Self.manifest(file)
        let slow = try StandInSource(self.first, file, sealed, .init(millisecondsPerBlock: 10))
        #expect(try image.prepare(sealed, from: self.first) == 0)
        do {
            let pull = try self.start(sealed, into: image, from: slow)
            let pulled = try self.finish(pull)
            #expect(pulled.bytes == file.count)
            #expect(pulled.wireBytes < pulled.bytes)
        }
        slow.waitForEnd()
        #expect(slow.compressedBlocksSent > 0)
        try image.finish()
        #expect(try self.content(image) == file)
    }

    @Test func refusesANodeThatIsNotTheOneItLooksFor() throws {
        let scratch = try ScratchDirectory()
        let image = self.image(scratch)
        let file = Self.file(blocks: 2)
        let sealed = try Self.manifest(file)
        let other = try StandInSource(self.second, file, sealed)
        #expect(try image.prepare(sealed, from: self.first) == 0)
        let pull = try BlockPull(of: self.partition, sealed, into: image, from: [other.endpoint])
        let identity = PeerHandshake.Identity(node: self.own, clusterID: "c", version: LayoutVersion(1))
        let nonce = [UInt8](repeating: 1, count: PeerHandshake.nonceBytes)
        let handshake = PeerHandshake(
            role: .initiator,
            identity: identity,
            secret: StandInSource.secret,
            nonce: nonce
        )
        let reason = self.reason { try pull.start(handshake, source: self.first, version: LayoutVersion(1)) }
        #expect(reason?.contains("answers for") == true)
        pull.abort()
        other.waitForEnd()
        #expect(other.asked.isEmpty)
    }
}
