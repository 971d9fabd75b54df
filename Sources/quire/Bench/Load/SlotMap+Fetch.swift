import QuireCore
import QuireWire

extension SlotMap {
    /// Asks the servers in turn until one says which node takes which slot.
    static func fetch(_ target: LoadTarget, from addresses: [ProxyAddress]) async throws -> SlotMap {
        var failures: [String] = []
        for address in addresses {
            do {
                return try await self.fetch(target, from: address)
            } catch {
                failures.append("\(address): \(FailureReason.words(error))")
            }
        }
        let all = failures.joined(separator: "; ")
        throw CommandFailure("unreachable", "no server told which node takes which slot: \(all)", status: .unreachable)
    }

    private static func fetch(_ target: LoadTarget, from address: ProxyAddress) async throws -> SlotMap {
        let words: [String]
        switch target {
        case .quire: words = ["QUIRE.LAYOUT"]
        case .redis: words = ["CLUSTER", "SLOTS"]
        case .etcd: preconditionFailure("etcd has no slots")
        }
        let reply = try await RESPQuestion.ask(words, of: address)
        if case .error(let text) = reply { throw CommandFailure("bad_answer", text) }
        if target == .quire { return SlotMap(try RoutingTable(reply: reply)) }
        return try SlotMap(clusterSlots: reply, asked: Endpoint(host: address.host, port: address.port))
    }
}
