import Logging
import NIOConcurrencyHelpers
import NIOCore
import QuireCore
import QuireStorage
import QuireWire

/// Carries out what the `ControlCore` decides about this node's partitions: filling them, taking over from
/// former owners, and retiring files that belong elsewhere now.
final class MoveDriver: Sendable {
    private struct State {
        var incoming: [PartitionID: TransferAPI.Incoming] = [:]
        var startedMilliseconds: [PartitionID: UInt64] = [:]
        var tasks: [PartitionID: Task<Void, Never>] = [:]
        var kept: Set<PartitionID> = []
        var isRetiring = false
    }

    private let storage: StorageClient
    private let control: ControlLoop
    private let node: NodeRuntime
    private let cover: CoverDriver
    private let state = NIOLockedValueBox(State())

    init(storage: StorageClient, control: ControlLoop, node: NodeRuntime) {
        self.storage = storage
        self.control = control
        self.node = node
        self.cover = CoverDriver(storage: storage, control: control)
    }

    /// Transfers of this node that run or have ended since the change began, ascending by partition.
    var incoming: [TransferAPI.Incoming] {
        let now = MachineClock.wallMilliseconds
        return self.state.withLockedValue { state in
            state.incoming.sorted { $0.key < $1.key }.map { partition, incoming in
                var result = incoming
                result.ageMilliseconds = Int(now - (state.startedMilliseconds[partition] ?? now))
                return result
            }
        }
    }

    func stop() {
        self.state.withLockedValue { $0.tasks }.values.forEach { $0.cancel() }
    }

    // MARK: Filling

    func fill(_ partition: PartitionID, from sources: [NodeID]) {
        self.begin(partition, source: sources.first)
        let task = Task { await self.runTransfer(of: partition, from: sources) }
        self.state.withLockedValue { $0.tasks[partition] = task }
    }

    private func runTransfer(of partition: PartitionID, from sources: [NodeID]) async {
        self.node.activity.begin(partition)
        defer {
            self.node.activity.disturbed(partition)
            self.node.activity.end(partition)
        }
        var machine = PartitionTransfer(partition: partition, node: self.node.member.id, replicas: sources)
        let image = IncomingImage(path: self.storage.engine.incomingPath(named: "\(partition).db"))
        var action = machine.start()
        while !Task.isCancelled {
            self.note(machine)
            switch action {
            case .finish(let receipt):
                self.end(partition, failure: nil)
                self.node.logger.info(
                    "partition filled",
                    metadata: ["partition": "\(partition)", "bytes": "\(receipt.bytes)", "root": "\(receipt.root)"]
                )
                self.control.covered(PartitionReceipt(partition: partition, phase: .dualWrite, receipt: receipt))
                return
            case .fail(let reason):
                image.discard()
                self.fail(partition, reason)
                return
            case .unseal(let source, let seal):
                // Whatever the source answers, or if it is gone: its seal ends by itself in the worst case.
                _ = try? await self.control.ask(source, .control(.unseal(partition, seal: seal)))
                action = machine.unsealed()
            case .ask(let source, let message):
                action = machine.answered(await self.slice { await self.ask(source, message) })
            case .store(let command):
                action = machine.answered(await self.slice { .storage(await self.storage.execute(command)) })
            case .createImage, .appendBlock, .installImage:
                action = machine.answered(await self.slice { await self.perform(action, on: image, of: partition) })
            }
        }
        image.discard()
        self.fail(partition, "the node is stopping")
    }

    private func slice(
        _ body: () async -> PartitionTransfer.Answer
    ) async -> PartitionTransfer.Answer {
        await self.node.admission.slice(of: .transfer, body)
    }

    private func ask(_ source: NodeID, _ message: PeerMessage) async -> PartitionTransfer.Answer {
        do {
            if case .control = message {
                return .peer(try await self.control.ask(source, message))
            }
            return .peer(try await self.control.askData(source, message))
        } catch {
            return .failed("\(error)")
        }
    }

