import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import QuireArchive
import QuireCore
import QuireWire

/// The HTTP API: for the command line, for scripts and for probes.
struct HTTPServer: Sendable {
    let node: NodeRuntime
    let control: ControlLoop
    let cluster: ClusterService
    let tasks: TaskRegistry
    let maintenance: MaintenanceService

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/livez") { _, _ in "ok\n" }
        router.get("/readyz") { _, _ in self.readiness() }
        self.addClusterRoutes(to: router)
        self.addOperationRoutes(to: router)
        self.addBackgroundRoutes(to: router)
        self.addTaskRoutes(to: router)
        return router
    }

    private func readiness() -> Response {
        guard !self.node.isDraining else {
            return Self.text(.serviceUnavailable, "this node is under maintenance\n")
        }
        let isMember = self.node.layout?.member(self.node.member.id) != nil
        if isMember, self.control.currentServices != nil {
            return Self.text(.ok, "ready\n")
        }
        return Self.text(.serviceUnavailable, "this node belongs to no cluster\n")
    }

    private func addClusterRoutes(to router: Router<BasicRequestContext>) {
        let cluster = self.cluster
        router.get("/v1/cluster") { _, _ in await Self.answer { try await cluster.status() } }
        router.get("/v1/cluster/plan") { request, _ in
            await Self.answer {
                let maximum = request.uri.queryParameters["snapshotAgeMaxSeconds"].flatMap { Int($0) }
                return try await cluster.plan(snapshotAgeMaxSeconds: maximum)
            }
        }
        router.get("/v1/cluster/roots") { _, _ in await Self.answer { try await cluster.roots() } }
        router.get("/v1/transfers") { _, _ in await Self.answer { try await cluster.transfers() } }
        router.get("/v1/cluster/layout") { _, _ in
            await Self.answer {
                guard let layout = self.node.layout else { throw ClusterService.notInitialised }
                return layout
            }
        }
        router.get("/v1/cluster/locate") { request, _ in
            await Self.answer {
                guard let key = request.uri.queryParameters["key"] else {
                    throw ClusterAPI.Failure(code: "invalid_request", message: "give ?key=KEY")
                }
                return try cluster.locate(String(key))
            }
        }
        router.post("/v1/cluster/init") { request, _ in
            await Self.answer { try await cluster.initialise(try await Self.decode(request)) }
        }
        router.post("/v1/cluster/commit") { request, _ in
            await Self.answer { try await cluster.commit(try await Self.decode(request)) }
        }
        router.delete("/v1/cluster/staged") { _, _ in await Self.answer { try await cluster.clear() } }
    }

    private func addOperationRoutes(to router: Router<BasicRequestContext>) {
        let cluster = self.cluster
        let maintenance = self.maintenance
        router.post("/v1/cluster/stage") { request, _ in
            await Self.answer { try await cluster.stage(try await Self.decode(request)) }
        }
        router.post("/v1/cluster/operation") { request, _ in
            await Self.answer { try await cluster.operate(try await Self.decode(request)) }
        }
        router.post("/v1/cluster/recover") { request, _ in
            await Self.answer { try await cluster.recover(try await Self.decode(request)) }
        }
        router.get("/v1/cluster/history") { _, _ in await Self.answer { try await cluster.history() } }
        router.get("/v1/cluster/undo") { _, _ in await Self.answer { try await cluster.undoPreview() } }
        router.get("/v1/node/drain") { _, _ in await Self.answer { try await maintenance.state() } }
        router.post("/v1/node/drain") { _, _ in await Self.answer { try await maintenance.drain() } }
        router.delete("/v1/node/drain") { _, _ in await Self.answer { try await maintenance.undrain() } }
    }

    private func addBackgroundRoutes(to router: Router<BasicRequestContext>) {
        let background = BackgroundService(cluster: self.cluster)
        router.get("/v1/background") { _, _ in await Self.answer { try await background.report() } }
        router.post("/v1/repair") { _, _ in await Self.answer { try await background.repair() } }
    }

    private func addTaskRoutes(to router: Router<BasicRequestContext>) {
        router.post("/v1/snapshots") { request, _ in
            await Self.answer { try self.startSnapshot(try await Self.decode(request)) }
        }
        router.get("/v1/snapshots") { request, _ in
            await Self.answer {
                guard let path = request.uri.queryParameters["repository"] else {
                    throw ClusterAPI.Failure(code: "invalid_request", message: "give ?repository=PATH")
                }
                return try SnapshotListing(repository: String(path))
            }
        }
        router.post("/v1/restores") { request, _ in
            await Self.answer { try self.startRestore(try await Self.decode(request)) }
        }
        router.get("/v1/tasks/:id") { _, context in
            await Self.answer {
                let id = try context.parameters.require("id")
                guard let status = self.tasks.status(of: id) else {
                    throw ClusterAPI.Failure(
                        code: "unknown_task",
                        message: "this node knows no task \(id); ask the node that started it, since its last start"
                    )
                }
                return status
            }
        }
    }

    private func startSnapshot(_ request: TaskAPI.SnapshotRequest) throws -> TaskAPI.Status {
        let services = try self.servicesForTask("snapshot", path: request.repository)
        // A repository that cannot be used is refused at once, not by a task.
        _ = try DirectoryRepository.open(at: request.repository, createIfMissing: true)
        return self.tasks.start(kind: "snapshot", unit: "partitions") { report in
            try await SnapshotTask(
                repositoryPath: request.repository,
                node: self.node,
                control: self.control,
                services: services,
                report: report
            ).run()
        }
    }

    private func startRestore(_ request: TaskAPI.RestoreRequest) throws -> TaskAPI.Status {
        guard request.mode == "merge" else {
            throw ClusterAPI.Failure(
                code: "invalid_request",
                message: "restore mode '\(request.mode)' does not exist; this version has 'merge'"
            )
        }
        let services = try self.servicesForTask("restore", path: request.repository)
        let repository = try DirectoryRepository.open(at: request.repository)
        _ = try repository.manifest(of: request.snapshot)
        return self.tasks.start(kind: "restore", unit: "records") { report in
            try await RestoreTask(
                repositoryPath: request.repository,
                snapshot: request.snapshot,
                node: self.node,
                control: self.control,
                services: services,
                report: report
            ).run()
        }
    }

    private func servicesForTask(_ kind: String, path: String) throws -> NodeServices {
        guard path.hasPrefix("/") else {
            throw ClusterAPI.Failure(
                code: "invalid_request",
                message: "'\(path)' is relative: give an absolute path, since several nodes open it"
            )
        }
        guard let services = self.control.currentServices else { throw ClusterService.notInitialised }
        guard !self.tasks.isRunning(kind) else {
            throw ClusterAPI.Failure(code: "task_running", message: "a \(kind) is running on this node: wait for it")
        }
        return services
    }

    // MARK: JSON

    private static func decode<Body: Decodable>(_ request: Request) async throws -> Body {
        let buffer = try await request.body.collect(upTo: 1 << 20)
        do {
            return try JSONDecoder().decode(Body.self, from: Data(buffer.readableBytesView))
        } catch {
            throw ClusterAPI.Failure(code: "invalid_request", message: "the body is not what is needed: \(error)")
        }
    }

    private static func answer(_ body: () async throws -> some Encodable) async -> Response {
        do {
            return self.json(.ok, try await body())
        } catch let failure as ClusterAPI.Failure {
            return self.json(self.status(of: failure), failure)
        } catch let error as ArchiveError {
            return self.json(.badRequest, ClusterAPI.Failure(code: error.code.rawValue, message: error.description))
        } catch {
            return self.json(.internalServerError, ClusterAPI.Failure(code: "internal", message: "\(error)"))
        }
    }

    private static func status(of failure: ClusterAPI.Failure) -> HTTPResponse.Status {
        switch failure.code {
        case "not_initialised", "members_unreachable", "unreachable": return .serviceUnavailable
        case "unknown_node", "unknown_task": return .notFound
        case "invalid_request", "invalid_settings", "invalid_address", "invalid_key": return .badRequest
        default: return .conflict
        }
    }

    private static func json(_ status: HTTPResponse.Status, _ value: some Encodable) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            let bytes = try encoder.encode(value)
            return Response(
                status: status,
                headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(bytes: Array(bytes) + [UInt8(ascii: "\n")]))
            )
        } catch {
            return self.text(.internalServerError, "the answer cannot be encoded: \(error)\n")
        }
    }

    private static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/plain"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }
}
