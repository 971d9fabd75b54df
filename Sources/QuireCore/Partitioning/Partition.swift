/// One of the Q fixed ranges of slots; each replica of it is one file.
package struct PartitionID: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let rawValue: Int

    package init(_ rawValue: Int) {
        self.rawValue = rawValue
    }

    package init(from decoder: any Decoder) throws {
        self.rawValue = try decoder.singleValueContainer().decode(Int.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }

    package var description: String { String(self.rawValue) }

    package static func < (left: PartitionID, right: PartitionID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Q: how many partitions the hash space is cut into, once and for all. A power of two in 8...4096.
package struct PartitionCount: Hashable, Sendable, Codable {
    package static let standard = PartitionCount(256)!

    package let rawValue: Int

    package init?(_ rawValue: Int) {
        guard (8...4096).contains(rawValue), rawValue.nonzeroBitCount == 1 else { return nil }
        self.rawValue = rawValue
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let count = PartitionCount(try container.decode(Int.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "the number of partitions must be a power of two in 8...4096"
            )
        }
        self = count
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }

    package var partitions: [PartitionID] { (0..<self.rawValue).map(PartitionID.init) }

    package func partition(of slot: Slot) -> PartitionID {
        PartitionID(slot.rawValue / (Slot.count / self.rawValue))
    }

    package func partition(of key: Key) -> PartitionID {
        self.partition(of: key.slot)
    }
}