    private func perform(
        _ action: PartitionTransfer.Action,
        on image: IncomingImage,
        of partition: PartitionID
    ) async -> PartitionTransfer.Answer {
        do {
            switch action {
            case .createImage(let sizeBytes):
                try image.create(sizeBytes: sizeBytes)
                return .done(checksum: "")
            case .appendBlock(let bytes):
                try image.append(bytes)
                return .done(checksum: "")
            default:
                let checksum = try image.finish()
                try await self.storage.engine.install(partition, imageAt: image.path)
                return .done(checksum: checksum)
            }
        } catch {
            return .failed("\(error)")
        }
    }

    // MARK: Taking over

    func takeOver(_ partition: PartitionID, from owners: [NodeID]) {
        let task = Task {
            if let reason = await self.cover.cover(partition, from: owners) {
                self.control.coverFailed(partition, reason: reason)
                return
            }
            guard case .leaves(let leaves) = await self.storage.execute(.leaves(.replica(partition))) else {
                self.control.coverFailed(partition, reason: "own leaves cannot be read")
                return
            }
            let receipt = PartitionMove.Receipt(
                node: self.node.member.id,
                root: Hexadecimal.encode(leaves.root),
                bytes: 0,
                checksum: ""
            )
            self.control.covered(PartitionReceipt(partition: partition, phase: .draining, receipt: receipt))
        }
        self.state.withLockedValue { $0.tasks[partition] = task }
    }

    // MARK: Retiring

    /// Moves the files of all other partitions to `retired/`: their new owners cover them (SAFETY rule 10).
    func keepOnly(_ partitions: Set<PartitionID>) {
        let isFirst = self.state.withLockedValue { state in
            state.kept = partitions
            defer { state.isRetiring = true }
            return !state.isRetiring
        }
        guard isFirst else { return }
        Task {
            await self.retire()
        }
    }

    private func retire() async {
        self.state.withLockedValue { $0.isRetiring = false }
        do {
            for held in try await self.storage.engine.statistics().partitions {
                guard !self.state.withLockedValue({ $0.kept.contains(held.partition) }) else { continue }
                self.node.activity.disturbed(held.partition)
                if let path = try await self.storage.engine.retire(held.partition) {
                    self.node.logger.info(
                        "partition retired",
                        metadata: ["partition": "\(held.partition)", "file": "\(path)"]
                    )
                }
            }
        } catch {
            // The file stays where it is and is retired at the next layout or start.
            self.node.logger.warning("a partition could not be retired", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Progress

    private func begin(_ partition: PartitionID, source: NodeID?) {
        let target = self.node.member.name
        let sourceName = source.flatMap { self.node.layout?.member($0)?.name }
        self.state.withLockedValue { state in
            let attempts = (state.incoming[partition]?.attempts ?? 0) + 1
            state.startedMilliseconds[partition] = MachineClock.wallMilliseconds
            state.incoming[partition] = TransferAPI.Incoming(
                partition: partition.rawValue,
                target: target,
                source: sourceName,
                step: PartitionTransfer.Step.waiting.rawValue,
                bytesDone: 0,
                bytesTotal: 0,
                ageMilliseconds: 0,
                attempts: attempts,
                blocker: nil
            )
        }
    }

    private func note(_ machine: PartitionTransfer) {
        self.state.withLockedValue { state in
            state.incoming[machine.partition]?.step = machine.step.rawValue
            state.incoming[machine.partition]?.bytesDone = machine.bytesDone
            state.incoming[machine.partition]?.bytesTotal = machine.bytesTotal
        }
    }

    private func end(_ partition: PartitionID, failure: String?) {
        self.state.withLockedValue { state in
            state.tasks[partition] = nil
            state.incoming[partition]?.blocker = failure
        }
    }

    private func fail(_ partition: PartitionID, _ reason: String) {
        self.end(partition, failure: reason)
        self.node.logger.warning(
            "partition transfer failed; it is tried again",
            metadata: ["partition": "\(partition)", "reason": "\(reason)"]
        )
        self.control.coverFailed(partition, reason: reason)
    }
}
