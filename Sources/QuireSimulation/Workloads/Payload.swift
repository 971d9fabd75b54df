import QuireCore

/// The value of a simulated write: which operation wrote it, and what a set, a counter or a cart holds.
///
/// ```
/// number of the operation (8, big-endian), then per entry: name (8), amount (4)
/// ```
///
/// Entries ascend by name. A counter has an entry per client, its amount what that client has added; a set and a
/// cart have one per element.
struct Payload: Equatable {
    var number: UInt64
    private(set) var entries: [(name: UInt64, amount: UInt32)] = []

    init(number: UInt64) {
        self.number = number
    }

    /// - Returns: `nil` for bytes that no simulated client writes.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 8, (bytes.count - 8) % 12 == 0 else { return nil }
        var reader = BigEndianReader(bytes)
        do {
            self.number = try reader.read(UInt64.self)
            while reader.remainingBytes > 0 {
                self.entries.append((try reader.read(UInt64.self), try reader.read(UInt32.self)))
            }
        } catch {
            return nil
        }
    }

    /// What a client makes of siblings: of each entry the greatest amount.
    init(reconciling record: Record, number: UInt64) {
        self.number = number
        for sibling in record.siblings {
            guard let payload = sibling.value.flatMap({ Payload($0) }) else { continue }
            for entry in payload.entries {
                self.raise(entry.name, to: entry.amount)
            }
        }
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + self.entries.count * 12)
        bytes.appendBigEndian(self.number)
        for entry in self.entries {
            bytes.appendBigEndian(entry.name)
            bytes.appendBigEndian(entry.amount)
        }
        return bytes
    }

    func amount(of name: UInt64) -> UInt32 {
        self.entries.first { $0.name == name }?.amount ?? 0
    }

    mutating func raise(_ name: UInt64, to amount: UInt32) {
        if let index = self.entries.firstIndex(where: { $0.name >= name }) {
            if self.entries[index].name == name {
                self.entries[index].amount = max(self.entries[index].amount, amount)
            } else {
                self.entries.insert((name, amount), at: index)
            }
        } else {
            self.entries.append((name, amount))
        }
    }

    mutating func remove(_ name: UInt64) {
        self.entries.removeAll { $0.name == name }
    }

    static func == (left: Payload, right: Payload) -> Bool {
        left.encoded == right.encoded
    }

    /// The number of the operation that wrote this value.
    static func number(in value: [UInt8]) -> UInt64 {
        value.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
