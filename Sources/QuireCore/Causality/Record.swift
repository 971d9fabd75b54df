/// All that one replica knows of one key: what it has seen, and the versions that nothing supersedes.
///
/// A record is a dotted version vector set (Dynamo §4.4, with explicit dots). Replicas exchange whole records
/// and nothing smaller, so that a vector never claims a version that its holder has not got.
///
/// Invariant: siblings are sorted by dot, their dots are distinct and covered by the vector.
package struct Record: Hashable, Sendable {
    /// What a write supersedes.
    package enum Supersession: Hashable, Sendable {
        /// Everything the client had read: the vector of its context, empty for a blind write.
        case context(VersionVector)
        /// Every sibling known here that is older than the write: the last-write-wins verbs.
        case older
    }

    package private(set) var vector: VersionVector
    package private(set) var siblings: [Version]

    /// A record that has seen nothing.
    package init() {
        self.vector = VersionVector()
        self.siblings = []
    }

    /// - Parameters:
    ///   - vector: What was seen.
    ///   - siblings: In any order; dots distinct.
    /// - Returns: `nil` when two siblings share a dot or one is not covered by the vector.
    package init?(vector: VersionVector, siblings: [Version]) {
        let sorted = siblings.sorted { $0.dot < $1.dot }
        for (index, sibling) in sorted.enumerated() {
            guard vector.covers(sibling.dot) else { return nil }
            guard index == 0 || sorted[index - 1].dot != sibling.dot else { return nil }
        }
        self.vector = vector
        self.siblings = sorted
    }

    package var isEmpty: Bool { self.vector.isEmpty }

    /// The sibling that a plain read shows, a tombstone included; `nil` for an empty record.
    package var winner: Version? {
        var result: Version?
        for sibling in self.siblings where result.map({ sibling.wins(over: $0) }) ?? true {
            result = sibling
        }
        return result
    }

    /// The greatest timestamp among the siblings, and just after it when several siblings share it.
    ///
    /// A plain write that is told of a later timestamp than its own is written again above it (SAFETY rule 4). With a
    /// tie each of the writers might be the one that the dots decide against, so each is told of a later one.
    package var latestTimestamp: HybridTimestamp {
        guard let latest = self.siblings.map(\.timestamp).max() else { return .zero }
        let isTie = self.siblings.count { $0.timestamp == latest } > 1
        return isTie ? HybridTimestamp(rawValue: latest.rawValue + 1) : latest
    }

    /// Whether the key has a value for a plain read at this moment.
    package func isLive(atMilliseconds now: UInt64) -> Bool {
        guard let winner = self.winner, !winner.isTombstone else { return false }
        return winner.expiryMilliseconds.map { $0 > now } ?? true
    }

    /// The version minted for `request`, if it is still a sibling.
    package func version(of request: RequestID) -> Version? {
        self.siblings.first { $0.request == request }
    }

    /// Whether merging `other` into this record would change nothing.
    package func descends(from other: Record) -> Bool {
        self.merging(other) == self
    }

    /// Adds a new version minted by this replica.
    ///
    /// - Precondition: the dot is new to this record.
    package mutating func mint(_ version: Version, superseding supersession: Supersession) {
        precondition(!self.vector.covers(version.dot), "the dot \(version.dot) was already issued")
        switch supersession {
        case .context(let seen):
            self.siblings.removeAll { seen.covers($0.dot) }
            self.vector.formUnion(seen)
        case .older:
            self.siblings.removeAll { $0.timestamp < version.timestamp }
        }
        self.vector.insert(version.dot)
        self.insertSorted(version)
    }

    /// Learns everything that `other` knows: commutative, associative, idempotent.
    ///
    /// A sibling stays if both records hold it, or if the record without it has not seen it.
    package mutating func merge(_ other: Record) {
        if self.vector.isEmpty {
            self = other
            return
        }
        var merged: [Version] = []
        var left = self.siblings[...]
        var right = other.siblings[...]
        while let next = Self.popSmallest(&left, &right) {
            let isKept =
                next.isInBoth
                || (next.isFromLeft ? !other.vector.covers(next.version.dot) : !self.vector.covers(next.version.dot))
            if isKept {
                merged.append(next.version)
            }
        }
        self.siblings = merged
        self.vector.formUnion(other.vector)
    }

    package func merging(_ other: Record) -> Record {
        var result = self
        result.merge(other)
        return result
    }

    private mutating func insertSorted(_ version: Version) {
        let index = self.siblings.firstIndex { version.dot < $0.dot } ?? self.siblings.endIndex
        self.siblings.insert(version, at: index)
    }

    private static func popSmallest(
        _ left: inout ArraySlice<Version>,
        _ right: inout ArraySlice<Version>
    ) -> (version: Version, isFromLeft: Bool, isInBoth: Bool)? {
        switch (left.first, right.first) {
        case (nil, nil):
            return nil
        case (let version?, nil):
            left.removeFirst()
            return (version, true, false)
        case (nil, let version?):
            right.removeFirst()
            return (version, false, false)
        case (let first?, let second?):
            if first.dot == second.dot {
                left.removeFirst()
                right.removeFirst()
                return (first, true, true)
            }
            if first.dot < second.dot {
                left.removeFirst()
                return (first, true, false)
            }
            right.removeFirst()
            return (second, false, false)
        }
    }
}
