/// One operation of a client on the cluster, whatever protocol it came by.
package enum ClientOperation: Sendable, Hashable {
    /// Answered by `.record`: everything that R replicas know, merged.
    case get(Key, readQuorum: Int?)
    /// Answered by `.stored`.
    case put(PutRequest)
    /// One page of live keys over the whole key space; answered by `.keys`.
    case scan(ScanCursor, limit: Int)
    /// The number of live keys; answered by `.count`.
    case countKeys
}

package struct PutRequest: Sendable, Hashable {
    package let key: Key
    /// `nil` deletes.
    package let value: [UInt8]?
    package let supersession: Record.Supersession
    /// W, if the client wants another than the cluster's.
    package let writeQuorum: Int?
    /// How safe W acknowledgements must be, if the client wants another degree than `all`.
    package let durability: Durability?
    /// The replica that answered the preceding read fastest: it coordinates the write if it can (Dynamo §5).
    package let preferredReplica: NodeID?

    package init(
        key: Key,
        value: [UInt8]?,
        supersession: Record.Supersession,
        writeQuorum: Int? = nil,
        durability: Durability? = nil,
        preferredReplica: NodeID? = nil
    ) {
        self.key = key
        self.value = value
        self.supersession = supersession
        self.writeQuorum = writeQuorum
        self.durability = durability
        self.preferredReplica = preferredReplica
    }
}

/// What the acknowledgements of a write promise (Dynamo §6.1; SAFETY rule 6).
package enum Durability: String, Hashable, Sendable, Codable, CaseIterable {
    /// Each of the W has synced it.
    case all
    /// W have it, and one of them has synced it.
    case one
    /// W have it in memory; each syncs it soon.
    case buffered
}

/// How a quorum read was answered.
package struct ReadEvidence: Hashable, Sendable {
    /// The member of the row that answered first.
    package let fastest: NodeID?
    /// How many of the R answers came from stand-ins: above 0, R + W > N promises nothing (Dynamo §4.6).
    package let standIns: Int

    package init(fastest: NodeID? = nil, standIns: Int = 0) {
        self.fastest = fastest
        self.standIns = standIns
    }
}

/// Where a scan of the whole key space goes on: a partition, and the greatest key hash already seen in it.
///
/// As one integer for Redis clients: partition in the upper 12 bits, then the upper 52 bits of the hash; 0
/// both begins a scan and, as an answer, ends it.
package struct ScanCursor: Sendable, Hashable {
    package static let start = ScanCursor(rawValue: 0)
    package static let end = ScanCursor(rawValue: 0)

    private static let hashBits: UInt64 = 52

    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// - Parameter hashPrefix: the upper 52 bits of the hash after which the scan goes on.
    package init(partition: PartitionID, hashPrefix: UInt64) {
        self.rawValue = UInt64(partition.rawValue) << Self.hashBits | hashPrefix
    }

    package var partition: PartitionID { PartitionID(Int(self.rawValue >> Self.hashBits)) }
    package var hashPrefix: UInt64 { self.rawValue & (1 << Self.hashBits - 1) }

    package static func prefix(of hash: KeyHash) -> UInt64 {
        hash.rawValue >> (64 - Self.hashBits)
    }
}

/// What became of a client's operation. A lost quorum is a result, not an error.
package enum ClientResult: Sendable, Hashable {
    /// Empty for a key that nobody knows.
    case record(Record, ReadEvidence = ReadEvidence())
    /// The record as the coordinating replica stored it, whether the key was live before, and how many of the W
    /// acknowledgements came from stand-ins.
    case stored(Record, wasLive: Bool, standIns: Int = 0)
    case keys([Key], next: ScanCursor)
    case count(Int)
    case failed(ClientFailure)
}

package enum ClientFailure: Sendable, Hashable {
    /// Too few replicas answered in time. A put may survive on some of them: read before retrying.
    case quorumLost(acknowledged: Int, required: Int, operation: Kind)
    /// The node is not part of a cluster yet.
    case notInitialised
    /// The node is a member, but its storage is not open yet; retry in a moment, or elsewhere.
    case starting
    /// The node is under maintenance and takes no requests of clients; retry elsewhere.
    case draining
    /// Too much work is waiting; retry later.
    case overloaded
    /// No replica could store the write durably.
    case notDurable(String)
    /// The request itself cannot be met, for instance W above N.
    case invalid(String)

    package enum Kind: Sendable, Hashable {
        case read
        case write
    }
}
