package import QuireCore

/// Why the engine, a control call or a reader of its files gave up.
package struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// Another process holds the data directory. Nothing was changed.
        case directoryInUse
        /// A file belongs to another cluster, partition or format. It was left as it is, or set aside.
        case foreignData
        /// A log record that had been synced is unreadable. Nothing was changed; do not retry without repair.
        case corruptLog
        /// A partition file or image fails its checks. An image was not used; a live file was set aside.
        case corruptFile
        /// The operating system refused. May be retried once the cause is gone.
        case inputOutput
        /// The seal is gone: too old, too large a WAL, or released. Seal again.
        case sealExpired
        /// Someone else's seal forbids this now. Retry when it is released.
        case sealHeld
        /// The partition is set aside until its data is fetched again.
        case quarantined
        /// The engine is stopping or stopped.
        case stopping
    }

    package let code: Code
    /// What happened, and what to do about it.
    package let message: String
    package let cause: String?
    package let partition: PartitionID?
    package let path: String?

    package init(
        _ code: Code,
        _ message: String,
        cause: String? = nil,
        partition: PartitionID? = nil,
        path: String? = nil
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.partition = partition
        self.path = path
    }

    package var description: String {
        [self.message, self.cause.map { "cause: \($0)" }, self.path.map { "file: \($0)" }]
            .compactMap { $0 }.joined(separator: "; ")
    }
}
