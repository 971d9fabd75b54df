/// Decides how much of a node's time background work may take, so that clients do not feel it (Dynamo §6.5).
///
/// It watches the foreground over the last minute: p99 of the latency of client operations and of the wait for
/// storage, and storage operations that failed. Every few seconds it compares them with the target. Over the
/// target: the share of time that background work may take is multiplied by a half; under it: the share
/// grows by a fixed step. While the minute as a whole is over the target but its end is not, the share is held, so
/// that one spike is not punished twelve times. Without foreground traffic background work has full speed.
///
/// A share that background work has not used says nothing of what clients can bear. So it grows only while work has to
/// wait for it, falls to what is used, and begins low when clients come (compare RFC 7661, on congestion windows).
///
/// Work is done in slices: ask, do a little, say how long it took. What a slice will take is charged when it begins, as
/// a guess from the slices before it: else many that ask at the same moment would all be let in. A kind of work gets
/// its part of the share by weight among the kinds that are active. At the floor every kind still gets a little:
/// nothing starves (a hint that is never delivered is a write that waits for a second failure).
///
/// Deterministic: time is an argument.
package struct AdmissionController: Sendable {
    package struct Configuration: Sendable {
        /// What p99 is compared with.
        package var target: Duration
        package var window: Duration
        /// How often the share is adjusted, and how finely the window moves.
        package var step: Duration
        /// Added to the share when the foreground is well.
        package var raise: Double
        /// The share is multiplied by this when it is not.
        package var lower: Double
        /// The least share, in `0...1`, not 0.
        package var floor: Double
        /// The share when clients come, and the least one for which work has to prove that it is borne.
        package var start: Double
        /// With fewer operations in the window than this a percentile says nothing.
        package var operationsMin: Int

        package init(
            target: Duration = .milliseconds(50),
            window: Duration = .seconds(60),
            step: Duration = .seconds(5),
            raise: Double = 0.1,
            lower: Double = 0.5,
            floor: Double = 0.1,
            start: Double = 0.2,
            operationsMin: Int = 20
        ) {
            precondition(floor > 0 && floor <= 1 && lower > 0 && lower < 1 && raise > 0, "shares are parts of one")
            self.target = target
            self.window = window
            self.step = step
            self.raise = raise
            self.lower = lower
            self.floor = floor
            self.start = max(floor, start)
            self.operationsMin = operationsMin
        }
    }

    /// Kinds of background work, each with its weight.
    package enum Work: String, Sendable, Hashable, CaseIterable {
        case hintDelivery
        case transfer
        case antiEntropy
        case snapshot
        case scrubbing

        var weight: Double {
            switch self {
            case .hintDelivery, .transfer: 4
            case .antiEntropy, .snapshot: 2
            case .scrubbing: 1
            }
        }
    }

    package enum Decision: Sendable, Equatable {
        case granted
        /// Ask again after this time.
        case wait(Duration)
    }

    /// Why the share is what it is.
    package enum Reason: Sendable, Equatable {
        /// Hardly any client asks for anything.
        case idle
        case latencyOver(Duration)
        case storageWaitOver(Duration)
        case storageFailed(Int)
        /// The last minute was over the target, its end is not.
        case settling
        case underTarget(Duration)
    }

    package struct State: Sendable, Equatable {
        /// In `floor...1`: the part of its time that background work may take.
        package let share: Double
        package let reason: Reason
        package let latency: Duration?
        package let storageWait: Duration?
        package let operations: Int
        package let failures: Int
        package let target: Duration
    }

    /// What background work did with its share since the share was last adjusted.
    private struct Use: Sendable {
        var worked = Duration.zero
        var hasWaited = false
    }

    /// A kind that has not asked for so long is not active: the others share its part.
    private static let activeWithin = Duration.seconds(2)
    /// The longest wait that is advised; the share may have grown by then.
    private static let waitMax = Duration.seconds(1)

    private let configuration: Configuration
    private var window: ForegroundWindow
    private var accounts: [Work: SliceAccount] = [:]
    private var share = 1.0
    private var reason = Reason.idle
    private var use = Use()
    private var adjustedIn: Int64 = -1

    package init(configuration: Configuration = .init()) {
        self.configuration = configuration
        self.window = ForegroundWindow(length: configuration.window, bucketLength: configuration.step)
    }

    // MARK: Events

    package mutating func foregroundSampled(_ sample: ForegroundSample, now: Duration) {
        self.window.add(sample, now: now)
        self.adjust(now: now)
    }

    /// A piece of work of this kind would like to begin.
    package mutating func sliceAsked(by work: Work, now: Duration) -> Decision {
        self.adjust(now: now)
        self.settle(work, now: now)
        self.accounts[work]?.askedAt = now
        let credit = self.accounts[work]?.credit ?? .zero
        guard self.share < 1, credit < .zero else {
            self.accounts[work]?.beginSlice()
            return .granted
        }
        self.use.hasWaited = true
        let needed = (.zero - credit) / self.rate(of: work, now: now)
        return .wait(min(max(needed, .milliseconds(1)), Self.waitMax))
    }

    /// A granted slice is over.
    ///
    /// - Parameter took: How long this node worked for it; waiting for others does not count.
    package mutating func sliceEnded(by work: Work, took: Duration, now: Duration) {
        self.settle(work, now: now)
        self.accounts[work]?.endSlice(took: took)
        self.use.worked += took
    }

    /// What is allowed now, and why.
    package mutating func state(now: Duration) -> State {
        self.adjust(now: now)
        let all = self.window.all(now: now)
        return State(
            share: self.share,
            reason: self.reason,
            latency: all.latency.percentile(0.99),
            storageWait: all.storageWait.percentile(0.99),
            operations: all.latency.count,
            failures: all.failures,
            target: self.configuration.target
        )
    }

    // MARK: Feedback

    /// At most once per step, but at once when clients come.
    private mutating func adjust(now: Duration) {
        let number = self.window.bucketNumber(now)
        guard number > self.adjustedIn || self.reason == .idle else { return }
        let all = self.window.all(now: now)
        let latest = self.window.latest(now: now)
        guard all.operations >= self.configuration.operationsMin || latest.failures > 0 else {
            self.reason = .idle
            self.share = 1
            return
        }
        self.adjustedIn = number
        defer { self.use = Use() }
        if self.reason == .idle {
            self.share = self.configuration.start
        }
        let isMinuteOver = self.percentileOverTarget(all, operationsMin: self.configuration.operationsMin) != nil
        if latest.failures > 0 {
            self.foregroundSuffers(.storageFailed(latest.failures))
        } else if isMinuteOver, let present = self.percentileOverTarget(latest, operationsMin: 1) {
            self.foregroundSuffers(present)
        } else if isMinuteOver {
            self.reason = .settling
        } else {
            self.foregroundIsWell(all)
        }
    }

    private mutating func foregroundSuffers(_ reason: Reason) {
        self.reason = reason
        self.share = max(self.configuration.floor, self.share * self.configuration.lower)
    }

    private mutating func foregroundIsWell(_ all: ForegroundSample) {
        let hasTrafficBegun = self.reason == .idle
        self.reason = .underTarget(all.latency.percentile(0.99) ?? all.storageWait.percentile(0.99) ?? .zero)
        guard !hasTrafficBegun else { return }
        if self.use.hasWaited {
            self.share = min(1, self.share + self.configuration.raise)
        } else if self.share > self.configuration.start {
            // Twice, because work comes unevenly.
            let used = 2 * (self.use.worked / self.configuration.step)
            self.share = max(self.configuration.start, min(self.share, used))
        }
    }

    private func percentileOverTarget(_ sample: ForegroundSample, operationsMin: Int) -> Reason? {
        let isOver = { (histogram: DurationHistogram) -> Duration? in
            guard histogram.count >= operationsMin, let value = histogram.percentile(0.99),
                value > self.configuration.target
            else { return nil }
            return value
        }
        if let latency = isOver(sample.latency) { return .latencyOver(latency) }
        return isOver(sample.storageWait).map { .storageWaitOver($0) }
    }

    // MARK: Slices

    /// Brings a kind's account up to date.
    private mutating func settle(_ work: Work, now: Duration) {
        let rate = self.rate(of: work, now: now)
        self.accounts[work, default: SliceAccount(now: now)].settle(rate: rate, now: now)
    }

    /// Seconds of work per second for this kind now; at least its part of the floor.
    private func rate(of work: Work, now: Duration) -> Double {
        let active = Work.allCases.filter { other in
            other == work || self.accounts[other].map { now - $0.askedAt <= Self.activeWithin } ?? false
        }
        return self.share * work.weight / active.reduce(0) { $0 + $1.weight }
    }
}

extension AdmissionController.Reason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .idle: "no foreground traffic worth measuring"
        case .latencyOver(let latency): "client p99 of \(Self.words(latency)) is over the target"
        case .storageWaitOver(let wait): "storage p99 of \(Self.words(wait)) is over the target"
        case .storageFailed(let count): "\(count) storage operations failed"
        case .settling: "the last minute was over the target, its end is not"
        case .underTarget(let latency): "p99 of \(Self.words(latency)) is under the target"
        }
    }

    /// `41.0 ms`
    private static func words(_ duration: Duration) -> String {
        let tenths = Int((duration / .microseconds(100)).rounded(.up))
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}
