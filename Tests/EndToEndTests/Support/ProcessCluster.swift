import Foundation
import QuireClient
import QuireWire
import Testing

/// A cluster of real processes that listen on loopback and live in one temporary directory.
actor ProcessCluster {
    struct Shape: Sendable {
        var nodes = 3
        /// Few where their number does not matter: each is a file.
        var partitions = 16
        var replicas = 3
        var readQuorum = 2
        var writeQuorum = 2
        /// For every node.
        var options: [String] = ["--shards", "1", "--loops", "1"]
        /// The smallest W that a request may ask for, if it is not the cluster's own.
        var minWriteQuorum: Int?

        /// One node, which is all of its cluster.
        static let single = Shape(nodes: 1, partitions: 8, replicas: 1, readQuorum: 1, writeQuorum: 1)
    }

    /// The members that the cluster began with.
    nonisolated let nodes: [ClusterNode]
    nonisolated let folder: TemporaryFolder
    nonisolated let keyFile: String
    nonisolated let shape: Shape
    private var newcomers: [ClusterNode] = []

    /// Starts a cluster for as long as `body` takes. Its processes are ended in any case; if `body` throws, the logs
    /// are shown.
    ///
    /// - Parameter firstOn: Where the first node keeps its data, if not beside the others.
    static func run(
        _ shape: Shape = Shape(),
        firstOn place: String? = nil,
        _ body: (ProcessCluster) async throws -> Void
    ) async throws {
        let cluster = try ProcessCluster(shape, firstOn: place)
        do {
            try await cluster.begin()
            try await body(cluster)
        } catch {
            Issue.record("\(error)\n\(await cluster.logs())")
            await cluster.end()
            throw error
        }
        await cluster.end()
    }

    private init(_ shape: Shape, firstOn place: String?) throws {
        let folder = try TemporaryFolder()
        let keyFile = folder("cluster.key")
        self.shape = shape
        self.folder = folder
        self.keyFile = keyFile
        self.nodes = try (1...shape.nodes).map { index in
            let data = index == 1 && place != nil ? "\(place ?? "")/n1" : folder("n\(index)")
            return try ClusterNode(.init(name: "n\(index)", data: data, keyFile: keyFile, options: shape.options))
        }
    }

    nonisolated var first: ClusterNode { self.nodes[0] }

    /// A node of no cluster yet, with the cluster's key, alive.
    func startNewcomer(_ name: String) async throws -> ClusterNode {
        try await self.startNewcomer(
            .init(name: name, data: self.folder(name), keyFile: self.keyFile, options: self.shape.options)
        )
    }

    /// A node with a shape of its own; it ends with the cluster.
    func startNewcomer(_ shape: ClusterNode.Shape) async throws -> ClusterNode {
        let node = try ClusterNode(shape)
        self.newcomers.append(node)
        try await node.start()
        return node
    }

    /// `quire … --node` of the first member, unless another is named.
    nonisolated func quire(
        _ arguments: [String],
        at node: ClusterNode? = nil,
        within patience: Duration = .seconds(60)
    ) async throws -> Outcome {
        try await Program.run(Program.quire, arguments + ["--node", (node ?? self.first).http], within: patience)
    }

    /// The same, of a command that has to succeed, with its JSON.
    nonisolated func answer<Value: Decodable>(
        _ arguments: [String],
        at node: ClusterNode? = nil,
        within patience: Duration = .seconds(60),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Value {
        let outcome = try await self.quire(arguments + ["--output", "json"], at: node, within: patience)
        try #require(outcome.status == 0, "\(outcome.testDescription)", sourceLocation: sourceLocation)
        return try outcome.json()
    }

    nonisolated func status(at node: ClusterNode? = nil) async throws -> ClusterAPI.Status {
        try await self.answer(["cluster", "status"], at: node)
    }

    private func begin() async throws {
        try await Program.succeed(Program.quire, ["cluster", "key", "--out", self.keyFile])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in self.nodes { group.addTask { try await node.start() } }
            try await group.waitForAll()
        }
        var arguments = [
            "cluster", "init", "--partitions", "\(self.shape.partitions)", "--replicas", "\(self.shape.replicas)",
            "--read-quorum", "\(self.shape.readQuorum)", "--write-quorum", "\(self.shape.writeQuorum)",
        ]
        if let smallest = self.shape.minWriteQuorum { arguments += ["--min-write-quorum", "\(smallest)"] }
        for node in self.nodes.dropFirst() { arguments += ["--peer", node.peer] }
        let outcome = try await self.quire(arguments)
        try #require(outcome.status == 0, "\(outcome.testDescription)")
        for node in self.nodes { try await node.waitUntilReady() }
        try await eventually("all members see each other") {
            for node in self.nodes where !(try await self.status(at: node).members.allSatisfy(\.isUp)) { return false }
            return true
        }
    }

    private func end() async {
        for node in self.nodes + self.newcomers { await node.kill() }
        self.folder.remove()
    }

    private func logs() -> String {
        (self.nodes + self.newcomers).map { node in
            "--- \(node.name)\n" + Program.text(node.log).split(separator: "\n").suffix(25).joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
