import Foundation
import Glibc
import QuireCore

/// A node's data directory: its identity, and the lock that keeps a second process out.
///
/// `node.json` holds format, node id, name and zone; the id names the directory for ever (SAFETY rule 13).
struct NodeDirectory: Sendable {
    struct Identity: Codable {
        var format: Int
        var node: NodeID
        var name: String
        var zone: String
    }

    private static let format = 1

    let path: String
    let node: NodeID
    let name: String
    let zone: String
    private let lock: Int32

    /// Opens the directory, or makes it with a fresh identity.
    init(configuration: NodeConfiguration) throws {
        self.path = configuration.dataDirectory
        do {
            try FileManager.default.createDirectory(
                atPath: self.path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw NodeError(.dataDirectoryUnusable, "\(self.path): cannot make the data directory: \(error)")
        }
        let lock = try Self.acquire(self.path)
        self.lock = lock
        do {
            let identity = try Self.identity(configuration)
            self.node = identity.node
            self.name = identity.name
            self.zone = identity.zone
        } catch {
            close(lock)
            throw error
        }
    }

    /// Lets another process have the directory; nothing may be written to it afterwards.
    func release() {
        close(self.lock)
    }

    private static func identity(_ configuration: NodeConfiguration) throws -> Identity {
        let path = configuration.dataDirectory
        let file = "\(path)/node.json"
        if FileManager.default.fileExists(atPath: file) {
            let identity = try self.read(file)
            let isRenamed = configuration.name.map { $0 != identity.name } ?? false
            if isRenamed {
                throw NodeError(
                    .invalidConfiguration,
                    "\(path) belongs to the node named \(identity.name): start it with that name, or without one"
                )
            }
            return identity
        }
        var generator = SystemRandomNumberGenerator()
        let id = NodeID(rawValue: generator.next())
        let identity = Identity(
            format: self.format,
            node: id,
            name: configuration.name ?? "n-\(id.description.prefix(6))",
            zone: configuration.zone
        )
        try self.write(identity, to: file, in: path)
        return identity
    }

    /// Says where the node listens, for scripts that let it take any free port.
    func announce(_ member: Member) throws {
        let ports = ["proxy": member.proxy.port, "peer": member.peer.port, "http": member.http.port]
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(ports).write(to: URL(fileURLWithPath: "\(self.path)/ports.json"), options: .atomic)
    }

    private static func acquire(_ path: String) throws -> Int32 {
        let descriptor = open("\(path)/node.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw NodeError(.dataDirectoryUnusable, "\(path): cannot be written: \(reason)")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw NodeError(
                .dataDirectoryInUse,
                "\(path) is used by another process: stop it, or give this node a directory of its own"
            )
        }
        return descriptor
    }

    /// - Parameter file: The path of a `node.json`.
    static func read(_ file: String) throws -> Identity {
        do {
            let identity = try JSONDecoder().decode(Identity.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
            guard identity.format == Self.format else {
                throw NodeError(
                    .dataDirectoryUnusable,
                    "\(file): format \(identity.format) is not the one this version reads (\(Self.format))"
                )
            }
            return identity
        } catch let error as DecodingError {
            throw NodeError(.dataDirectoryUnusable, "\(file) is damaged (\(error)); restore it from a backup")
        }
    }

    private static func write(_ identity: Identity, to file: String, in directory: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        try encoder.encode(identity).write(to: URL(fileURLWithPath: file), options: .atomic)
        for path in [file, directory] {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0, fsync(descriptor) == 0 else {
                throw NodeError(
                    .dataDirectoryUnusable,
                    "\(path): cannot be synced: \(String(cString: strerror(errno)))"
                )
            }
            close(descriptor)
        }
    }
}
