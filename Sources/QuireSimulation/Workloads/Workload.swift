import QuireCore

/// The clients: each waits for its answer before it goes on, and each value that is written is unique.
struct Workload {
    struct Operation {
        /// What a write adds to a set, a counter or a cart.
        enum Change: Equatable {
            case none
            case add(UInt64)
            case remove(UInt64)
            case count(UInt32)
        }

        let number: UInt64
        let client: Int
        let node: NodeID
        let kind: WorkloadMix.Kind
        let request: ClientOperation
        let began: Duration
        var change = Change.none
        /// It presents the context of another key.
        var isForeign = false
        /// The oldest layout by which a node lived when it began.
        var layout = LayoutVersion.none

        var key: Key? {
            switch self.request {
            case .get(let key, _): key
            case .put(let put): put.key
            case .scan, .countKeys: nil
            }
        }
    }

    private struct Client {
        var waiting: Operation?
        /// What it has read last, by key: its contexts.
        var seen: [Key: Record] = [:]
        var fastest: [Key: NodeID] = [:]
        /// It has read this key in order to write it.
        var plan: (kind: WorkloadMix.Kind, key: Key)?
        /// How far it has counted, by key.
        var counts: [Key: UInt32] = [:]
        var cursor: ScanCursor?
    }

    let keys: [WorkloadMix.Kind: [Key]]
    /// All of them, in one order.
    let allKeys: [Key]
    /// How long values of `fading` keys last.
    static let fadingMilliseconds = 300
    let fadingKeys: Set<Key>
    private let mix: WorkloadMix
    private let quorums: QuorumSettings
    private let durability: Durability?
    private var clients: [Client]
    private var nextNumber: UInt64 = 1

    init(configuration: SimulationConfiguration) {
        self.mix = configuration.workload
        self.quorums = configuration.quorums
        self.durability = configuration.durability
        self.clients = Array(repeating: Client(), count: configuration.workload.clients)
        var keys: [WorkloadMix.Kind: [Key]] = [:]
        for (kind, _) in self.mix.chosen where kind.hasKeys {
            let stem = self.mix.sharesPartition ? "{\(kind.rawValue)}" : kind.rawValue
            keys[kind] = (0..<self.mix.keys).compactMap { Key("\(stem)\($0)") }
        }
        self.keys = keys
        self.fadingKeys = Set(keys[.fading] ?? [])
        self.allKeys = self.mix.chosen.flatMap { keys[$0.kind] ?? [] }
    }

    var waitingCount: Int { self.clients.count { $0.waiting != nil } }
    var waiting: [Operation] { self.clients.compactMap(\.waiting) }

    func waiting(of client: Int) -> Operation? {
        self.clients[client].waiting
    }

    // MARK: Asking

    mutating func next(
        of client: Int,
        at node: NodeID,
        now: Duration,
        using random: inout SeededGenerator
    ) -> Operation {
        let number = self.nextNumber
        self.nextNumber += 1
        let operation: Operation
        if let cursor = self.clients[client].cursor {
            let request = ClientOperation.scan(cursor, limit: 5)
            operation = Operation(
                number: number,
                client: client,
                node: node,
                kind: .scan,
                request: request,
                began: now
            )
        } else if let plan = self.clients[client].plan {
            operation = self.planned(plan, number, of: client, at: node, now: now, using: &random)
        } else {
            operation = self.fresh(number, of: client, at: node, now: now, using: &random)
        }
        self.clients[client].plan = nil
        return operation
    }

    mutating func waits(for operation: Operation) {
        self.clients[operation.client].waiting = operation
    }

    private mutating func fresh(
        _ number: UInt64,
        of client: Int,
        at node: NodeID,
        now: Duration,
        using random: inout SeededGenerator
    ) -> Operation {
        let kind = self.kind(using: &random)
        let request: ClientOperation
        var isForeign = false
        if let keys = self.keys[kind] {
            let key = self.key(among: keys, now: now, using: &random)
            isForeign = keys.count > 1 && kind == .causal && random.chance(self.mix.foreignContexts)
            let context = isForeign ? keys.first { $0 != key } ?? key : key
            request = self.request(kind, number, of: client, key, contextOf: context, using: &random)
            if case .get = request {
                isForeign = false
            }
        } else {
            request = kind == .scan ? .scan(.start, limit: 5) : .countKeys
        }
        return Operation(
            number: number,
            client: client,
            node: node,
            kind: kind,
            request: request,
            began: now,
            isForeign: isForeign
        )
    }

    private func key(among keys: [Key], now: Duration, using random: inout SeededGenerator) -> Key {
        if random.chance(self.mix.hotness) { return keys[0] }
        guard let turn = self.mix.turn else { return keys[Int.random(in: keys.indices, using: &random)] }
        let first = Int(now / turn) * 3
        return keys[(first + Int.random(in: 0..<3, using: &random)) % keys.count]
    }

    private func kind(using random: inout SeededGenerator) -> WorkloadMix.Kind {
        let chosen = self.mix.chosen
        var left = Int.random(in: 0..<chosen.reduce(0) { $0 + $1.weight }, using: &random)
        for (kind, weight) in chosen {
            left -= weight
            if left < 0 { return kind }
        }
        preconditionFailure("a workload without weights")
    }

