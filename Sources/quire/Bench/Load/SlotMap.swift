import QuireCore
import QuireWire

/// Which node takes the operations of each slot: a Redis Cluster's master, a Quire cluster's token holder.
struct SlotMap: Sendable, Equatable {
    /// Why an answer is no slot map.
    enum Malformation: Error, Hashable {
        /// Not the shape of an answer to `CLUSTER SLOTS`.
        case shape
        /// A slot or port that cannot be.
        case impossible(Int64)
        /// Nobody serves this slot.
        case uncovered(slot: Int)
    }

    /// Another node serves a slot now: the error `MOVED SLOT HOST:PORT`.
    struct Redirection: Equatable {
        let slot: Int
        /// An empty host stands for the node that was asked.
        let endpoint: Endpoint

        init?(error: String) {
            let words = error.split(separator: " ")
            guard words.count == 3, words[0] == "MOVED", let slot = Int(words[1]), (0..<Slot.count).contains(slot),
                let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...]),
                (1...65_535).contains(port)
            else { return nil }
            self.slot = slot
            self.endpoint = Endpoint(host: String(words[2][..<colon]), port: port)
        }
    }

    private(set) var nodes: [Endpoint] = []
    private var nodeOfSlot: [Int]

    /// Every slot at its partition's token holder.
    init(_ table: RoutingTable) {
        self.nodes = table.nodes.map(\.endpoint)
        let width = Slot.count / table.partitionCount.rawValue
        self.nodeOfSlot = (0..<Slot.count).map { table.rows[$0 / width][0] }
    }

    /// Reads an answer to `CLUSTER SLOTS`: an array of `[first, last, [host, port, …], replicas …]`.
    ///
    /// - Parameter asked: The node that gave it; it stands in for a host that the node does not know.
    init(clusterSlots reply: RESPValue, asked: Endpoint) throws(Malformation) {
        guard case .array(let ranges) = reply else { throw .shape }
        self.nodeOfSlot = [Int](repeating: -1, count: Slot.count)
        for range in ranges {
            guard case .array(let parts) = range, parts.count >= 3, case .integer(let first) = parts[0],
                case .integer(let last) = parts[1], case .array(let master) = parts[2], master.count >= 2,
                case .integer(let port) = master[1]
            else { throw .shape }
            guard first >= 0, first <= last else { throw .impossible(first) }
            guard last < Int64(Slot.count) else { throw .impossible(last) }
            guard (1...65_535).contains(port) else { throw .impossible(port) }
            let node = self.position(of: Endpoint(host: try Self.host(master[0], asked: asked), port: Int(port)))
            for slot in Int(first)...Int(last) { self.nodeOfSlot[slot] = node }
        }
        if let slot = self.nodeOfSlot.firstIndex(of: -1) { throw .uncovered(slot: slot) }
    }

    /// - Returns: A position in `nodes`.
    func node(of slot: Int) -> Int {
        self.nodeOfSlot[slot]
    }

    /// - Parameter asked: The node that said so.
    mutating func moved(_ redirection: Redirection, asked: Endpoint) {
        let endpoint = redirection.endpoint
        let known = endpoint.host.isEmpty ? Endpoint(host: asked.host, port: endpoint.port) : endpoint
        self.nodeOfSlot[redirection.slot] = self.position(of: known)
    }

    /// Takes over another map; nodes that both know keep their positions, for connections go by them.
    mutating func refresh(from newer: SlotMap) {
        let positions = newer.nodes.map { self.position(of: $0) }
        self.nodeOfSlot = newer.nodeOfSlot.map { positions[$0] }
    }

    private mutating func position(of endpoint: Endpoint) -> Int {
        if let position = self.nodes.firstIndex(of: endpoint) { return position }
        self.nodes.append(endpoint)
        return self.nodes.count - 1
    }

    private static func host(_ value: RESPValue, asked: Endpoint) throws(Malformation) -> String {
        switch value {
        case .null: return asked.host
        case .bulk(let bytes):
            let host = String(decoding: bytes, as: UTF8.self)
            return host.isEmpty || host == "?" ? asked.host : host
        case .simple, .error, .integer, .array, .map, .set, .double, .boolean, .bigNumber, .verbatim, .push:
            throw .shape
        }
    }
}
