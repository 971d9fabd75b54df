package import QuireCore

/// What an examination of a data directory has found.
package struct DirectoryReport: Sendable {
    /// Bytes by where they lie.
    package struct Sizes: Hashable, Sendable {
        package var log = 0
        package var partitions = 0
        package var hints = 0
        package var incoming = 0
        package var retired = 0
        package var quarantine = 0
        /// Files of the directory itself, `layout.db` among them, and what does not belong here.
        package var other = 0

        package var total: Int {
            self.log + self.partitions + self.hints + self.incoming + self.retired + self.quarantine + self.other
        }
    }

    /// Files of one kind of store.
    package struct Stores: Hashable, Sendable {
        package var files = 0
        package var sound = 0
        /// What sound files say that they hold; of others nothing is counted.
        package var tally = RecordTally()
        package var walBytes = 0
    }

    package enum LastStop: String, Hashable, Sendable {
        case clean
        case unclean
        /// No storage was ever opened here.
        case never
    }

    package var clusterID: String?
    package var partitionCount: PartitionCount?
    package var lastStop = LastStop.never
    package var replicas = Stores()
    package var hints = Stores()
    /// Stores that were set aside earlier.
    package var quarantined = 0
    package var logRecords = 0
    /// Whether the leaves of some file fit its rows by the key that was given: it is the cluster's.
    package var isKeyProven = false
    package var sizes = Sizes()
    package var freeBytes = 0
    /// In the order in which they were made: the directory itself, log, files, the rest.
    package var findings: [DirectoryFinding] = []

    package init() {}

    package var worst: DirectoryFinding.Severity { self.findings.map(\.severity).max() ?? .ok }

    package func findings(of severity: DirectoryFinding.Severity) -> [DirectoryFinding] {
        self.findings.filter { $0.severity == severity }
    }
}

/// How far an examination has come.
package struct ExaminationProgress: Hashable, Sendable {
    package var doneBytes = 0
    package var totalBytes = 0
    package var files = 0
}