    private func request(
        _ kind: WorkloadMix.Kind,
        _ number: UInt64,
        of client: Int,
        _ key: Key,
        contextOf contextKey: Key,
        using random: inout SeededGenerator
    ) -> ClientOperation {
        let value = Payload(number: number).encoded
        let isBlind = random.chance(0.1)
        let seen = isBlind ? VersionVector() : self.clients[client].seen[contextKey]?.vector ?? VersionVector()
        let choice = Int.random(in: 0..<100, using: &random)
        let (isRead, isDelete, isPlain): (Bool, Bool, Bool) =
            switch kind {
            case .register: (choice < 38, choice >= 84 && choice < 95, choice < 62 || (choice >= 84 && choice < 91))
            case .causal: (choice < 45, choice >= 90, false)
            case .churn: (choice < 25, choice >= 55, choice < 85)
            case .fading: (choice < 45, choice >= 92, choice < 85)
            case .pinned: (choice < 50, false, true)
            case .set, .counter, .cart: (true, false, false)
            case .scan, .count: preconditionFailure("\(kind) has no keys")
            }
        let mustRead = kind == .set || kind == .counter || kind == .cart
        guard !isRead || (!mustRead && random.chance(1 - self.mix.reads)) else {
            return .get(key, readQuorum: self.ownReadQuorum(using: &random))
        }
        let supersession: Record.Supersession = isPlain ? .older : .context(seen)
        return self.put(key, isDelete ? nil : value, supersession, of: client, using: &random)
    }

    private func put(
        _ key: Key,
        _ value: [UInt8]?,
        _ supersession: Record.Supersession,
        of client: Int,
        using random: inout SeededGenerator
    ) -> ClientOperation {
        let quorums = self.quorums
        let own = random.chance(self.mix.ownQuorums)
        let writeQuorum = own ? Int.random(in: quorums.writeQuorum...quorums.replicaCount, using: &random) : nil
        return .put(
            PutRequest(
                key: key,
                value: value,
                supersession: supersession,
                writeQuorum: writeQuorum,
                durability: self.durability,
                preferredReplica: self.clients[client].fastest[key]
            )
        )
    }

    private func ownReadQuorum(using random: inout SeededGenerator) -> Int? {
        random.chance(self.mix.ownQuorums) ? Int.random(in: 1...self.quorums.replicaCount, using: &random) : nil
    }

    /// The second half of a read-modify-write.
    private mutating func planned(
        _ plan: (kind: WorkloadMix.Kind, key: Key),
        _ number: UInt64,
        of client: Int,
        at node: NodeID,
        now: Duration,
        using random: inout SeededGenerator
    ) -> Operation {
        let record = self.clients[client].seen[plan.key] ?? Record()
        var payload = Payload(reconciling: record, number: number)
        let change: Operation.Change
        switch plan.kind {
        case .counter:
            let own = UInt64(client)
            let count = max(self.clients[client].counts[plan.key] ?? 0, payload.amount(of: own)) + 1
            self.clients[client].counts[plan.key] = count
            payload.raise(own, to: count)
            change = .count(count)
        case .cart where !payload.entries.isEmpty && random.chance(0.4):
            let item = payload.entries[Int.random(in: payload.entries.indices, using: &random)].name
            payload.remove(item)
            change = .remove(item)
        default:
            payload.raise(number, to: 1)
            change = .add(number)
        }
        let put = self.put(plan.key, payload.encoded, .context(record.vector), of: client, using: &random)
        return Operation(
            number: number,
            client: client,
            node: node,
            kind: plan.kind,
            request: put,
            began: now,
            change: change
        )
    }

    // MARK: Answers

    /// - Returns: the operation, if the client still waits for it.
    mutating func ended(_ client: Int, _ number: UInt64) -> Operation? {
        guard let operation = self.clients[client].waiting, operation.number == number else { return nil }
        self.clients[client].waiting = nil
        return operation
    }

    mutating func learned(_ operation: Operation, _ result: ClientResult, using random: inout SeededGenerator) {
        let client = operation.client
        switch (operation.request, result) {
        case (.get(let key, _), .record(let record, let evidence)):
            self.clients[client].seen[key] = record
            self.clients[client].fastest[key] = evidence.fastest
            let isRead = operation.kind == .set || operation.kind == .counter || operation.kind == .cart
            if isRead, random.chance(0.75) {
                self.clients[client].plan = (operation.kind, key)
            }
        case (.put(let put), .stored(let record, _, _)) where put.supersession != .older && operation.change == .none:
            self.clients[client].seen[put.key] = record
        case (.scan, .keys(_, let next)):
            self.clients[client].cursor = next == .end ? nil : next
        case (.scan, _):
            self.clients[client].cursor = nil
        default:
            return
        }
    }

    /// The client does not know what became of its operation.
    mutating func gaveUp(_ operation: Operation) {
        self.clients[operation.client].cursor = nil
    }
}
