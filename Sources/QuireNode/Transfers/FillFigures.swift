import QuireCore
import QuireWire

/// What operators see of one partition that fills itself.
struct FillFigures: Sendable {
    /// Bytes over the last seconds.
    private struct Rate {
        private static let window = Duration.seconds(5)
        private var samples: [(at: Duration, bytes: Int)] = []
        private var begunAt = Duration.zero

        mutating func began(now: Duration) {
            self.samples = []
            self.begunAt = now
        }

        mutating func add(_ bytes: Int, now: Duration) {
            self.samples.append((now, bytes))
            self.samples.removeAll { now - $0.at > Self.window }
        }

        func bytesPerSecond(now: Duration) -> Int {
            let recent = self.samples.filter { now - $0.at <= Self.window }.reduce(0) { $0 + $1.bytes }
            let time = min(now - self.begunAt, Self.window)
            return time > .zero ? Int(Double(recent) / (time / .seconds(1))) : 0
        }
    }

    private let partition: PartitionID
    private let target: String
    private let sources: [String]
    private let startedAt: Duration
    private var rate = Rate()
    private var wireBytes = 0
    private var pulledBytes = 0
    private var blockBytes = 1
    var source: String?
    private(set) var attempts: Int
    private(set) var step = PartitionTransfer.Step.waiting
    private(set) var bytesDone = 0
    private(set) var bytesTotal = 0
    private var resumedFromBlock: Int?
    private(set) var blocker: String?
    /// When the present source was asked for its file; milliseconds since 1970.
    private(set) var sealedMilliseconds: UInt64 = 0

    /// - Parameter attempts: Of earlier transfers of the partition in this change.
    init(_ partition: PartitionID, target: String, sources: [String], attempts: Int, now: Duration) {
        self.partition = partition
        self.target = target
        self.sources = sources
        self.source = sources.first
        self.attempts = attempts + 1
        self.startedAt = now
    }

    // MARK: Events

    mutating func stepped(to step: PartitionTransfer.Step, wallMilliseconds: UInt64) {
        if step == .sealing, self.step != .sealing { self.sealedMilliseconds = wallMilliseconds }
        self.step = step
    }

    mutating func prepared(_ manifest: SealManifest, heldBytes: Int, firstMissing: Int?, now: Duration) {
        self.blockBytes = manifest.blockBytes
        self.bytesTotal = manifest.sizeBytes
        self.bytesDone = heldBytes
        self.resumedFromBlock = heldBytes > 0 ? firstMissing : nil
        self.rate.began(now: now)
    }

    mutating func pulled(_ part: BlockPull.Part, now: Duration) {
        self.bytesDone += part.bytes
        self.pulledBytes += part.bytes
        self.wireBytes += part.wireBytes
        self.rate.add(part.bytes, now: now)
    }

    /// It goes on with another source, or with another seal of the same one.
    mutating func setBack(_ reason: String) {
        self.attempts += 1
        self.blocker = reason
    }

    /// - Parameter failure: `nil` when the partition is covered.
    mutating func ended(_ failure: String?) {
        self.blocker = failure
    }

    // MARK: Reading

    func described(now: Duration) -> TransferAPI.Incoming {
        var incoming = TransferAPI.Incoming(
            partition: self.partition.rawValue,
            target: self.target,
            source: self.source,
            step: self.step.rawValue,
            bytesDone: self.bytesDone,
            bytesTotal: self.bytesTotal,
            ageMilliseconds: Int((now - self.startedAt) / .milliseconds(1)),
            attempts: self.attempts,
            blocker: self.blocker
        )
        incoming.sources = self.sources
        incoming.resumedFromBlock = self.resumedFromBlock
        if self.wireBytes > 0 { incoming.compressionRatio = Double(self.pulledBytes) / Double(self.wireBytes) }
        if self.step == .copying {
            let rate = self.rate.bytesPerSecond(now: now)
            incoming.bytesPerSecond = rate
            if rate > 0 { incoming.etaSeconds = (self.bytesTotal - self.bytesDone + rate - 1) / rate }
        }
        return incoming
    }
}
