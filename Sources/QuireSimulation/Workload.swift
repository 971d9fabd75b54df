import QuireCore

/// What clients do: a few hot keys, plain and causal writes, deletes, quorum reads, scans.
///
/// Each client waits for its answer before it goes on; each written value is unique.
struct Workload {
    struct Operation {
        let number: UInt64
        let client: Int
        let node: NodeID
        let request: ClientOperation
        let began: Duration

        var key: Key? {
            switch self.request {
            case .get(let key, _): key
            case .put(let put): put.key
            case .scan, .countKeys: nil
            }
        }
    }

    let keys: [Key]
    /// By client.
    private(set) var waiting: [Int: Operation] = [:]
    /// The vectors that a client has read last, by client and key.
    private var contexts: [Int: [Key: VersionVector]] = [:]
    private var nextNumber: UInt64 = 1

    init(configuration: SimulationConfiguration) {
        self.keys = (0..<configuration.keys).compactMap { Key("key\($0)") }
    }

    var waitingCount: Int { self.waiting.count }

    func clientsWaiting(at node: NodeID) -> [Int] {
        self.waiting.keys.sorted().filter { self.waiting[$0]?.node == node }
    }

    mutating func next(
        of client: Int,
        at node: NodeID,
        now: Duration,
        using random: inout SeededGenerator
    ) -> Operation {
        let number = self.nextNumber
        self.nextNumber += 1
        let key = self.keys[Int.random(in: self.keys.indices, using: &random)]
        let request = self.request(number, of: client, key, using: &random)
        let operation = Operation(number: number, client: client, node: node, request: request, began: now)
        self.waiting[client] = operation
        return operation
    }

    private func request(
        _ number: UInt64,
        of client: Int,
        _ key: Key,
        using random: inout SeededGenerator
    ) -> ClientOperation {
        var value: [UInt8] = []
        value.appendBigEndian(number)
        let context = Record.Supersession.context(self.contexts[client]?[key] ?? VersionVector())
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<38: return .get(key, readQuorum: nil)
        case 38..<62: return .put(PutRequest(key: key, value: value, supersession: .older))
        case 62..<84: return .put(PutRequest(key: key, value: value, supersession: context))
        case 84..<91: return .put(PutRequest(key: key, value: nil, supersession: .older))
        case 91..<95: return .put(PutRequest(key: key, value: nil, supersession: context))
        case 95..<98: return .scan(.start, limit: 3)
        default: return .countKeys
        }
    }

    /// - Returns: the operation, if the client still waits for it.
    mutating func ended(_ client: Int, _ number: UInt64) -> Operation? {
        guard let operation = self.waiting[client], operation.number == number else { return nil }
        self.waiting[client] = nil
        return operation
    }

    mutating func learned(_ client: Int, _ operation: Operation, _ record: Record) {
        guard let key = operation.key else { return }
        self.contexts[client, default: [:]][key] = record.vector
    }
}
