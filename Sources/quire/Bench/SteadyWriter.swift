/// Writes one key after the other, each connection its own keys, and waits for every acknowledgement.
///
/// Invariant: at most one write of a key is under way, so that the journal's order is the order of the writes.
struct SteadyWriter: Sendable {
    struct Tally: Sendable {
        var acknowledged = 0
        var failed = 0
        var keys = 0
        var failures: [String] = []
        var latency = LatencyHistogram()

        mutating func failed(_ reason: String) {
            self.failed += 1
            if self.failures.count < 5 { self.failures.append(reason) }
        }

        mutating func add(_ other: Tally) {
            self.acknowledged += other.acknowledged
            self.failed += other.failed
            self.keys += other.keys
            self.failures = Array((self.failures + other.failures).prefix(5))
            self.latency.add(other.latency)
        }
    }

    let prefix: String
    let keyCount: Int
    let valueBytes: Int
    let connectionCount: Int
    /// Between two writes of one connection; `nil` for none.
    let pause: Duration?
    let deadline: ContinuousClock.Instant?
    let journal: WriteJournal
    let stop: StopSignal

    /// - Parameter index: Of this connection; it writes the keys `index`, `index + connectionCount`, … in turn.
    func run(_ index: Int, _ session: ProxySession) async throws -> Tally {
        let numbers = Array(stride(from: index, to: self.keyCount, by: self.connectionCount))
        var written: Set<Int> = []
        var tally = Tally()
        var due = ContinuousClock.now
        var step = 0
        while await !self.isOver() {
            if let pause = self.pause {
                try await Task.sleep(until: due)
                due = max(due + pause, ContinuousClock.now - pause)
            }
            let number = numbers[step % numbers.count]
            // Grows with every step, and no other connection uses it.
            let sequence = index + step * self.connectionCount
            if try await self.write(sequence, number: number, session, &tally) { written.insert(number) }
            step += 1
        }
        await session.close()
        tally.keys = written.count
        return tally
    }

    private func isOver() async -> Bool {
        if let deadline = self.deadline, ContinuousClock.now >= deadline { return true }
        return await self.stop.isRaised
    }

    /// - Returns: Whether the write was acknowledged.
    private func write(
        _ sequence: Int,
        number: Int,
        _ session: ProxySession,
        _ tally: inout Tally
    ) async throws -> Bool {
        let key = "\(self.prefix)/\(number)"
        let value = WriterValue.bytes(sequence: sequence, key: key, sizeBytes: self.valueBytes)
        let started = ContinuousClock.now
        do {
            let reply = try await session.sendOnce([[Array("SET".utf8), Array(key.utf8), value]]).first ?? .null
            if case .error(let text) = reply {
                tally.failed(text)
                try await Task.sleep(for: .milliseconds(20))
                return false
            }
        } catch {
            tally.failed(FailureReason.words(error))
            try await Task.sleep(for: .milliseconds(20))
            return false
        }
        tally.latency.record(milliseconds: (ContinuousClock.now - started).seconds * 1000)
        tally.acknowledged += 1
        try await self.journal.acknowledged(WriteJournal.Entry(key: key, sequence: sequence))
        return true
    }
}
