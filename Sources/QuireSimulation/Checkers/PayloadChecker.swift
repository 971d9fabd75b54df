import QuireCore

/// Whether sets, counters, carts and scans add up: what a client of the store would notice, without any notion of
/// versions.
struct PayloadChecker {
    private struct Sum {
        var attempted: Set<UInt64> = []
        var acknowledged: Set<UInt64> = []
        var removed: Set<UInt64> = []
        /// Of a counter, by client.
        var attemptedCounts: [UInt64: UInt32] = [:]
        var acknowledgedCounts: [UInt64: UInt32] = [:]
    }

    private struct Scan {
        var began: Duration
        var seen: Set<Key> = []
    }

    private var sums: [Key: Sum] = [:]
    private var scans: [Int: Scan] = [:]
    /// When a key that is never deleted was first acknowledged.
    private var pinned: [Key: Duration] = [:]

    // MARK: Writes

    mutating func began(_ operation: Workload.Operation, _ key: Key) {
        switch operation.change {
        case .none: return
        case .add(let element): self.sums[key, default: Sum()].attempted.insert(element)
        case .remove(let element): self.sums[key, default: Sum()].removed.insert(element)
        case .count(let count):
            self.sums[key, default: Sum()].attemptedCounts[UInt64(operation.client)] = count
        }
    }

    mutating func acknowledged(_ operation: Workload.Operation, _ key: Key, isScanned: Bool, now: Duration) {
        switch operation.change {
        case .none, .remove: break
        case .add(let element): self.sums[key, default: Sum()].acknowledged.insert(element)
        case .count(let count):
            self.sums[key, default: Sum()].acknowledgedCounts[UInt64(operation.client)] = count
        }
        if operation.kind == .pinned, isScanned, self.pinned[key] == nil {
            self.pinned[key] = now
        }
    }

    /// - Returns: what is wrong with the record that everybody ended with.
    func finallyHeld(_ record: Record, of key: Key) -> String? {
        guard let sum = self.sums[key] else { return nil }
        let payload = Payload(reconciling: record, number: 0)
        let present = Set(payload.entries.map(\.name))
        guard sum.attemptedCounts.isEmpty else {
            for (client, count) in sum.acknowledgedCounts.sorted(by: { $0.key < $1.key })
            where payload.amount(of: client) < count {
                return "counter \(key.name) has \(payload.amount(of: client)) of client \(client)'s \(count)"
            }
            for entry in payload.entries where entry.amount > sum.attemptedCounts[entry.name] ?? 0 {
                return "counter \(key.name) has \(entry.amount) of client \(entry.name), who added less"
            }
            return nil
        }
        if let lost = sum.acknowledged.subtracting(sum.removed).subtracting(present).min() {
            return "\(key.name) has lost element \(lost)"
        }
        if let strange = present.subtracting(sum.attempted).min() {
            return "\(key.name) has element \(strange), which nobody added"
        }
        return nil
    }

    // MARK: Scans

    mutating func scanned(_ client: Int, from cursor: ScanCursor, at now: Duration) {
        if cursor == .start {
            self.scans[client] = Scan(began: now)
        }
    }

    mutating func page(of client: Int, _ keys: [Key], isLast: Bool) -> String? {
        guard self.scans[client] != nil else { return nil }
        guard Set(keys).count == keys.count else { return "a page of client \(client) names a key twice" }
        self.scans[client]?.seen.formUnion(keys)
        guard isLast, let scan = self.scans.removeValue(forKey: client) else { return nil }
        let missing = self.pinned.filter { $0.value < scan.began && !scan.seen.contains($0.key) }
        guard let key = missing.keys.min(by: { $0.name < $1.name }) else { return nil }
        return "the scan of client \(client) that began at \(scan.began) missed \(key.name)"
    }
}
