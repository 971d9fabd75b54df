import QuireCore

/// Puts away what a shard holds from a membership that has ended.
extension ShardCore {
    /// Retires every replica, and forgets every hint. What a crash interrupts can be done again.
    ///
    /// - Parameter version: For the names of the retired files.
    func endMembership(at version: LayoutVersion) throws -> VoidedStores {
        var voided = VoidedStores()
        self.seals = [:]
        // A retry of the same request is a write of the new membership.
        self.recentRequests = RecentRequests()
        for state in self.replicas {
            if state.quarantine != nil {
                try self.forgetBuffer(of: state)
            } else if try self.retire(state.partition, at: version) != nil {
                voided.partitions += 1
            }
        }
        for state in self.hints {
            voided.hints += try self.discardHints(of: state)
        }
        return voided
    }

    /// - Returns: How many records there were.
    private func discardHints(of state: StoreState) throws -> Int {
        let records = state.totals?.records ?? 0
        try self.forgetBuffer(of: state)
        if state.quarantine != nil { try self.endQuarantine(state) }
        if state.hasFile { try self.removeFile(of: state) }
        state.actor = nil
        state.mayContinueActor = false
        try self.recount(state)
        return records
    }

    private func forgetBuffer(of state: StoreState) throws {
        try self.logRetirement(of: state)
        self.discardBuffer(of: state)
    }
}
