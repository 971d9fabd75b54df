/// For each actor, how many of its dots for one key are held or covered (Dynamo §4.4).
///
/// An entry `A: 9` claims that every dot of `A` for this key up to 9 is held or superseded. The order between
/// vectors is partial, so the type is not `Comparable`: use `descends(from:)`.
///
/// Invariant: entries are sorted by actor, unique, and their counters are at least 1.
package struct VersionVector: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package let actor: ActorID
        package var counter: UInt64

        package init(actor: ActorID, counter: UInt64) {
            self.actor = actor
            self.counter = counter
        }
    }

    package private(set) var entries: [Entry]

    package init() {
        self.entries = []
    }

    /// A vector of the given counters; an actor that appears twice keeps its greatest counter.
    package init(_ entries: some Sequence<Entry>) {
        self.init()
        for entry in entries where entry.counter > 0 {
            self.insert(Dot(actor: entry.actor, counter: entry.counter))
        }
    }

    package var isEmpty: Bool { self.entries.isEmpty }

    /// The counter of `actor`, 0 when it does not appear.
    package func counter(of actor: ActorID) -> UInt64 {
        let index = self.insertionIndex(of: actor)
        guard index < self.entries.count, self.entries[index].actor == actor else { return 0 }
        return self.entries[index].counter
    }

    /// Whether `dot` is held or superseded according to this vector.
    package func covers(_ dot: Dot) -> Bool {
        self.counter(of: dot.actor) >= dot.counter
    }

    /// Whether this vector covers all that `other` covers. Equal vectors descend from each other.
    package func descends(from other: VersionVector) -> Bool {
        other.entries.allSatisfy { self.counter(of: $0.actor) >= $0.counter }
    }

    /// Covers `dot` and everything its actor minted before.
    package mutating func insert(_ dot: Dot) {
        let index = self.insertionIndex(of: dot.actor)
        if index < self.entries.count, self.entries[index].actor == dot.actor {
            self.entries[index].counter = max(self.entries[index].counter, dot.counter)
        } else {
            self.entries.insert(Entry(actor: dot.actor, counter: dot.counter), at: index)
        }
    }

    /// The least vector that descends from both.
    package mutating func formUnion(_ other: VersionVector) {
        if self.entries.isEmpty {
            self.entries = other.entries
            return
        }
        for entry in other.entries {
            self.insert(Dot(actor: entry.actor, counter: entry.counter))
        }
    }

    package func union(_ other: VersionVector) -> VersionVector {
        var result = self
        result.formUnion(other)
        return result
    }

    private func insertionIndex(of actor: ActorID) -> Int {
        var low = 0
        var high = self.entries.count
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].actor < actor {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
