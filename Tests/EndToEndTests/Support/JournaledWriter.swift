import QuireClient

/// A value of the writer: which key it belongs to, the how-manieth write of that key it is, and padding.
enum JournaledValue {
    static func text(key: String, sequence: Int) -> String {
        "\(key)#\(sequence)#" + String(repeating: "x", count: 40 + sequence % 60)
    }

    /// - Returns: `nil` if that is no value of this key.
    static func sequence(of value: [UInt8]?, key: String) -> Int? {
        guard let value else { return nil }
        let words = String(decoding: value, as: UTF8.self).split(separator: "#")
        guard words.count == 3, words[0] == key, let sequence = Int(words[1]) else { return nil }
        return Self.text(key: key, sequence: sequence).utf8.elementsEqual(value) ? sequence : nil
    }
}

/// Writes steadily through all nodes of a cluster, reads what it has written, and remembers what was acknowledged.
///
/// Each lane owns its keys and waits for an acknowledgement before its next write: so a read may never show a
/// sequence number below the last that was acknowledged before the read began.
actor JournaledWriter {
    private let endpoints: [QuireEndpoint]
    private let lanes: Int
    private let keysPerLane: Int
    private let prefix: String
    private var isStopped = false
    private var running: Task<Void, Never>?

    /// Key → the last acknowledged write of it.
    private(set) var acknowledged: [String: Int] = [:]
    private var attempted: [String: Int] = [:]
    private(set) var writeCount = 0
    private(set) var readCount = 0
    /// Writes that were not acknowledged.
    private(set) var failures: [String] = []
    /// Reads that showed less than what was acknowledged.
    private(set) var staleReads: [String] = []

    init(_ endpoints: [QuireEndpoint], prefix: String = "w", lanes: Int = 4, keysPerLane: Int = 25) {
        self.endpoints = endpoints
        self.prefix = prefix
        self.lanes = lanes
        self.keysPerLane = keysPerLane
    }

    func start() {
        let lanes = self.lanes
        self.running = Task {
            await withTaskGroup(of: Void.self) { group in
                for lane in 0..<lanes { group.addTask { await self.run(lane) } }
            }
        }
    }

    func stop() async {
        self.isStopped = true
        await self.running?.value
    }

    /// Waits until so many more writes are acknowledged and reads answered.
    func waitForProgress(_ what: String, count: Int = 20) async throws {
        let writes = self.writeCount + count
        let reads = self.readCount + count
        try await eventually(what) { self.writeCount >= writes && self.readCount >= reads }
    }

    /// Every acknowledged write, read back through one node.
    ///
    /// - Returns: One line for each key whose value is not the acknowledged one or a newer one of this writer.
    func lost(through connection: QuireConnection) async throws -> [String] {
        var lost: [String] = []
        for (key, sequence) in self.acknowledged.sorted(by: { $0.key < $1.key }) {
            let reply = try await connection.send(["GET", key])
            if let line = self.objection(to: reply, key: key, acknowledged: sequence) { lost.append(line) }
        }
        return lost
    }

    private func run(_ lane: Int) async {
        // Every node takes its turn as the first one to be asked.
        let clients = self.endpoints.indices.map { index in
            let order = self.endpoints[index...] + self.endpoints[..<index]
            return QuireClient(endpoints: Array(order), connectTimeout: .seconds(2))
        }
        var step = lane
        while !self.isStopped {
            let key = "\(self.prefix)/\(lane)/\(step % self.keysPerLane)"
            await self.write(key, through: clients[step % clients.count])
            await self.read(key, through: clients[(step + 1) % clients.count])
            step += 1
        }
        for client in clients { await client.close() }
    }

    private func write(_ key: String, through client: QuireClient) async {
        let sequence = (self.attempted[key] ?? 0) + 1
        self.attempted[key] = sequence
        do {
            let value = Array(JournaledValue.text(key: key, sequence: sequence).utf8)
            try await client.plainSet(Array(key.utf8), value: value)
            self.acknowledged[key] = sequence
            self.writeCount += 1
        } catch {
            self.failures.append("\(key) #\(sequence): \(error)")
        }
    }

    private func read(_ key: String, through client: QuireClient) async {
        guard let sequence = self.acknowledged[key] else { return }
        do {
            let value = try await client.plainGet(Array(key.utf8))
            self.readCount += 1
            let reply = value.map { QuireReply.bytes($0) } ?? .null
            if let line = self.objection(to: reply, key: key, acknowledged: sequence) { self.staleReads.append(line) }
        } catch {
            // A read without an answer promises nothing; that reads go on is seen from their count.
        }
    }

    private func objection(to reply: QuireReply, key: String, acknowledged: Int) -> String? {
        let allowed = acknowledged...max(acknowledged, self.attempted[key] ?? 0)
        guard case .bytes(let value) = reply, let found = JournaledValue.sequence(of: value, key: key) else {
            return "\(key): acknowledged #\(acknowledged), found \(reply)"
        }
        return allowed.contains(found) ? nil : "\(key): acknowledged #\(acknowledged), found #\(found)"
    }
}
