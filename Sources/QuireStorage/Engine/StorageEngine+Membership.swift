package import QuireCore

/// What was put away because a new membership began.
package struct VoidedStores: Sendable, Equatable {
    /// Replicas whose files are in `retired/` now.
    package var partitions = 0
    /// Hints that are gone.
    package var hints = 0

    package init(partitions: Int = 0, hints: Int = 0) {
        self.partitions = partitions
        self.hints = hints
    }
}

/// A node that has left is not asked any more before tombstones are forgotten. So what it still holds when it joins
/// again, a replica's file or a hint, may bring a deleted key back: it must not count for anything (SAFETY rule 9).
///
/// The directory says in `membership` by which layout the membership began that its replicas and hints belong to.
extension StorageEngine {
    /// Makes the directory that of the membership that began with this layout, durably.
    ///
    /// Replicas of an earlier one are retired, under names that `revive(_:since:)` with `version` passes over; its hints
    /// are gone; images that were being pulled as well. After a crash the same call finishes the work. A directory that
    /// says nothing yet becomes that membership's with all that it holds.
    ///
    /// - Parameter version: `Member.joinedAt` of this node.
    /// - Precondition: No command of the new membership was submitted.
    package func beginMembership(since version: LayoutVersion) async throws -> VoidedStores {
        let earlier = try self.directory.membership()
        guard earlier != version else { return VoidedStores() }
        var voided = VoidedStores()
        if let earlier {
            // A name of the new membership would invite revival.
            let retiredBy = min(earlier, LayoutVersion(version.rawValue - 1))
            for shard in self.shards {
                let part = try await shard.perform { try $0.endMembership(at: retiredBy) }
                voided.partitions += part.partitions
                voided.hints += part.hints
            }
            try self.directory.discardPartialImages()
        }
        try self.directory.putMembership(version)
        return voided
    }
}
