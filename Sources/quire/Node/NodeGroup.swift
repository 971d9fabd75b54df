import Logging
import QuireNode
import ServiceLifecycle
import UnixSignals

/// Runs the nodes of this process, one or several, until SIGTERM or SIGINT, and then stops them gracefully.
enum NodeGroup {
    static func logger(_ label: String, level: LogLevel) -> Logger {
        var logger = Logger(label: label, factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = level.level
        return logger
    }

    /// Opens a node: its directory is locked and its ports are bound; whatever prevents that is one sentence.
    static func open(_ configuration: NodeConfiguration, logger: Logger) async throws -> QuireNodeProcess {
        do {
            return try await QuireNodeProcess(configuration: configuration, logger: logger)
        } catch let error as NodeError {
            throw CommandFailure(error.code.rawValue, error.message)
        } catch {
            throw CommandFailure(
                "node_failed",
                "the node in \(configuration.dataDirectory) cannot start: \(error)"
            )
        }
    }

    /// - Parameter greeting: Runs beside the nodes; may end before them.
    static func run(
        _ nodes: [QuireNodeProcess],
        greeting: (any Service)? = nil,
        logger: Logger
    ) async throws {
        var services = nodes.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) }
        if let greeting {
            services.append(.init(service: greeting, successTerminationBehavior: .ignore))
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services,
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        do {
            try await group.run()
        } catch let failure as CommandFailure {
            throw failure
        } catch let error as NodeError {
            throw CommandFailure(error.code.rawValue, error.message)
        } catch {
            throw CommandFailure("node_failed", "the node stopped: \(error)")
        }
    }
}
