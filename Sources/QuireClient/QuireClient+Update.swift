extension QuireClient {
    /// Reads a key, has its siblings made one, and writes the result in place of them: the paper's reconciliation by
    /// business logic (§4.4, §6).
    ///
    /// If somebody else writes meanwhile, or the fate of the write is unknown, everything is done again, until the key
    /// has the one value that `reconcile` has made, or the time is over. So `reconcile` may see its own result among the
    /// siblings, and **must be idempotent**: add an item to the union of carts, keep the greatest of counts; do not
    /// count one up.
    ///
    /// - Parameters:
    ///   - readQuorum: R; the cluster's if `nil`. With R + W > N it sees every write acknowledged before.
    ///   - writeQuorum: W; the cluster's if `nil`.
    ///   - durability: What the acknowledgements promise; the cluster's choice if `nil`.
    ///   - reconcile: Makes one value of all, or none to delete the key. It is given an empty list for a key without a
    ///     value. A result that is the only value already is not written again.
    /// - Returns: The one value, or none, and the context for a next write.
    /// - Throws: `QuireError`, or whatever `reconcile` throws; nothing was written in that round then.
    @discardableResult
    public nonisolated func update(
        _ key: [UInt8],
        readQuorum: Int? = nil,
        writeQuorum: Int? = nil,
        durability: QuireDurability? = nil,
        reconcile: (_ siblings: [[UInt8]]) throws -> [UInt8]?
    ) async throws -> QuireSiblings {
        let deadline = await self.deadline()
        var rounds = UpdateRounds()
        while true {
            let seen = try await self.get(key, readQuorum: readQuorum, deadline: deadline)
            let value = try reconcile(seen.values)
            let wanted = value.map { [$0] } ?? []
            if seen.values == wanted { return seen }
            let write = CausalWrite(key: key, value: value, context: seen.context, writeQuorum, durability)
            do {
                let outcome = try await self.write(write, deadline: deadline)
                if outcome.siblingCount == wanted.count {
                    return QuireSiblings(values: wanted, context: outcome.context)
                }
                rounds.conflicted(siblingCount: outcome.siblingCount)
            } catch {
                guard error.mayHaveBeenStored else { throw rounds.failure(with: error) }
                rounds.failed(error)
            }
            // Two clients that conflict do not meet again at once.
            guard await self.pause(rounds.nextPause(), deadline: deadline) else { throw rounds.failure(with: nil) }
        }
    }
}

/// What has happened in the rounds of one update so far.
struct UpdateRounds {
    private static let linesMax = 8
    private static let pauseMax = Duration.milliseconds(200)

    private var lines: [String] = []
    private var mayHaveBeenStored = false
    private var pause = Duration.milliseconds(2)
    private var generator = SystemRandomNumberGenerator()

    /// The value was stored, and others beside it.
    mutating func conflicted(siblingCount: Int) {
        self.note("stored, and \(siblingCount) values are left: somebody wrote at the same time")
    }

    /// The value may have been stored.
    mutating func failed(_ error: QuireError) {
        self.note("\(error)")
    }

    /// - Parameter last: What ended the last round without storing anything.
    func failure(with last: QuireError?) -> QuireError {
        guard self.mayHaveBeenStored else { return last ?? .gaveUp(attempts: self.lines, mayHaveBeenStored: false) }
        return .gaveUp(attempts: self.lines + (last.map { ["\($0)"] } ?? []), mayHaveBeenStored: true)
    }

    mutating func nextPause() -> Duration {
        defer { self.pause = min(self.pause * 2, Self.pauseMax) }
        return self.pause * Double.random(in: 0.5...1, using: &self.generator)
    }

    private mutating func note(_ line: String) {
        self.mayHaveBeenStored = true
        self.lines = Array((self.lines + [line]).suffix(Self.linesMax))
    }
}
