/// Tells how old messages are that come in on one link, without trusting anybody's wall clock (SAFETY rule 9).
///
/// The sender stamps each message with its own monotonic clock; how that is offset from ours is unknown, but bounded
/// from one side: whatever our *evidence* is, a moment of ours before which the peer cannot have made the stamp `s`, our
/// clock is ahead of the peer's by at least `evidence - s`, and a message stamped `t` is no older than
/// `now - t - (evidence - s)`. The age is overestimated by what lies between the evidence and the stamp: about one round
/// trip. Overestimating is safe: a message that is refused is sent again, or repaired later.
///
/// - Evidence comes with *clock questions* only, which are stamped after what they react to. The first thing on a link is
///   one; its evidence is when we finished the handshake, before we told the peer so. Other messages may have been stamped
///   before the link was there.
/// - Pauses count: a receiver that was stopped reads old stamps at a late `now`; a sender that was stopped stamped before.
/// - Monotonic clocks run at slightly different rates, so the bound is weakened with time, by `driftPerMille`, and
///   renewed: each answer to a clock question is evidence for the next question, which is asked after the answer has
///   come. Questions come in pairs, so that the second follows its evidence closely.
/// - A peer that does not stamp (`sentAt` 0), or has asked no clock question yet, is believed nothing.
///
/// A message that is refused for its age ends the link, so that the next one begins with new evidence.
package struct LinkClock: Sendable {
    /// What the rates of two monotonic clocks may differ by: ten times what a bad crystal does.
    package static let driftPerMille = 1
    /// The correlation of clock questions; a peer has at most one of them in flight.
    package static let correlation = UInt64.max

    /// The greatest known lower bound of "our clock minus the peer's", and when it was found.
    private struct Bound: Sendable {
        let offset: Duration
        let at: Duration

        func weakened(at now: Duration) -> Duration {
            self.offset - (now - self.at) * LinkClock.driftPerMille / 1000
        }
    }

    /// What is said of messages whose age cannot be told: older than any lifetime.
    package static let unknownAge = Duration.seconds(1 << 32)

    /// A moment before which the peer cannot have stamped its next clock question.
    private var evidence: Duration?
    private var bound: Bound?

    /// - Parameter openedAt: Our time just before the peer could know that the link is there.
    package init(openedAt: Duration) {
        self.evidence = openedAt
    }

    /// How long ago, at most, a message was stamped that is read now.
    ///
    /// - Parameter sentAtMilliseconds: The sender's stamp, rounded down; 0: none.
    package func age(ofMessageSentAt sentAtMilliseconds: UInt64, now: Duration) -> Duration {
        guard sentAtMilliseconds > 0, let bound = self.bound else { return Self.unknownAge }
        // The stamp of the question was rounded down by less than a millisecond, so the bound is that much too high.
        let age = now - Self.time(sentAtMilliseconds) - bound.weakened(at: now) + .milliseconds(1)
        return max(.zero, age)
    }

    /// A clock question came.
    package mutating func clockAsked(at sentAtMilliseconds: UInt64, now: Duration) {
        guard let evidence = self.evidence, sentAtMilliseconds > 0 else { return }
        self.evidence = nil
        let offset = evidence - Self.time(sentAtMilliseconds)
        if self.bound.map({ offset > $0.weakened(at: now) }) ?? true {
            self.bound = Bound(offset: offset, at: evidence)
        }
    }

    /// We are about to answer a clock question; the next one will be asked when the answer has come.
    package mutating func clockAnswered(now: Duration) {
        self.evidence = now
    }

    private static func time(_ milliseconds: UInt64) -> Duration {
        .milliseconds(Int64(clamping: min(milliseconds, 1 << 52)))
    }
}

extension Duration {
    /// Whole milliseconds, rounded down; at least 1, because 0 stands for "not said".
    package var stampMilliseconds: UInt64 {
        let (seconds, attoseconds) = self.components
        return UInt64(max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000))
    }
}
