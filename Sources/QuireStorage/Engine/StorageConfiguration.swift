package import QuireCore

/// How one node's storage runs.
package struct StorageConfiguration: Sendable {
    package var directory: String
    /// At most 64 bytes of UTF-8.
    package var clusterID: String
    package var partitionCount: PartitionCount
    package var digester: RecordDigester
    /// K: partition p lives on shard p mod K.
    package var shardCount = 2
    /// Bounds of each shard's write buffer: above half of it flushing begins, above it writes wait for flushing.
    package var bufferBytesMax = 64 << 20
    /// A partition with this many unflushed records is flushed, so that one flush never takes long.
    package var bufferedRecordsMax = 8192
    /// Bytes of keys and records that the node's hint stores hold at most; each shard has an equal share. Above that
    /// new hints are refused. The files take about 1.4 times as much.
    package var hintBytesMax = 1 << 30
    package var segmentBytes = 64 << 20
    /// A shard's log above this is shortened by flushing the partition that holds it back.
    package var logBytesMax = 256 << 20
    /// Unflushed records wait at most this long for their partition's next flush.
    package var flushAgeMilliseconds: UInt64 = 30_000
    /// Open partition files, of all shards together; sealed ones may exceed it. Two descriptors each.
    package var openFilesMax = 512
    /// A file's WAL is copied into it above this size.
    package var checkpointBytes = 16 << 20
    package var sealAgeMillisecondsMax: UInt64 = 30 * 60_000
    package var sealWALBytesMax = 256 << 20
    /// After a failed write the log is tried again this often.
    package var retryMilliseconds: UInt64 = 100
    /// Commands and bytes that may wait for a shard; above that, commands are refused as overloaded.
    package var queuedCommandsMax = 1 << 17
    package var queuedBytesMax = 256 << 20
    /// Milliseconds since 1970.
    package var now: @Sendable () -> UInt64
    package var random: @Sendable () -> UInt64
    /// The clock of the deadlines of requests; without one they never pass.
    package var elapsed: (@Sendable () -> Duration)?
    package var faults: StorageFaults?

    package init(
        directory: String,
        clusterID: String,
        partitionCount: PartitionCount,
        digester: RecordDigester,
        now: @escaping @Sendable () -> UInt64,
        random: @escaping @Sendable () -> UInt64
    ) {
        self.directory = directory
        self.clusterID = clusterID
        self.partitionCount = partitionCount
        self.digester = digester
        self.now = now
        self.random = random
    }

    func identity(of store: StoreID) -> PartitionIdentity {
        PartitionIdentity(
            clusterID: self.clusterID,
            partition: store.partition,
            partitionCount: self.partitionCount,
            content: store.isHints ? .hints : .replica
        )
    }
}

/// Makes the next writes go wrong, for tests and drills.
package final class StorageFaults: @unchecked Sendable {
    // `@unchecked`: the stored properties are only touched under the lock.
    private let lock = ConditionLock()
    private var writeErrorNumber: Int32?
    private var syncErrorNumber: Int32?
    private var flushErrorNumber: Int32?

    package init() {}

    /// The `errno` with which the log fails to write; `nil` lets it succeed.
    package var writeError: Int32? {
        get { self.lock.locked { self.writeErrorNumber } }
        set { self.lock.locked { self.writeErrorNumber = newValue } }
    }

    /// The `errno` with which the log fails to sync.
    package var syncError: Int32? {
        get { self.lock.locked { self.syncErrorNumber } }
        set { self.lock.locked { self.syncErrorNumber = newValue } }
    }

    /// The `errno` with which flushing to partition files fails.
    package var flushError: Int32? {
        get { self.lock.locked { self.flushErrorNumber } }
        set { self.lock.locked { self.flushErrorNumber = newValue } }
    }
}

/// A command, who asks, and until when the answer is of use.
package struct StorageRequest: Sendable {
    /// The asker's; completions name it again.
    package let token: UInt64
    package let command: StorageCommand
    /// On the clock `StorageConfiguration.elapsed`. Reads and merges that a shard reaches later are not executed but
    /// answered as overloaded; mints and drops are executed whenever. `nil`: never too late.
    package let deadline: Duration?

    package init(token: UInt64, command: StorageCommand, deadline: Duration? = nil) {
        self.token = token
        self.command = command
        self.deadline = deadline
    }
}

/// Takes what the shards answer.
package protocol StorageSink: AnyObject, Sendable {
    /// Called from shard threads, in the order of completion of each shard; must not block.
    func deliver(_ completions: [StorageCompletion])
}
