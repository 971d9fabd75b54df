import QuireCore
import QuireStorage

/// Everything that workers have told, and whether what is stored agrees with it.
struct CrashLedger {
    private struct Place: Hashable {
        let key: Int
        let isHints: Bool
    }

    private struct Account {
        /// Writes that have begun: they may be there, whole.
        var begun: Set<UInt64> = []
        /// What must be there.
        var required: [Record] = []
        /// Drops that have begun.
        var drops: [UInt64: Record] = [:]
        /// Nothing of what was written before this may be there any more.
        var droppedBefore: UInt64 = 0
    }

    private(set) var acknowledged = 0
    private var violations: [String] = []
    private var accounts: [Place: Account] = [:]
    private var places: [UInt64: Place] = [:]
    private var dots: [Dot: UInt64] = [:]

    /// Each is told once.
    mutating func takeViolations() -> [String] {
        defer { self.violations = [] }
        return self.violations
    }

    mutating func take(_ line: CrashLine) {
        switch line {
        case .ready, .step: return
        case .writeBegan(let id, let key, let isHints):
            let place = Place(key: key, isHints: isHints)
            self.places[id] = place
            self.accounts[place, default: Account()].begun.insert(id)
        case .minted(let id, let dot):
            if let other = self.dots.updateValue(id, forKey: dot) {
                self.violations.append("writes \(other) and \(id) have the same dot \(dot)")
            }
        case .writeAcknowledged(let id, let record):
            self.acknowledged += 1
            guard let place = self.places[id] else { return }
            self.accounts[place]?.required.append(record)
        case .dropBegan(let id, let key, let record):
            let place = Place(key: key, isHints: true)
            self.places[id] = place
            self.accounts[place, default: Account()].drops[id] = record
            self.accounts[place]?.required.removeAll { record.descends(from: $0) }
        case .dropAcknowledged(let id):
            self.acknowledged += 1
            guard let place = self.places[id] else { return }
            self.accounts[place]?.droppedBefore = id
        }
    }

    /// Compares everything that is stored with everything that was told.
    ///
    /// - Parameters:
    ///   - replicas: By key number, with what is retired.
    ///   - hints: By key number.
    ///   - quarantined: Stores of which nothing can be said.
    mutating func judge(
        replicas: [Int: Record],
        hints: [Int: Record],
        quarantined: Set<StoreID>,
        at moment: String
    ) throws {
        for number in 0..<CrashSetting.keyCount {
            for isHints in [false, true] {
                let store = try CrashSetting.store(try CrashSetting.key(number), isHints: isHints)
                guard !quarantined.contains(store) else { continue }
                let record = (isHints ? hints[number] : replicas[number]) ?? Record()
                let place = Place(key: number, isHints: isHints)
                let faults = self.faults(of: record, self.accounts[place] ?? Account())
                self.violations += faults.map { "\(moment): key \(number) in \(store): \($0)" }
                // Said once; the next crash is judged by what is there now.
                if !faults.isEmpty { self.accounts[place]?.required = [record] }
            }
        }
        self.shorten()
    }

    private func faults(of record: Record, _ account: Account) -> [String] {
        var faults: [String] = []
        for required in account.required where record.merging(required) != record {
            let ids = required.siblings.map { "\($0.request.low)" }.joined(separator: ", ")
            faults.append("an acknowledged record with the writes \(ids) is missing")
        }
        for version in record.siblings {
            let id = version.request.low
            if !account.begun.contains(id) {
                faults.append("nobody has written \(id)")
            } else if version.value != CrashSetting.value(of: id) {
                faults.append("the value of write \(id) is not the one that was written")
            } else if id < account.droppedBefore {
                faults.append("write \(id) was dropped and is back")
            }
        }
        return faults
    }

    /// One record stands for all that must be there.
    private mutating func shorten() {
        for (place, account) in self.accounts where account.required.count > 1 {
            self.accounts[place]?.required = [account.required.reduce(Record()) { $0.merging($1) }]
        }
    }
}
