/// Something about the layout log that a person must look at; nothing is changed by it.
package enum LayoutAlarm: Hashable, Sendable, CustomStringConvertible {
    /// The checker of this node disagrees with a layout that was proposed, or decided all the same (SAFETY rule 14).
    case objection(LayoutVersion, isDecided: Bool, reason: String)
    /// A layout of another life of the log was refused: either of the one that a recovery ended, or of a recovery that
    /// knew less than this node (SAFETY rule 14).
    case foreignLineage(LayoutLineage, LayoutVersion, own: LayoutVersion)

    package var description: String {
        switch self {
        case .objection(let version, let isDecided, let reason):
            let what = isDecided ? "was decided" : "was proposed and not accepted here"
            return "layout \(version) \(what), and the checker of this node objects: \(reason)"
        case .foreignLineage(let lineage, let version, let own):
            return "layout \(version) of recovery \(lineage.number) (\(lineage.id)), which continues layout "
                + "\(lineage.base), was refused: this node has layout \(own) of another life of the layout log; the "
                + "nodes on the wrong side must be emptied and join anew"
        }
    }
}

/// How often each kind of alarm was raised since the start, and the last of each in words.
package struct LayoutAlarms: Hashable, Sendable {
    package private(set) var objections = 0
    package private(set) var foreignLineages = 0
    package private(set) var last: LayoutAlarm?

    package init() {}

    /// - Returns: whether it is another one than the last; the same is counted again and not told again.
    package mutating func raised(_ alarm: LayoutAlarm) -> Bool {
        switch alarm {
        case .objection: self.objections += 1
        case .foreignLineage: self.foreignLineages += 1
        }
        defer { self.last = alarm }
        return self.last != alarm
    }
}
