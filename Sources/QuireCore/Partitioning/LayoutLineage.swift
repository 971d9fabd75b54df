/// Which life of the layout log a layout belongs to.
///
/// When the majority of the voters is lost for good, an operator begins a new life from what a survivor knows. Nodes of
/// different lives refuse each other's layouts: were both to go on, they could decide two layouts of one version (SAFETY
/// rule 14). A lineage is the list of all recoveries so far, so that a node that slept through several can still tell
/// whether the present life continues what it knows.
///
/// Invariant: bases ascend; versions of a recovered log begin at least a million above its base (`versionGap`), so that
/// no version is used by two lives, and at a place that its id gives, so that two recoveries of one log differ in their
/// versions and meet with alarm.
package struct LayoutLineage: Hashable, Sendable, Codable {
    /// Begins a life of the log.
    package struct Recovery: Hashable, Sendable, Codable {
        /// 16 hexadecimal digits, drawn at random: two operators may recover the same log from two survivors.
        package let id: String
        /// The last version of the life before that this one continues.
        package let base: LayoutVersion

        package init(id: String, base: LayoutVersion) {
            self.id = id
            self.base = base
        }
    }

    /// What a node does with a decided layout of another version than its own.
    package enum Relation: Hashable, Sendable {
        case same
        /// It continues what the node knows.
        case successor
        /// The node belongs to a successor of it.
        case predecessor
        /// Neither continues the other; or the node knows decided layouts that the recovery did not.
        case rival
    }

    package static let first = LayoutLineage()
    package static let versionGap = 1_000_000
    package static let recoveriesMax = 64

    /// Oldest first; empty for the log that the cluster began with.
    package let recoveries: [Recovery]

    package init(recoveries: [Recovery] = []) {
        self.recoveries = recoveries
    }

    /// How many recoveries there were.
    package var number: Int { self.recoveries.count }
    /// Empty for the first.
    package var id: String { self.recoveries.last?.id ?? "" }
    package var base: LayoutVersion { self.recoveries.last?.base ?? .none }

    package func recovering(id: String, base: LayoutVersion) -> LayoutLineage {
        LayoutLineage(recoveries: self.recoveries + [Recovery(id: id, base: base)])
    }

    /// Of the layout with which this life of the log begins.
    package var firstVersion: LayoutVersion {
        let place = (NodeID(self.id)?.rawValue ?? 0) % UInt64(Self.versionGap)
        return LayoutVersion(self.base.rawValue + Self.versionGap + Int(place))
    }

    /// How a layout of `other` stands to a node of this lineage that has adopted `version`.
    package func relation(of other: LayoutLineage, at version: LayoutVersion) -> Relation {
        if self == other { return .same }
        if other.recoveries.starts(with: self.recoveries) {
            // Up to the base both are the same log; what was decided after it is unknown to the recovery.
            return version <= other.recoveries[self.number].base ? .successor : .rival
        }
        return self.recoveries.starts(with: other.recoveries) ? .predecessor : .rival
    }

    /// Whether a layout of this version can belong to it.
    package func allows(_ version: LayoutVersion) -> Bool {
        self.recoveries.isEmpty || version.rawValue - Self.versionGap >= self.base.rawValue
    }

    package var isValid: Bool {
        let bases = self.recoveries.map(\.base.rawValue)
        return self.number <= Self.recoveriesMax
            && self.recoveries.allSatisfy { $0.base > .none && NodeID($0.id) != nil }
            && zip(bases, bases.dropFirst()).allSatisfy { $1 - Self.versionGap >= $0 }
    }
}
