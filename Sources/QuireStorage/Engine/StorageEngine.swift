import Dispatch
import Glibc
package import QuireCore

/// The storage of one node: durable records, one file per partition replica.
///
/// Commands go to the shard of their partition, `p mod K`, and are answered through sinks. A write is
/// answered by `.durable` only after its record was synced. Control calls run on the shard's thread, after
/// everything that was submitted before them.
///
/// Between `init` and `stop` the engine holds its data directory; a process has one engine per directory.
package final class StorageEngine: Sendable {
    package let configuration: StorageConfiguration
    let shards: [StorageShard]
    let directory: DataDirectory
    private let lockDescriptor: Int32
    private let lineage: UInt64

    /// Opens a data directory, recovers what its log holds, starts the shards.
    ///
    /// Blocks; run it off event loops.
    package init(_ configuration: StorageConfiguration) throws(StorageError) {
        let directory = DataDirectory(path: configuration.directory)
        try directory.make()
        let descriptor = try directory.acquire()
        do {
            let recovered = try StorageRecovery(configuration: configuration, directory: directory).run()
            self.shards = recovered.cores.map { StorageShard(core: $0) }
            self.lineage = recovered.lineage
        } catch {
            close(descriptor)
            throw Self.storageError(error)
        }
        self.configuration = configuration
        self.directory = directory
        self.lockDescriptor = descriptor
        for shard in self.shards {
            shard.start()
        }
    }

    /// Hands commands to their shards. Tokens are the caller's; completions name them again.
    package func submit(_ commands: [(token: UInt64, command: StorageCommand)], sink: any StorageSink) {
        self.submit(commands.map { StorageRequest(token: $0.token, command: $0.command) }, sink: sink)
    }

    package func submit(_ requests: [StorageRequest], sink: any StorageSink) {
        let count = self.shards.count
        if requests.count == 1 || count == 1 {
            guard let first = requests.first else { return }
            self.shards[first.command.partition.rawValue % count].submit(requests, sink: sink)
            return
        }
        var parts = [[StorageRequest]](repeating: [], count: count)
        for request in requests {
            parts[request.command.partition.rawValue % count].append(request)
        }
        for (shard, part) in zip(self.shards, parts) where !part.isEmpty {
            shard.submit(part, sink: sink)
        }
    }

    // MARK: Seals

    /// Holds the partition's file still, complete with all that was acknowledged before.
    ///
    /// - Returns: `nil` when the partition has no records here.
    /// - Throws: `sealHeld` when an older seal is held and records were written since.
    package func seal(_ partition: PartitionID) async throws -> SealedImage? {
        try await self.shard(of: partition).perform { try $0.seal(partition) }
    }

    /// - Parameter index: In `0..<seal.blockCount`; every block but the last has `SealedImage.blockBytes`.
    /// - Throws: `sealExpired` when the seal is gone.
    package func readBlock(_ seal: SealedImage, _ index: Int) async throws -> [UInt8] {
        try await self.shard(of: seal.partition).perform { try $0.readBlock(seal, index: index) }
    }

    /// The sealed file for readers that need no shard for each block.
    ///
    /// - Throws: `sealExpired` when the seal is gone.
    package func open(_ seal: SealedImage) async throws -> SealedFile {
        try await self.shard(of: seal.partition).perform { try $0.open(seal) }
    }

    /// Whether what was read under the seal until now is the image.
    package func holds(_ seal: SealedImage) async throws -> Bool {
        try await self.shard(of: seal.partition).perform { $0.holds(seal) }
    }

    /// Releasing what is gone does nothing.
    package func unseal(_ seal: SealedImage) async throws {
        try await self.shard(of: seal.partition).perform { $0.unseal(seal) }
    }

    // MARK: Files

    /// A name in `incoming/` to which an image may be downloaded; removed at the next start, unless it is `<p>.db` and
    /// `<p>.note` is there too.
    package func incomingPath(named name: String) -> String {
        "\(self.directory.incoming)/\(name)"
    }

    /// Checks an image, then makes it the partition's file and merges into it what was written here meanwhile.
    ///
    /// Ends a quarantine. The replica mints under a fresh actor afterwards.
    ///
    /// - Parameter path: In `incoming/`; the file is taken away. Untouched when this throws `corruptFile` or
    ///   `foreignData`.
    package func install(_ partition: PartitionID, imageAt path: String) async throws {
        try await Self.offThread { try self.check(partition, imageAt: path) }
        try await self.shard(of: partition).perform { try $0.install(partition, imagePath: path, isSpare: false) }
    }

    /// The second half of `install`, for an image that has passed `check`, was not touched since, and can be had again:
    /// a crash before it is installed may leave it damaged.
    package func install(_ partition: PartitionID, checkedImageAt path: String) async throws {
        try await self.shard(of: partition).perform { try $0.install(partition, imagePath: path, isSpare: true) }
    }

    /// Moves the partition's file to `retired/`.
    ///
    /// - Parameter version: The layout by which the partition belongs elsewhere.
    /// - Returns: Where it is; `nil` when there was none.
    package func retire(_ partition: PartitionID, at version: LayoutVersion) async throws -> String? {
        try await self.shard(of: partition).perform { try $0.retire(partition, at: version) }
    }

    /// Ends a quarantine without an image: the partition begins anew, empty but for what the log still holds.
    package func readmit(_ partition: PartitionID) async throws {
        try await self.readmit(.replica(partition))
    }

    package func readmit(_ store: StoreID) async throws {
        try await self.shard(of: store.partition).perform { try $0.endQuarantine($0.state(of: store)) }
    }

    /// Brings a partition's buffered records into its file.
    package func flush(_ partition: PartitionID) async throws {
        try await self.flush(.replica(partition))
    }

    package func flush(_ store: StoreID) async throws {
        try await self.shard(of: store.partition).perform { try $0.flush($0.state(of: store)) }
    }

    /// What the node holds as a stand-in. From memory: cheap.
    package func hintStatistics() async throws -> HintStatistics {
        var statistics = HintStatistics()
        for shard in self.shards {
            statistics.formUnion(try await shard.perform { $0.hintStatistics() })
        }
        return statistics
    }

    package func statistics() async throws -> StorageStatistics {
        var statistics = StorageStatistics()
        for shard in self.shards {
            let before = statistics
            statistics = try await shard.perform { core in
                var result = before
                core.addStatistics(to: &result)
                return result
            }
        }
        statistics.partitions.sort { $0.partition < $1.partition }
        return statistics
    }

    // MARK: End

    /// Stops cleanly: everything is in complete files, and actors may live on.
    ///
    /// When it throws, everything acknowledged is still in log and files, but the next start finds an unclean end.
    package func stop() async throws {
        let failure = await withTaskGroup(of: StorageError?.self) { group in
            for shard in self.shards {
                group.addTask {
                    do {
                        try await shard.perform { try $0.finish() }
                        return nil
                    } catch {
                        return Self.storageError(error)
                    }
                }
            }
            var failure: StorageError?
            for await result in group {
                failure = failure ?? result
            }
            return failure
        }
        self.end()
        defer { close(self.lockDescriptor) }
        if let failure { throw failure }
        try self.directory.putCleanMarker(lineage: self.lineage)
    }

    /// Ends as a crash would: nothing is flushed, nothing is marked. For tests.
    package func abandon() {
        self.end()
        close(self.lockDescriptor)
    }

    private func end() {
        for shard in self.shards {
            shard.join()
            shard.idleCore.close()
        }
    }

    private func shard(of partition: PartitionID) -> StorageShard {
        self.shards[partition.rawValue % self.shards.count]
    }

    static func offThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Swift.Result { try body() })
            }
        }
    }

    /// The first half of `install`: whether the image is a sound replica of the partition. Blocks for long.
    ///
    /// - Parameter pause: Called every now and then; may block, and ends the check when it throws.
    package func check(_ partition: PartitionID, imageAt path: String, pause: () throws -> Void = {}) throws {
        // A left-over WAL beside the image would be replayed over it.
        try FileSystem.removeCompanions(of: path)
        let reader = try PartitionImageReader(
            path: path,
            expecting: self.configuration.identity(of: .replica(partition))
        )
        try reader.map()
        try pause()
        try reader.checkStructure()
        try pause()
        try reader.checkContent(digester: self.configuration.digester, pause: pause)
    }

    private static func storageError(_ error: any Error) -> StorageError {
        (error as? StorageError) ?? StorageError(.inputOutput, "storage could not do it", cause: "\(error)")
    }
}
