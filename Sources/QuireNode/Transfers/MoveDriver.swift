import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import QuireCore
import QuireStorage
import QuireWire

/// Carries out what the `ControlCore` decides about this node's partitions: filling them, taking over from
/// former owners, and retiring files that belong elsewhere now.
final class MoveDriver: Sendable {
    private struct Fill {
        let order: ControlCore.CoverOrder
        let fill: PartitionFill
        /// `nil` when it has ended.
        var task: Task<Void, Never>?
    }

    private struct State {
        var fills: [PartitionID: Fill] = [:]
        var tasks: [PartitionID: Task<Void, Never>] = [:]
        /// Images on their way from each source.
        var loads: [NodeID: Int] = [:]
        var kept: Set<PartitionID> = []
        var isRetiring = false
    }

    private static let threadCount = 32

    private let storage: StorageClient
    private let control: ControlLoop
    private let node: NodeRuntime
    private let cover: CoverDriver
    private let gate: TransferGate
    private let threads: NIOThreadPool
    private let state = NIOLockedValueBox(State())

    init(storage: StorageClient, control: ControlLoop, node: NodeRuntime, gate: TransferGate) {
        self.storage = storage
        self.control = control
        self.node = node
        self.gate = gate
        self.cover = CoverDriver(storage: storage, control: control)
        self.threads = NIOThreadPool(numberOfThreads: Self.threadCount)
        self.threads.start()
    }

    /// Transfers of this node that run or have ended since the change began, ascending by partition.
    var incoming: [TransferAPI.Incoming] {
        let now = MachineClock.elapsed
        let fills = self.state.withLockedValue { $0.fills }
        return fills.sorted { $0.key < $1.key }.map { $0.value.fill.described(now: now) }
    }

    /// The node stops.
    func stop() {
        let tasks = self.state.withLockedValue { state in
            state.fills.values.compactMap(\.task) + state.tasks.values
        }
        tasks.forEach { $0.cancel() }
        self.threads.shutdownGracefully { _ in }
    }

    // MARK: Filling

    func fill(_ order: ControlCore.CoverOrder) {
        let (partition, sources) = (order.partition, order.sources)
        let names = sources.map { self.node.layout?.member($0)?.name ?? "\($0)" }
        let target = self.node.member.name
        let surroundings = PartitionFill.Surroundings(
            storage: self.storage,
            control: self.control,
            node: self.node,
            gate: self.gate,
            threads: self.threads
        )
        self.state.withLockedValue { state in
            let replicas = Self.order(sources, by: state.loads)
            let earlier = state.fills[partition]
            earlier?.task?.cancel()
            let figures = FillFigures(
                partition,
                target: target,
                sources: names,
                attempts: earlier?.fill.attempts ?? 0,
                now: MachineClock.elapsed
            )
            let fill = PartitionFill(partition, surroundings, figures: figures)
            let machine = PartitionTransfer(
                partition: partition,
                node: self.node.member.id,
                replicas: replicas,
                reviveSince: order.reviveSince
            )
            if let first = replicas.first { state.loads[first, default: 0] += 1 }
            let task = Task {
                // An attempt that is being stopped still has the partition's image.
                await earlier?.task?.value
                await self.run(fill, machine, order, first: replicas.first)
            }
            state.fills[partition] = Fill(order: order, fill: fill, task: task)
        }
    }

    /// Ends these sessions; what fills have pulled stays for the next one.
    func stop(_ orders: [ControlCore.CoverOrder]) {
        let tasks = self.state.withLockedValue { state in
            orders.flatMap { order in
                let fill = state.fills[order.partition]
                return [fill?.order.session == order.session ? fill?.task : nil, state.tasks[order.partition]]
            }
        }
        tasks.forEach { $0?.cancel() }
    }

    /// Ends fills that run, and removes what they have pulled.
    func discard(_ partitions: Set<PartitionID>) {
        for partition in partitions {
            let task = self.state.withLockedValue { $0.fills[partition]?.task }
            task?.cancel()
            Task {
                await task?.value
                self.discardImage(of: partition)
            }
        }
    }

    /// The least loaded first, so that many transfers spread over the sources; else as given.
    private static func order(_ sources: [NodeID], by loads: [NodeID: Int]) -> [NodeID] {
        sources.enumerated()
            .sorted { (loads[$0.element] ?? 0, $0.offset) < (loads[$1.element] ?? 0, $1.offset) }
            .map(\.element)
    }

    /// - Parameter first: Whose load this fill counts for.
    private func run(
        _ fill: PartitionFill,
        _ machine: PartitionTransfer,
        _ order: ControlCore.CoverOrder,
        first: NodeID?
    ) async {
        let partition = order.partition
        self.node.activity.begin(partition)
        let outcome = await fill.run(machine)
        self.node.activity.disturbed(partition)
        self.node.activity.end(partition)
        self.state.withLockedValue { state in
            if let first { state.loads[first, default: 0] -= 1 }
            if state.fills[partition]?.fill === fill { state.fills[partition]?.task = nil }
        }
        switch outcome {
        case .finished(let receipt):
            self.node.logger.info(
                "partition filled",
                metadata: [
                    "partition": "\(partition)", "bytes": "\(receipt.bytes)", "root": "\(receipt.root)",
                    "filledMilliseconds": "\(MachineClock.wallMilliseconds)",
                ]
            )
            self.control.covered(order, receipt)
        case .failed(let reason):
            self.node.logger.warning(
                "partition transfer failed; it is tried again",
                metadata: ["partition": "\(partition)", "reason": "\(reason)"]
            )
            self.control.coverFailed(order, reason: reason)
        case .stopped:
            self.control.coverFailed(order, reason: "stopped")
        }
    }

    /// Unless a fill of it runs.
    private func discardImage(of partition: PartitionID) {
        let path = self.storage.engine.incomingPath(named: "\(partition).db")
        self.state.withLockedValue { state in
            guard state.fills[partition]?.task == nil else { return }
            IncomingImage(path: path, partition: partition).discard()
        }
        self.node.activity.disturbed(partition)
    }

    // MARK: Taking over

    func takeOver(_ order: ControlCore.CoverOrder) {
        let partition = order.partition
        let task = Task {
            if let reason = await self.cover.cover(partition, from: order.sources) {
                self.control.coverFailed(order, reason: reason)
                return
            }
            guard case .leaves(let leaves) = await self.storage.execute(.leaves(.replica(partition))) else {
                self.control.coverFailed(order, reason: "own leaves cannot be read")
                return
            }
            let receipt = PartitionMove.Receipt(
                node: self.node.member.id,
                root: Hexadecimal.encode(leaves.root),
                bytes: 0,
                checksum: ""
            )
            self.control.covered(order, receipt)
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
            for partition in try self.storage.engine.partialImages()
            where self.node.layout?.move(of: partition) == nil {
                self.discardImage(of: partition)
            }
            for held in try await self.storage.engine.statistics().partitions {
                guard !self.state.withLockedValue({ $0.kept.contains(held.partition) }) else { continue }
                self.node.activity.disturbed(held.partition)
                if let path = try await self.storage.engine.retire(held.partition, at: self.node.layoutVersion) {
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
}
