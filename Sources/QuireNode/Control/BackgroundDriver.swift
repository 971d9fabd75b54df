import Logging
import NIOConcurrencyHelpers
import QuireCore
import QuireStorage
import QuireWire

/// Runs what the `BackgroundSchedule` decides: delivers hints, compares replicas with those of other members.
///
/// One delivery and one comparison at a time. Every action of theirs is a slice that the admission gate lets through, so
/// the time a peer takes to answer counts too: a peer under load slows down those who compare themselves with it.
final class BackgroundDriver: Sendable {
    private struct State {
        var schedule: BackgroundSchedule
        var layoutVersion = LayoutVersion.none
        var hints = BackgroundAPI.Hints()
        var repair = BackgroundAPI.Repair()
        var hintsCountedAt: Duration?
        var tasks: [Task<Void, Never>] = []
    }

    private static let idlePause = Duration.milliseconds(100)
    private static let hintCountPause = Duration.seconds(1)

    private let storage: StorageClient
    private let control: ControlLoop
    private let node: NodeRuntime
    private let state: NIOLockedValueBox<State>

    init(storage: StorageClient, control: ControlLoop, node: NodeRuntime) {
        self.storage = storage
        self.control = control
        self.node = node
        let configuration = BackgroundSchedule.Configuration(repairCycle: node.configuration.repairCycle)
        let schedule = BackgroundSchedule(node: node.member.id, configuration: configuration)
        self.state = NIOLockedValueBox(State(schedule: schedule))
    }

    // MARK: Life

    func start() {
        let tasks = [
            Task { await self.repeatUntilCancelled(self.observe) },
            Task { await self.repeatUntilCancelled(self.deliverNext) },
            Task { await self.repeatUntilCancelled(self.repairNext) },
        ]
        self.state.withLockedValue { $0.tasks = tasks }
    }

    func stop() async {
        let tasks = self.state.withLockedValue { $0.tasks }
        tasks.forEach { $0.cancel() }
        for task in tasks {
            await task.value
        }
    }

