import Glibc
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import QuireCore
import QuireStorage
import QuireWire

/// Carries out the actions of one `PartitionTransfer`.
///
/// When it ends without success, whatever was pulled stays in `incoming/` for the next attempt.
final class PartitionFill: Sendable {
    enum Outcome: Sendable {
        case finished(PartitionMove.Receipt)
        case failed(String)
        case stopped
    }

    /// What all fills of a node share.
    struct Surroundings: Sendable {
        let storage: StorageClient
        let control: ControlLoop
        let node: NodeRuntime
        let gate: TransferGate
        /// Threads that may wait for a socket or a disk.
        let threads: NIOThreadPool
    }

    /// A source computes the checksums of the whole file before it answers.
    private static let sealTimeout = TimeAmount.minutes(10)

    private let partition: PartitionID
    private let surroundings: Surroundings
    private let image: IncomingImage
    private let figures: NIOLockedValueBox<FillFigures>
    private let setbacksNoted = NIOLockedValueBox(0)

    init(_ partition: PartitionID, _ surroundings: Surroundings, figures: FillFigures) {
        self.partition = partition
        self.surroundings = surroundings
        let path = surroundings.storage.engine.incomingPath(named: "\(partition).db")
        self.image = IncomingImage(path: path, partition: partition)
        self.figures = NIOLockedValueBox(figures)
    }

    func described(now: Duration) -> TransferAPI.Incoming {
        self.figures.withLockedValue { $0.described(now: now) }
    }

    var attempts: Int { self.figures.withLockedValue { $0.attempts } }

    func run(_ transfer: PartitionTransfer) async -> Outcome {
        var machine = transfer
        var action = machine.start()
        var hasPlace = false
        defer { if hasPlace { self.surroundings.gate.givePlaceBack() } }
        while !Task.isCancelled {
            if case .ask(_, .control(.seal)) = action, !hasPlace {
                hasPlace = await self.surroundings.gate.takePlace()
                continue
            }
            self.note(machine)
            if hasPlace, machine.step == .installing || machine.step == .covering {
                hasPlace = false
                self.surroundings.gate.givePlaceBack()
            }
            switch action {
            case .finish(let receipt):
                self.image.discard()
                self.figures.withLockedValue { $0.ended(nil) }
                return .finished(receipt)
            case .fail(let reason):
                self.image.suspend()
                self.figures.withLockedValue { $0.ended(reason) }
                return .failed(reason)
            case .unseal(let source, let seal):
                self.unseal(seal, at: source)
                action = machine.unsealed()
            default:
                action = machine.answered(await self.perform(action, machine.source))
            }
        }
        self.image.suspend()
        self.figures.withLockedValue { $0.ended("stopped") }
        return .stopped
    }

    private func note(_ machine: PartitionTransfer) {
        let name = machine.source.flatMap { self.surroundings.node.layout?.member($0)?.name }
        let known = self.figures.withLockedValue { figures in
            figures.stepped(to: machine.step, wallMilliseconds: MachineClock.wallMilliseconds)
            figures.source = name
            return figures.attempts
        }
        // The first attempt of this transfer is no setback.
        let before = self.setbacksNoted.withLockedValue { noted in
            defer { noted = machine.setbacks.count }
            return noted
        }
        for setback in machine.setbacks.dropFirst(before) {
            self.figures.withLockedValue { $0.setBack(setback.reason) }
            self.surroundings.node.logger.warning(
                "partition transfer goes on another way",
                metadata: [
                    "partition": "\(self.partition)", "source": "\(setback.source)", "reason": "\(setback.reason)",
                    "attempt": "\(known + 1)",
                ]
            )
        }
    }

    // MARK: Actions

    /// - Parameter source: Where the image comes from.
    private func perform(_ action: PartitionTransfer.Action, _ source: NodeID?) async -> PartitionTransfer.Answer {
        switch action {
        case .ask(let source, .control(let message)):
            // What that costs, the source's own gate lets through.
            return await self.ask(source, .control(message))
        case .ask(let source, let message):
            return await self.slice { await self.ask(source, message) }
        case .store(let command):
            return await self.slice { .storage(await self.surroundings.storage.execute(command)) }
        case .revive(let version):
            return await self.slice { await self.revive(since: version) }
        case .prepareImage(let manifest):
            return await self.prepare(manifest, from: source)
        case .pullBlocks(let source, let manifest):
            return await self.pull(manifest, from: source)
        case .discardImage:
            self.image.discard()
            return .done
        case .installImage:
            return await self.install()
        case .unseal, .finish, .fail:
            preconditionFailure("\(action) has no answer")
        }
    }

    private func slice(_ body: () async -> PartitionTransfer.Answer) async -> PartitionTransfer.Answer {
        await self.surroundings.node.admission.slice(of: .transfer, body)
    }

