package import QuireCore

/// One thing that an examination of a data directory has to say.
package struct DirectoryFinding: Hashable, Sendable {
    /// Ascending.
    package enum Severity: Int, Hashable, Sendable, Comparable, CaseIterable {
        case ok
        /// As it may be; worth knowing.
        case note
        /// Nothing is lost, and something needs an operator.
        case warning
        /// What was stored cannot be read, or is not what was stored.
        case damage

        package static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
    }

    /// What it is about, for programs. Raw values are stable.
    package enum Matter: String, Hashable, Sendable, CaseIterable {
        case node
        case layout
        case membership
        case lastStop = "last_stop"
        case disk
        case directoryMissing = "directory_missing"
        case log
        case logTornTail = "log_torn_tail"
        case logUnfinished = "log_unfinished"
        case logGap = "log_gap"
        case logDamaged = "log_damaged"
        case logForeign = "log_foreign"
        case partitions
        case partitionsAbsent = "partitions_absent"
        case fileDamaged = "file_damaged"
        case fileIndex = "file_index"
        case fileForeign = "file_foreign"
        case fileNewer = "file_newer"
        case fileUnreadable = "file_unreadable"
        case fileUnexpected = "file_unexpected"
        case notChecked = "not_checked"
        case leavesNotCompared = "leaves_not_compared"
        case incomingLeftover = "incoming_leftover"
        case incomingPartial = "incoming_partial"
        case incomingLive = "incoming_live"
        case incomingReviving = "incoming_reviving"
        case retired
        case quarantined
        case companion
        case unknownFile = "unknown_file"
    }

    package let severity: Severity
    package let matter: Matter
    /// Relative to the data directory; `.` is the directory itself.
    package let file: String
    package var partition: PartitionID?
    /// In plain words.
    package let what: String
    /// What the node does about it at its next start; empty when that is nothing.
    package var next = ""
    /// What the operator can do; empty when there is nothing to do.
    package var remedy = ""
    /// What `DirectoryRepair` may do about it.
    package var repair: DirectoryRepairStep?

    package init(_ severity: Severity, _ matter: Matter, file: String, _ what: String) {
        self.severity = severity
        self.matter = matter
        self.file = file
        self.what = what
    }

    /// The same finding with what follows from it.
    package func with(next: String = "", remedy: String = "") -> Self {
        var finding = self
        finding.next = next
        finding.remedy = remedy
        return finding
    }
}

/// What may safely be done about a finding while no node runs on the directory.
///
/// Nothing else is ever done: the log, `layout.db` and `node.json` hold what exists only there.
package enum DirectoryRepairStep: Hashable, Sendable {
    /// The file with its WAL goes to `quarantine/`, as the node would do when it meets the damage.
    case setAside(StoreID, reason: String)
    /// The index is made anew from the rows; when that does not give a sound file, it is set aside.
    case rebuildIndex(StoreID, reason: String)
    /// A leftover that the next start would remove. Relative to the data directory.
    case remove(String)
}
