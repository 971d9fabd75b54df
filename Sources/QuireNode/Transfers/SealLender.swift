import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import QuireCore
import QuireStorage
import QuireWire

/// Lends sealed partition files to newcomers, which pull their blocks.
///
/// A seal comes with the checksum of each block, computed once. After two seals of a partition that ended before they
/// were read through, the next one is served from a local copy, and the file goes back at once: so a slow reader and a
/// busy partition do not hold each other up for ever (SAFETY rule 16).
final class SealLender: Sendable {
    private struct Lent {
        let file: SealedFile
        let manifest: SealManifest
        var streams = 0
        /// The newcomer needs it no longer.
        var isReturned = false
        var lastUse = NIODeadline.now()
    }

    private struct State {
        var lent: [UInt64: Lent] = [:]
        /// Seals in a row that expired.
        var expirations: [PartitionID: Int] = [:]
    }

    /// A newcomer that has pulled nothing for so long is gone, or will seal again: its file is not kept from others,
    /// nor from its own next attempt.
    private static let silenceMax = TimeAmount.seconds(10)
    /// Whether or not someone asks for it.
    private static let silenceLimit = TimeAmount.seconds(60)
    private static let expirationsMax = 2
    /// What passes the gates at once.
    static let sliceBytes = 4 << 20
    /// What sending costs this node at most: the rest of the time it waits for the puller.
    private static let sendingPerMebibyte = Duration.milliseconds(1)

    private let storage: StorageClient
    private let node: NodeRuntime
    private let gate: TransferGate
    private let state = NIOLockedValueBox(State())

    init(storage: StorageClient, node: NodeRuntime, gate: TransferGate) {
        self.storage = storage
        self.node = node
        self.gate = gate
    }

    // MARK: Seals

    func answer(_ message: ControlMessage, _ reply: PeerReply) {
        Task {
            reply.send(await self.answered(message))
        }
    }

    private func answered(_ message: ControlMessage) async -> PeerMessage {
        do {
            switch message {
            case .seal(let partition):
                return .control(.sealed(try await self.seal(partition)))
            case .unseal(let partition, let seal):
                self.state.withLockedValue { state in
                    state.expirations[partition] = nil
                    state.lent[seal]?.isReturned = true
                }
                try await self.takeBack { _, _ in false }
                return .control(.sealExpired)
            default:
                return .failed("not a request for a sealed file")
            }
        } catch let error as StorageError where error.code == .sealExpired {
            return .control(.sealExpired)
        } catch {
            return .failed("\(error)")
        }
    }

    private func seal(_ partition: PartitionID) async throws -> SealManifest? {
        let oldest = NIODeadline.now() - Self.silenceMax
        try await self.takeBack { _, lent in lent.file.image.partition == partition && lent.lastUse < oldest }
        guard let image = try await self.storage.engine.seal(partition) else { return nil }
        do {
            let file = try await self.file(of: image)
            let manifest = try await self.manifest(of: file)
            try await self.requireSeal(file)
            self.state.withLockedValue { $0.lent[image.id] = Lent(file: file, manifest: manifest) }
            return manifest
        } catch {
            try await self.storage.engine.unseal(image)
            throw error
        }
    }

    /// The file itself, or a copy of it when it had to be given back too often.
    private func file(of image: SealedImage) async throws -> SealedFile {
        let file = try await self.storage.engine.open(image)
        let expirations = self.state.withLockedValue { $0.expirations[image.partition] ?? 0 }
        guard expirations >= Self.expirationsMax else { return file }
        let path = self.storage.engine.incomingPath(named: "\(image.partition).lent-\(image.id)")
        let copy = try await NIOThreadPool.singleton.runIfActive { try file.copied(by: path) }
        try await self.requireSeal(file)
        try await self.storage.engine.unseal(image)
        self.node.logger.info("sealed file copied for a newcomer", metadata: ["partition": "\(image.partition)"])
        return copy
    }

    private func manifest(of file: SealedFile) async throws -> SealManifest {
        var checksums: [UInt32] = []
        let step = Self.sliceBytes / SealedImage.blockBytes
        for start in stride(from: 0, to: file.image.blockCount, by: step) {
            let blocks = start..<min(start + step, file.image.blockCount)
            checksums += try await self.node.admission.slice(of: .transfer) {
                try await NIOThreadPool.singleton.runIfActive { try file.checksums(of: blocks) }
            }
        }
        let manifest = SealManifest(
            seal: file.image.id,
            sizeBytes: file.image.sizeBytes,
            blockBytes: SealedImage.blockBytes,
            records: file.image.tally.records,
            checksums: checksums
        )
        guard let manifest else { preconditionFailure("a file of \(file.image.sizeBytes) bytes") }
        return manifest
    }