    /// - Parameter body: Returns whether there may be more to do at once.
    private func repeatUntilCancelled(_ body: @escaping @Sendable () async -> Bool) async {
        while !Task.isCancelled {
            guard await body() == false else { continue }
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: Self.idlePause)
        }
    }

    // MARK: Operators

    /// Everything is compared and tried now.
    ///
    /// - Returns: How many pairs of replicas wait.
    func repairAsked() -> Int {
        self.state.withLockedValue { state in
            state.schedule.repairAsked(now: MachineClock.elapsed)
            state.hintsCountedAt = nil
            return state.schedule.urgentPairCount
        }
    }

    var work: BackgroundAPI.Work {
        let (hints, repair) = self.state.withLockedValue { state in
            var repair = state.repair
            repair.pairs = state.schedule.pairCount
            repair.urgentPairs = state.schedule.urgentPairCount
            repair.blockedPairs = state.schedule.blockedPairCount
            return (state.hints, repair)
        }
        var admission = BackgroundAPI.Admission(self.node.admission.state)
        let slices = self.node.admission.slices(of: .transfer)
        admission.transferSlicesGranted = slices.granted
        admission.transferSlicesDenied = slices.denied
        return BackgroundAPI.Work(hints: hints, repair: repair, admission: admission)
    }

    // MARK: Events for the schedule

    private func observe() async -> Bool {
        // The event loop is stopping when it cannot answer; so is this.
        guard let connected = try? await self.control.connectedNodes() else { return false }
        let now = MachineClock.elapsed
        let mustCount = self.state.withLockedValue { state in
            if let layout = self.node.layout, layout.version != state.layoutVersion {
                state.layoutVersion = layout.version
                state.schedule.layoutAdopted(layout, now: now)
            }
            let hasReturned = state.schedule.peersConnected(connected, now: now)
            let isDue = state.hintsCountedAt.map { now - $0 >= Self.hintCountPause } ?? true
            return hasReturned || isDue
        }
        if mustCount { await self.countHints() }
        return false
    }

    private func countHints() async {
        // A storage that is stopping has no figures, and nothing is delivered from it any more.
        guard let hints = try? await self.storage.engine.hintStatistics() else { return }
        let now = MachineClock.elapsed
        self.state.withLockedValue { state in
            state.hintsCountedAt = now
            state.hints.held = hints.records
            state.hints.heldBytes = hints.bytes
            state.hints.partitions = hints.stores.count
            state.hints.oldestAgeMilliseconds = hints.oldestAgeMilliseconds.map { Int($0) }
            if hints.stores.isEmpty { state.hints.blocker = nil }
            state.schedule.hintsCounted(Set(hints.stores.map(\.partition)), now: now)
        }
    }

    // MARK: Hints

    private func deliverNext() async -> Bool {
        let job = self.state.withLockedValue { $0.schedule.nextDelivery(now: MachineClock.elapsed) }
        guard let job else { return false }
        let summary = await self.deliver(job)
        self.state.withLockedValue { state in
            state.hints.delivered += summary.deliveredRecords
            state.hints.dropped += summary.droppedHints
            state.hints.blocker = summary.failure ?? self.blocker(summary)
            state.schedule.deliveryEnded(job.partition, summary, now: MachineClock.elapsed)
        }
        if summary.droppedHints > 0 {
            self.node.logger.info(
                "hints delivered",
                metadata: ["partition": "\(job.partition)", "hints": "\(summary.droppedHints)"]
            )
        }
        return true
    }

    /// Delivers everything that this node holds as a stand-in when asked, to every member that can be reached.
    ///
    /// A snapshot begins with this: what only stand-ins have is then at the replicas whose images it takes
    /// (SAFETY rule 20).
    ///
    /// - Returns: Which members could not be given what is held for a partition.
    func settleHints() async -> [HintGap] {
        guard let layout = self.node.layout else { return [] }
        let everyone = layout.partitionCount.partitions.flatMap { partition in
            BackgroundSchedule.members(of: partition, in: layout).map { HintGap(partition: partition, member: $0) }
        }
        // Without figures nobody knows what is held.
        guard let hints = try? await self.storage.engine.hintStatistics() else { return everyone }
        var gaps = everyone.filter { hints.quarantined[$0.partition] != nil }
        for store in hints.stores {
            let members = BackgroundSchedule.members(of: store.partition, in: layout)
            let summary = await self.deliver(.init(partition: store.partition, members: members))
            let unserved = summary.failure == nil ? members.filter { summary.unserved[$0] != nil } : members
            gaps += unserved.map { HintGap(partition: store.partition, member: $0) }
        }
        return gaps
    }

    private func deliver(_ job: BackgroundSchedule.HintJob) async -> HintDelivery.Summary {
        self.node.activity.begin(job.partition)
        defer { self.node.activity.end(job.partition) }
        var machine = HintDelivery(
            partition: job.partition,
            own: self.node.member.id,
            members: job.members,
            digester: self.storage.engine.configuration.digester
        )
        var action = machine.start()
        while action != .finish {
            let answer = await self.node.admission.slice(of: .hintDelivery) { await self.perform(action) }
            if let layout = self.node.layout {
                machine.rowChanged(to: BackgroundSchedule.members(of: job.partition, in: layout))
            }
            action = Task.isCancelled ? .finish : machine.answered(answer)
        }
        return machine.summary
    }

    private func perform(_ action: HintDelivery.Action) async -> HintDelivery.Answer {
        switch action {
        case .ask(let node, let message): await self.ask(node, message)
        case .store(let command): .storage(await self.storage.execute(command))
        case .finish: preconditionFailure("nothing is left to do")
        }
    }

    private func blocker(_ summary: HintDelivery.Summary) -> String? {
        guard let (member, reason) = summary.unserved.min(by: { $0.key < $1.key }) else { return nil }
        return "\(self.node.layout?.member(member)?.name ?? member.description): \(reason)"
    }

    // MARK: Repair

    private func repairNext() async -> Bool {
        let pair = self.state.withLockedValue { state in
            let pair = state.schedule.nextRepair(now: MachineClock.elapsed)
            state.repair.running = pair?.partition.rawValue
            return pair
        }
        guard let pair else { return false }
        let result = await self.compare(pair)
        self.state.withLockedValue { state in
            state.repair.running = nil
            state.repair.comparisons += 1
            state.repair.keysRepaired += result.machine.receivedRecords
            state.repair.partitionsRepaired += result.machine.receivedRecords > 0 ? 1 : 0
            state.repair.bytesReceived += result.bytes
            if let failure = result.failure {
                state.repair.failedComparisons += 1
                state.repair.lastFailure = "partition \(pair.partition): \(failure)"
            }
            state.schedule.repairEnded(pair, isComplete: result.failure == nil, now: MachineClock.elapsed)
        }
        if result.machine.receivedRecords > 0 {
            self.node.logger.info(
                "replica repaired",
                metadata: [
                    "partition": "\(pair.partition)", "from": "\(pair.peer)",
                    "keys": "\(result.machine.receivedRecords)",
                ]
            )
        }
        return true
    }

    private func compare(
        _ pair: BackgroundSchedule.Pair
    ) async -> (machine: MerkleExchange, bytes: Int, failure: String?) {
        self.node.activity.begin(pair.partition)
        defer { self.node.activity.end(pair.partition) }
        var machine = MerkleExchange(partition: pair.partition)
        var action = machine.start()
        var bytes = 0
        while !Task.isCancelled {
            switch action {
            case .ask(let message):
                let answer = await self.node.admission.slice(of: .antiEntropy) { await self.ask(pair.peer, message) }
                if case .peer(let message) = answer { bytes += message.repairBytes }
                action = machine.answered(answer)
            case .store(let command):
                let outcome = await self.node.admission.slice(of: .antiEntropy) {
                    await self.storage.execute(command)
                }
                action = machine.answered(.storage(outcome))
            case .finish:
                return (machine, bytes, nil)
            case .fail(let reason):
                return (machine, bytes, reason)
            }
        }
        return (machine, bytes, "the node is stopping")
    }

    private func ask(_ node: NodeID, _ message: PeerMessage) async -> MerkleExchange.Answer {
        do {
            return .peer(try await self.control.askData(node, message))
        } catch {
            return .unreachable("\(error)")
        }
    }
}

extension PeerMessage {
    /// Bytes of what an answer of an exchange says, without its envelope.
    fileprivate var repairBytes: Int {
        switch self {
        case .sums(let sums): sums.count * 16
        case .digests(let digests, _): digests.count * 24
        case .page(let entries, _): entries.reduce(0) { $0 + $1.key.bytes.count + $1.record.encodedBytes }
        default: 0
        }
    }
}

extension BackgroundAPI.Admission {
    init(_ state: AdmissionController.State) {
        self.init(
            share: state.share,
            reason: state.reason.description,
            targetMilliseconds: state.target.milliseconds,
            latencyMilliseconds: state.latency?.milliseconds,
            storageWaitMilliseconds: state.storageWait?.milliseconds,
            operations: state.operations,
            failures: state.failures
        )
    }
}

extension Duration {
    fileprivate var milliseconds: Double { self / .milliseconds(1) }
}
