import ArgumentParser
import Foundation
import QuireNode

/// `quire demo`: three nodes in one process, for development.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run a cluster of three nodes in one process on loopback, until Ctrl-C."
    )

    @Option(name: .long, help: "Keep the data in this directory (default: a temporary one, removed at the end).")
    var data: String?

    @Option(
        name: .long,
        help: "Proxy port of the first node; its peer and HTTP ports are 2 and 3 above, the next node 10 above."
    )
    var port = 7379

    @Option(name: .long, help: "Log level.")
    var logLevel = LogLevel.warning

    func validate() throws {
        guard (1...65_500).contains(self.port) else {
            throw ValidationError("--port must be in 1...65500, not \(self.port).")
        }
    }

    func run() async throws {
        let directory = try self.preparedDirectory()
        defer { self.removeTemporary(directory) }
        let key = try Self.clusterKey(in: directory)
        let configurations = (0..<3).map { self.configuration(of: $0, directory: directory, key: key) }
        var nodes: [QuireNodeProcess] = []
        for configuration in configurations {
            let logger = NodeGroup.logger("quire.\(configuration.name ?? "node")", level: self.logLevel)
            nodes.append(try await NodeGroup.open(configuration, logger: logger))
        }
        try await NodeGroup.run(
            nodes,
            greeting: DemoGreeting(
                configurations: configurations,
                place: directory.path,
                isTemporary: self.data == nil
            ),
            logger: NodeGroup.logger("quire", level: self.logLevel)
        )
    }

    private func configuration(of index: Int, directory: URL, key: [UInt8]) -> NodeConfiguration {
        let base = self.port + 10 * index
        return NodeConfiguration(
            dataDirectory: directory.appending(path: "n\(index + 1)").path,
            name: "n\(index + 1)",
            zone: "z\(index + 1)",
            host: "127.0.0.1",
            proxyPort: base,
            peerPort: base + 2,
            httpPort: base + 3,
            clusterKey: key,
            loopCount: 1,
            shardCount: 1,
            valueBytesMax: 1 << 20
        )
    }

    private func preparedDirectory() throws -> URL {
        let directory =
            self.data.map { URL(fileURLWithPath: $0) }
            ?? FileManager.default.temporaryDirectory.appending(path: "quire-demo-\(getpid())")
        do {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        } catch {
            throw CommandFailure("unwritable", "cannot create \(directory.path): \(error.localizedDescription)")
        }
        return directory
    }

    private func removeTemporary(_ directory: URL) {
        guard self.data == nil else { return }
        do {
            try FileManager.default.removeItem(at: directory)
        } catch {
            Console.err("quire: \(directory.path) could not be removed: \(error.localizedDescription)")
        }
    }

    private static func clusterKey(in directory: URL) throws -> [UInt8] {
        let path = directory.appending(path: "cluster.key").path
        if FileManager.default.fileExists(atPath: path) { return try ClusterKeyFile.read(path) }
        let key = ClusterKeyFile.draw()
        try ClusterKeyFile.create(path, key: key)
        return key
    }
}
