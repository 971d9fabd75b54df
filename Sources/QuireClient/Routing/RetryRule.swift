import QuireCore

/// Decides after a failed attempt whether the operation is tried again, and when (SAFETY rule 4).
///
/// What is tried again is what surely did nothing, and reads. A write whose fate is unknown is not: sent again, it is
/// executed as a second write. Of a causal write both versions could be kept, and the second would come back after
/// somebody replaced the first. A last-write-wins write would get a later timestamp, and win over a write that had
/// replaced it in between: it is repeated only if the caller has said that this cannot matter.
///
/// Invariant: no attempt begins after the deadline.
struct RetryRule: Sendable {
    enum Kind: Equatable, Sendable {
        case read
        /// Executed at most once.
        case write
        /// A last-write-wins write that may be executed again.
        case repeatableWrite
    }

    enum Step: Equatable, Sendable {
        case tryNext
        case pause(until: Duration)
        case fail(QuireError)
    }

    private static let linesMax = 8

    private let kind: Kind
    private let deadline: Duration
    private let pauseRange: ClosedRange<Duration>
    private var generator: SeededGenerator
    private var pauses = 0
    private var errors: [QuireError] = []
    private var lines: [String] = []
    private var isFateUnknown = false

    init(kind: Kind, deadline: Duration, pauseRange: ClosedRange<Duration>, seed: UInt64) {
        self.kind = kind
        self.deadline = deadline
        self.pauseRange = pauseRange
        self.generator = SeededGenerator(seed: seed)
    }

    /// - Parameter isRoundOver: Whether every node has been tried.
    mutating func failed(_ error: QuireError, at endpoint: QuireEndpoint, isRoundOver: Bool, now: Duration) -> Step {
        self.note(error, at: endpoint)
        if case .refused(let code, _) = error, !Self.isPassing(code) { return .fail(error) }
        if error.mayHaveBeenStored {
            switch self.kind {
            case .read, .repeatableWrite: break
            case .write: return .fail(self.outcome)
            }
        }
        guard isRoundOver || Self.isOfTheCluster(error) else {
            return now < self.deadline ? .tryNext : .fail(self.outcome)
        }
        let moment = now + self.nextPause()
        return moment < self.deadline ? .pause(until: moment) : .fail(self.outcome)
    }

    /// What to throw when the operation ends now.
    var outcome: QuireError {
        if self.errors.count == 1 { return self.errors[0] }
        if self.errors.isEmpty { return .gaveUp(attempts: ["no time was left"], mayHaveBeenStored: false) }
        let isNeverSent = self.errors.allSatisfy { if case .unreachable = $0 { true } else { false } }
        if isNeverSent { return .unreachable(self.lines) }
        return .gaveUp(attempts: self.lines, mayHaveBeenStored: self.isFateUnknown)
    }

    private mutating func note(_ error: QuireError, at endpoint: QuireEndpoint) {
        self.errors = Array((self.errors + [error]).suffix(Self.linesMax))
        self.isFateUnknown = self.isFateUnknown || (self.kind != .read && error.mayHaveBeenStored)
        let line: String
        switch error {
        case .refused(let code, let message): line = "\(endpoint): \(code) \(message)"
        case .connectionClosed: line = "\(endpoint): the connection ended before the answer came"
        case .timedOut: line = "\(endpoint): no answer in time"
        case .unreachable(let reasons): line = reasons.joined(separator: "; ")
        case .protocolViolation(let what): line = "\(endpoint): \(what)"
        case .gaveUp(let attempts, _): line = attempts.joined(separator: "; ")
        }
        self.lines = Array((self.lines + [line]).suffix(Self.linesMax))
    }

    private mutating func nextPause() -> Duration {
        let doubled = self.pauseRange.lowerBound * (1 << min(self.pauses, 20))
        self.pauses += 1
        return min(doubled, self.pauseRange.upperBound) * Double.random(in: 0.5...1, using: &self.generator)
    }

    /// Whether the same request may succeed elsewhere, or a little later.
    private static func isPassing(_ code: String) -> Bool {
        ["QUORUM", "OVERLOADED", "NOTREADY", "NOTDURABLE", "LOADING", "TRYAGAIN"].contains(code)
    }

    /// Whether the next node would most likely answer the same just now.
    private static func isOfTheCluster(_ error: QuireError) -> Bool {
        if case .refused(let code, _) = error { return code == "QUORUM" || code == "OVERLOADED" }
        return false
    }
}
