import Foundation
import Glibc
import QuireClient
import QuireWire
import Testing

/// One `quire node start`, which may be killed and started again where it was.
actor ClusterNode {
    /// How a node is started.
    struct Shape: Sendable {
        var name: String
        var data: String
        var keyFile: String
        /// Options after those that every node gets.
        var options: [String] = []
        /// Drawn when `nil`.
        var ports: Ports?
    }

    struct Ports: Codable, Sendable {
        var proxy: Int
        var peer: Int
        var http: Int

        /// Free ports, drawn from below those that the system gives to outgoing connections: a node that comes back
        /// finds them free still, and nobody who knocks meanwhile is connected to himself.
        static func draw() throws -> Ports {
            Ports(proxy: try TCPPort.draw(), peer: try TCPPort.draw(), http: try TCPPort.draw())
        }
    }

    nonisolated let shape: Shape
    nonisolated let ports: Ports
    private var process: ChildProcess?

    init(_ shape: Shape) throws {
        self.shape = shape
        self.ports = try shape.ports ?? Ports.draw()
    }

    nonisolated var name: String { self.shape.name }
    nonisolated var data: String { self.shape.data }
    /// Beside the cluster's key, so that a full disk does not silence it.
    nonisolated var log: String {
        URL(fileURLWithPath: self.shape.keyFile).deletingLastPathComponent().path + "/\(self.name).log"
    }
    nonisolated var proxy: String { "127.0.0.1:\(self.ports.proxy)" }
    nonisolated var peer: String { "127.0.0.1:\(self.ports.peer)" }
    nonisolated var http: String { "http://127.0.0.1:\(self.ports.http)" }
    nonisolated var endpoint: QuireEndpoint { QuireEndpoint(host: "127.0.0.1", port: self.ports.proxy) }

    var isRunning: Bool {
        get async { await self.process?.isRunning ?? false }
    }

    /// Starts the node and waits until it answers.
    func start() async throws {
        let arguments =
            [
                "node", "start", "--data", self.data, "--name", self.name, "--cluster-key-file", self.shape.keyFile,
                "--proxy-port", "\(self.ports.proxy)", "--peer-port", "\(self.ports.peer)",
                "--http-port", "\(self.ports.http)",
            ] + self.shape.options
        let process = try ChildProcess(Program.quire, arguments, output: self.log, errors: self.log)
        self.process = process
        try await eventually("node \(self.name) is alive") {
            guard await process.isRunning else { throw NodeEnded(name: self.name, log: Program.text(self.log)) }
            return try HTTPProbe.status(of: "/livez", port: self.ports.http) == 200
        }
    }

    /// Waits until the node serves the cluster that it belongs to.
    func waitUntilReady() async throws {
        try await eventually("node \(self.name) is ready") {
            try HTTPProbe.status(of: "/readyz", port: self.ports.http) == 200
        }
    }

    /// `kill -9`: nothing is flushed, nobody is told.
    func kill() async {
        await self.process?.send(SIGKILL)
        _ = await self.process?.waitForEnd()
    }

    /// A graceful stop; the node has to end by itself and without complaint.
    func stop(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        guard let process = self.process else { return }
        await process.send(SIGTERM)
        let watchdog = Task {
            try await Task.sleep(for: .seconds(30))
            await process.send(SIGKILL)
        }
        let ending = await process.waitForEnd()
        watchdog.cancel()
        try #require(ending == .exited(0), "node \(self.name) after SIGTERM", sourceLocation: sourceLocation)
    }

    func connect() async throws -> QuireConnection {
        try await QuireConnection.connect(host: "127.0.0.1", port: self.ports.proxy)
    }
}

struct NodeEnded: Error, CustomStringConvertible {
    let name: String
    let log: String

    var description: String { "node \(self.name) ended by itself:\n\(self.log.suffix(2000))" }
}
