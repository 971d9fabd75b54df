/// What a record says without its values: its vector and the dots of its siblings.
///
/// A dot names one version for ever, so equal outlines mean equal records. A quorum read asks one replica for the
/// record and the others for outlines when values are large (Dynamo §5; "digest reads").
package struct RecordOutline: Hashable, Sendable {
    package let vector: VersionVector
    /// Ascending, distinct, covered by the vector.
    package let dots: [Dot]

    package init(of record: Record) {
        self.vector = record.vector
        self.dots = record.siblings.map(\.dot)
    }

    /// - Returns: `nil` unless the dots ascend and the vector covers them.
    package init?(vector: VersionVector, dots: [Dot]) {
        let ascends = zip(dots, dots.dropFirst()).allSatisfy { $0 < $1 }
        guard ascends, dots.allSatisfy(vector.covers) else { return nil }
        self.vector = vector
        self.dots = dots
    }
}

extension Record {
    /// Learns everything that a replica with this outline knows, if that takes no value which this record has not got.
    ///
    /// - Returns: `false` when a sibling of the other replica is missing here; nothing is changed then.
    package mutating func merge(_ outline: RecordOutline) -> Bool {
        let own = self.siblings.map(\.dot)
        guard outline.dots.allSatisfy({ own.contains($0) || self.vector.covers($0) }) else { return false }
        let kept = self.siblings.filter { outline.dots.contains($0.dot) || !outline.vector.covers($0.dot) }
        guard let merged = Record(vector: self.vector.union(outline.vector), siblings: kept) else { return false }
        self = merged
        return true
    }
}
