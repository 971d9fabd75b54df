/// What a pass over an input file did so far.
struct DatasetTally: Encodable, Sendable, Equatable {
    var keys = 0
    /// Of keys and values.
    var bytes = 0
    var seconds = 0.0
    /// Commands that were sent again because a node was busy.
    var retries = 0
    /// Entries that cannot be used or that the cluster refused.
    var refused = 0
    /// Keys that read back with other bytes, or not at all; verify only.
    var differing = 0
    var missing = 0

    mutating func add(_ other: DatasetTally) {
        self.keys += other.keys
        self.bytes += other.bytes
        self.retries += other.retries
        self.differing += other.differing
        self.missing += other.missing
    }
}

/// Walks over an input file with several connections at once: the common shape of load and verify.
///
/// Every connection takes the next batch when it has done one, so that memory is bounded by the number of
/// connections and a slow node slows only its own.
struct DatasetPass {
    typealias Work = @Sendable (DatasetSource.Batch, ProxySession) async throws -> DatasetTally

    let source: DatasetSource
    let totalBytes: Int?
    let addresses: [ProxyAddress]
    let connectionCount: Int
    let progress: ProgressReporter

    func run(_ work: @escaping Work) async throws -> DatasetTally {
        // A wrong address is said at once; patience is for nodes that were there.
        let probe = ProxySession(self.addresses)
        _ = try await probe.ask(["PING"])
        await probe.close()
        let started = ContinuousClock.now
        let total = try await withThrowingTaskGroup(of: DatasetTally.self) { group in
            for index in 0..<self.connectionCount {
                let session = ProxySession(self.addresses, offset: index)
                group.addTask { try await self.drain(into: session, work) }
            }
            return try await group.reduce(into: DatasetTally()) { $0.add($1) }
        }
        await self.progress.finish(await self.line())
        var result = total
        result.seconds = (ContinuousClock.now - started).seconds
        result.refused = await self.source.refusalCount
        return result
    }

    private func drain(into session: ProxySession, _ work: Work) async throws -> DatasetTally {
        var tally = DatasetTally()
        while let batch = try await self.source.nextBatch() {
            do {
                tally.add(try await work(batch, session))
            } catch {
                await self.source.finished(batch)
                throw error
            }
            await self.source.finished(batch)
            await self.progress.update(await self.line())
        }
        await session.close()
        return tally
    }

    private func line() async -> ProgressLine {
        ProgressLine(
            done: await self.source.consumedBytes,
            total: self.totalBytes,
            unit: .bytes,
            detail: "\(Quantity.count(await self.source.finishedCount)) keys"
        )
    }
}
