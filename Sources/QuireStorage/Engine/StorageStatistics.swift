package import QuireCore

/// What storage holds now.
package struct StorageStatistics: Sendable {
    package struct Partition: Sendable {
        package let partition: PartitionID
        /// `nil` until the file was first touched.
        package let tally: RecordTally?
        /// Of the file, its WAL and its unflushed records.
        package let bytes: Int
    }

    /// Those with a file or with unflushed records, ascending.
    package var partitions: [Partition] = []
    /// Partitions set aside, and why.
    package var quarantined: [PartitionID: String] = [:]
    package var hints = HintStatistics()
    package var bufferBytes = 0
    package var logBytes = 0
    package var openFiles = 0
    /// Why writes are refused, by shard.
    package var logFailures: [Int: String] = [:]
}

/// What a node holds as a stand-in. No part of it counts as replica data.
package struct HintStatistics: Sendable, Equatable {
    package struct Store: Sendable, Equatable {
        package let partition: PartitionID
        package let records: Int
        /// Of keys and encoded records; the file is somewhat larger.
        package let bytes: Int
        /// How long ago the store ceased to be empty: no hint in it is older.
        ///
        /// Outlives a restart; after a crash the hints that were not flushed yet count from the start on.
        package let ageMilliseconds: UInt64
    }

    /// Those that hold something, ascending.
    package var stores: [Store] = []
    /// Hint stores set aside, and why.
    package var quarantined: [PartitionID: String] = [:]

    package init() {}

    package var records: Int { self.stores.reduce(0) { $0 + $1.records } }
    package var bytes: Int { self.stores.reduce(0) { $0 + $1.bytes } }
    /// Adds those of another shard.
    mutating func formUnion(_ other: HintStatistics) {
        self.stores = (self.stores + other.stores).sorted { $0.partition < $1.partition }
        self.quarantined.merge(other.quarantined) { own, _ in own }
    }

    /// `nil` without hints.
    package var oldestAgeMilliseconds: UInt64? { self.stores.map(\.ageMilliseconds).max() }
}
