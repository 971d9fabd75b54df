/// When and how tombstones are collected. The same on every member of a cluster: a member that needs a greater distance
/// refuses to attest.
package struct TombstoneRules: Sendable, Hashable {
    /// Older messages that carry data are refused.
    package var messageLifetime: Duration
    /// After this a request ends, whatever it has reached.
    package var operationTimeout: Duration
    /// How long tombstones, and values after their expiry, are kept at least. Safety does not depend on it.
    package var ageMin: Duration
    /// A wall clock must be so far past every timestamp and expiry of a record before its node lets the record go:
    /// as much as clocks may differ (SAFETY rule 4).
    package var clockMargin: Duration

    package init(
        messageLifetime: Duration = .seconds(10),
        operationTimeout: Duration = .seconds(2),
        ageMin: Duration = .seconds(600),
        clockMargin: Duration = .milliseconds(500)
    ) {
        self.messageLifetime = messageLifetime
        self.operationTimeout = operationTimeout
        self.ageMin = ageMin
        self.clockMargin = clockMargin
    }

    /// How far apart the two rounds are: longer than a value that nobody stores can stay under way.
    ///
    /// A value leaves a store only inside a request or a message. A request that read it acts on it for no longer than
    /// the operation timeout, stragglers included (a quarter of it at most), and the pause after which a core that was
    /// stopped abandons what it was doing (`RequestCore`). What it sends then is refused after the message lifetime.
    /// A tenth is for clocks that run at different rates.
    package var distance: Duration {
        let operation = self.operationTimeout * 5 / 4
        return (operation + max(self.messageLifetime / 2, operation) + self.messageLifetime) * 11 / 10
    }
}

/// Records of one partition that are to go: what is attested, and what is dropped.
package struct TombstoneBatch: Sendable, Hashable {
    /// The most that one batch may hold.
    package static let countMax = 1024

    package struct Item: Sendable, Hashable {
        package let key: Key
        /// Of the record, keyed with the cluster's secret (SAFETY rule 19).
        package let digest: UInt128

        package init(key: Key, digest: UInt128) {
            self.key = key
            self.digest = digest
        }
    }

    package let partition: PartitionID
    /// Both rounds and the drop belong to this layout.
    package let version: LayoutVersion
    /// No timestamp and no expiry of these records is later: milliseconds since 1970.
    package let settledMilliseconds: UInt64
    /// How far apart the rounds are.
    package let distanceMilliseconds: UInt64
    /// Keys are distinct; `countMax` of them at most.
    package let items: [Item]

    package init(
        partition: PartitionID,
        version: LayoutVersion,
        settledMilliseconds: UInt64,
        distanceMilliseconds: UInt64,
        items: [Item]
    ) {
        precondition(items.count <= Self.countMax, "\(items.count) tombstones in one batch")
        self.partition = partition
        self.version = version
        self.settledMilliseconds = settledMilliseconds
        self.distanceMilliseconds = distanceMilliseconds
        self.items = items
    }
}

/// What a member answers to a batch.
package enum TombstoneAnswer: Sendable, Hashable {
    /// Nothing is attested, nothing was dropped.
    case refused(TombstoneObstacle)
    /// Attested, or durably dropped, but for the items at these positions.
    ///
    /// - Parameter epoch: Changes with everything that may bring old values of the partition to this member.
    case granted(epoch: UInt64, exceptions: [Int])
}

/// Why tombstones are kept. The raw values travel between nodes: they never change.
package enum TombstoneObstacle: String, Error, Sendable, Hashable, CaseIterable {
    /// No answer came, or none that makes sense.
    case unreachable
    /// The member has adopted another layout.
    case otherLayout
    case moving
    /// The member keeps messages alive for longer than the rounds are apart.
    case otherRules
    /// Its wall clock is not past the records yet.
    case clockBehind
    case hints
    case retiredCopy
    case incomingCopy
    /// A transfer, repair, delivery, snapshot or restore works on the partition.
    case busy
    /// It is outside the row and has a record all the same.
    case strayCopy
    /// Its storage could not answer, or the partition is quarantined.
    case storage
    /// Between the rounds something came that may have brought old values.
    case disturbed
}

extension TombstoneObstacle: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable: "cannot be reached"
        case .otherLayout: "has another layout version"
        case .moving: "moves the partition, or may yet by undo"
        case .otherRules: "has a longer message lifetime configured"
        case .clockBehind: "has a clock that is behind the deletion"
        case .hints: "holds hints"
        case .retiredCopy: "has a retired copy"
        case .incomingCopy: "has an incoming copy"
        case .busy: "is busy with the partition"
        case .strayCopy: "holds records although it is no replica"
        case .storage: "cannot read its storage, or has quarantined the partition"
        case .disturbed: "took in data or restarted between the rounds"
        }
    }
}

extension Record {
    /// The last moment, in milliseconds since 1970, at which this record may have meant anything but "deleted": the
    /// latest timestamp of its tombstones, the latest timestamp or expiry of its values. `nil` for a record with a
    /// value that does not expire (SAFETY rules 5 and 9).
    package var settledMilliseconds: UInt64? {
        var latest: UInt64 = 0
        for sibling in self.siblings {
            latest = max(latest, sibling.timestamp.wallMilliseconds)
            guard !sibling.isTombstone else { continue }
            guard let expiry = sibling.expiryMilliseconds else { return nil }
            latest = max(latest, expiry)
        }
        return latest
    }
}