    private func ask(_ source: NodeID, _ message: PeerMessage) async -> PartitionTransfer.Answer {
        do {
            if case .control = message {
                return .peer(try await self.surroundings.control.ask(source, message, timeout: Self.sealTimeout))
            }
            return .peer(try await self.surroundings.control.askData(source, message))
        } catch {
            return .bad("\(error)")
        }
    }

    /// Whatever the source answers, or if it is gone: its seal ends by itself in the worst case.
    private func unseal(_ seal: UInt64, at source: NodeID) {
        let (control, partition) = (self.surroundings.control, self.partition)
        Task { _ = try? await control.ask(source, .control(.unseal(partition, seal: seal))) }
    }

    private func revive(since version: LayoutVersion) async -> PartitionTransfer.Answer {
        do {
            let isRevived = try await self.surroundings.storage.engine.revive(self.partition, since: version)
            if isRevived {
                self.surroundings.node.logger.info(
                    "retired partition brought back",
                    metadata: ["partition": "\(self.partition)"]
                )
            }
            return .revived(isRevived)
        } catch {
            self.surroundings.node.logger.warning(
                "a retired partition cannot be brought back; it is copied",
                metadata: ["partition": "\(self.partition)", "error": "\(error)"]
            )
            return .failed("\(error)")
        }
    }

    private func prepare(_ manifest: SealManifest, from source: NodeID?) async -> PartitionTransfer.Answer {
        let image = self.image
        let source = source ?? self.surroundings.node.member.id
        let result = await self.slice {
            do {
                let held = try await self.surroundings.threads.runIfActive {
                    try image.prepare(manifest, from: source)
                }
                return .prepared(heldBytes: held)
            } catch {
                return .failed("\(error)")
            }
        }
        if case .prepared(let held) = result {
            self.figures.withLockedValue {
                $0.prepared(
                    manifest,
                    heldBytes: held,
                    firstMissing: image.missing.first?.lowerBound,
                    now: MachineClock.elapsed
                )
            }
        }
        return result
    }

    private func install() async -> PartitionTransfer.Answer {
        do {
            let (image, engine, partition) = (self.image, self.surroundings.storage.engine, self.partition)
            let admission = self.surroundings.node.admission
            try await admission.slices(of: .transfer, on: self.surroundings.threads) { pause in
                Self.stepBack()
                // The disk writes meanwhile what the check reads from memory, so that the sync finds little to wait for.
                try engine.check(partition, imageAt: image.path, pause: pause)
                try image.finish()
            }
            try await admission.slice(of: .transfer) {
                try await engine.install(partition, checkedImageAt: image.path)
            }
            let (bytes, began) = self.figures.withLockedValue { ($0.bytesTotal, $0.sealedMilliseconds) }
            self.surroundings.node.logger.info(
                "partition file installed",
                metadata: [
                    "partition": "\(self.partition)", "bytes": "\(bytes)", "sealedMilliseconds": "\(began)",
                    "installedMilliseconds": "\(MachineClock.wallMilliseconds)",
                ]
            )
            return .done
        } catch let error as StorageError where error.code == .corruptFile || error.code == .foreignData {
            return .bad("\(error)")
        } catch {
            // After a failed sync a second one could succeed without having written it: it is copied anew.
            if let error = error as? StorageError, error.code == .inputOutput { self.image.discard() }
            return .failed("\(error)")
        }
    }

    /// Lets this thread, one of those that only fills use, give way to all others when the processor is short.
    private static func stepBack() {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
    }

    // MARK: Pulling

    private func pull(_ manifest: SealManifest, from source: NodeID) async -> PartitionTransfer.Answer {
        guard !self.image.isComplete else { return .done }
        let node = self.surroundings.node
        let endpoints = node.memberTargets.first { $0.id == source }?.endpoints ?? []
        let (image, partition, threads) = (self.image, self.partition, self.surroundings.threads)
        do {
            let pull = try await threads.runIfActive {
                let pull = try BlockPull(of: partition, manifest, into: image, from: endpoints)
                try pull.start(node.handshake(role: .initiator), source: source, version: node.layoutVersion)
                return pull
            }
            return try await withTaskCancellationHandler {
                while !Task.isCancelled {
                    let part = try await node.admission.slice(of: .transfer) {
                        let part = try await threads.runIfActive {
                            Self.stepBack()
                            return try pull.pull(bytesMax: SealLender.sliceBytes)
                        }
                        return (part, worked: part.worked)
                    }
                    self.figures.withLockedValue { $0.pulled(part, now: MachineClock.elapsed) }
                    if part.isLast { return .done }
                    await self.surroundings.gate.received(part.bytes)
                }
                return .failed("stopped")
            } onCancel: {
                pull.abort()
            }
        } catch BlockPull.Failure.expired {
            return .expired
        } catch BlockPull.Failure.bad(let reason) {
            return .bad(reason)
        } catch {
            return .failed("\(error)")
        }
    }
}