    /// What was read until now is the image, or nothing of it is used.
    private func requireSeal(_ file: SealedFile) async throws {
        guard !file.isCopy else { return }
        if try await self.storage.engine.holds(file.image) { return }
        let partition = file.image.partition
        self.state.withLockedValue { $0.expirations[partition, default: 0] += 1 }
        throw StorageError(.sealExpired, "the seal of partition \(partition) is gone: seal it again")
    }

    /// Ends seals that nobody pulls from: returned ones, those of newcomers that are gone, and others that are over.
    private func takeBack(_ isOver: (UInt64, Lent) -> Bool) async throws {
        let limit = NIODeadline.now() - Self.silenceLimit
        let over = self.state.withLockedValue { state in
            let over = state.lent.filter { id, lent in
                lent.streams == 0 && (lent.isReturned || lent.lastUse < limit || isOver(id, lent))
            }
            for id in over.keys { state.lent[id] = nil }
            return over.values.map(\.file)
        }
        for file in over where !file.isCopy { try await self.storage.engine.unseal(file.image) }
    }

    // MARK: Streams

    func stream(_ seal: UInt64, _ blocks: [Range<Int>], over channel: any Channel, _ wish: CompressionWish) {
        Task {
            do {
                guard let lent = self.begin(seal) else {
                    try await channel.writeAndFlush(
                        IOData.byteBuffer(ByteBuffer(bytes: BlockFrame(.expired).encoded()))
                    )
                    return
                }
                defer { self.end(seal) }
                let stream = BlockStream(file: lent.file, manifest: lent.manifest, channel: channel)
                try await self.serve(blocks, stream, seal, wish)
            } catch {
                // The puller is gone, or learns by the end of the connection that it must ask again.
                channel.close(promise: nil)
            }
        }
    }

    private func serve(
        _ blocks: [Range<Int>],
        _ stream: BlockStream,
        _ seal: UInt64,
        _ wish: CompressionWish
    ) async throws {
        for slice in Self.slices(blocks) {
            guard slice.upperBound <= stream.manifest.blockCount else {
                try await stream.end(.failed, reason: "there are \(stream.manifest.blockCount) blocks")
                return
            }
            let size = slice.count * stream.manifest.blockBytes
            await self.gate.sending(size)
            // Clients come first: what they leave of this node's time is not spent on compression.
            let isFree = self.node.admission.state.share >= 1 && self.gate.limits.bytesPerSecondMax == nil
            let isCompressed = wish.isWanted && isFree
            try await self.node.admission.slice(of: .transfer) {
                let began = MachineClock.elapsed
                try await stream.send(slice, isCompressed: isCompressed)
                let most = Self.sendingPerMebibyte * (isCompressed ? 5 : 1) * max(1, size >> 20)
                return ((), worked: min(MachineClock.elapsed - began, most))
            }
            self.state.withLockedValue { $0.lent[seal]?.lastUse = .now() }
            do {
                try await self.requireSeal(stream.file)
            } catch {
                try await stream.end(.expired)
                return
            }
        }
        try await stream.end(.end)
    }

    private static func slices(_ blocks: [Range<Int>]) -> [Range<Int>] {
        let step = self.sliceBytes / SealedImage.blockBytes
        return blocks.flatMap { range in
            stride(from: range.lowerBound, to: range.upperBound, by: step).map {
                $0..<min($0 + step, range.upperBound)
            }
        }
    }

    private func begin(_ seal: UInt64) -> Lent? {
        self.state.withLockedValue { state in
            state.lent[seal]?.streams += 1
            state.lent[seal]?.lastUse = .now()
            return state.lent[seal]
        }
    }

    private func end(_ seal: UInt64) {
        self.state.withLockedValue { state in
            state.lent[seal]?.streams -= 1
            state.lent[seal]?.lastUse = .now()
        }
        Task {
            do {
                try await self.takeBack { _, _ in false }
                // A newcomer that was killed never says that it is done.
                try await Task.sleep(for: .nanoseconds(Self.silenceLimit.nanoseconds) + .seconds(1))
                try await self.takeBack { _, _ in false }
            } catch {
                self.node.logger.debug("a seal was not given back", metadata: ["error": "\(error)"])
            }
        }
    }
}
