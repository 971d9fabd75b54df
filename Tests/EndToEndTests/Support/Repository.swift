import Foundation
import QuireClient
import QuireWire
import Testing

/// The files of a snapshot repository, to be looked at and damaged.
struct RepositoryFolder: Sendable {
    let path: String

    /// What `snapshot list` and `snapshot show` say, as far as these tests look.
    struct Listed: Decodable {
        var id: String
        var state: String
        var promise: String?
        var objects: Int?
        var reusedObjects: Int?
        var liveKeys: Int?
        var partitions: Int?
    }

    struct Verification: Decodable {
        var isIntact: Bool
        var objects: Int
        var findings: [String]
    }

    func create(of cluster: ProcessCluster) async throws -> TaskAPI.Status {
        try await cluster.answer(["snapshot", "create", "--repository", self.path])
    }

    func restore(_ snapshot: String, into cluster: ProcessCluster) async throws -> Outcome {
        try await cluster.quire([
            "restore", "run", "--mode", "merge", "--repository", self.path, "--snapshot", snapshot,
        ])
    }

    func list() async throws -> [Listed] {
        let outcome = try await Program.quire("snapshot", "list", "--repository", self.path, "--output", "json")
        try #require(outcome.status == 0, "\(outcome.testDescription)")
        return try outcome.json()
    }

    func show(_ snapshot: String) async throws -> Listed {
        let outcome = try await Program.quire(
            "snapshot",
            "show",
            snapshot,
            "--repository",
            self.path,
            "--output",
            "json"
        )
        try #require(outcome.status == 0, "\(outcome.testDescription)")
        return try outcome.json()
    }

    func verify(_ snapshot: String) async throws -> Outcome {
        try await Program.quire("snapshot", "verify", snapshot, "--repository", self.path, "--output", "json")
    }

    /// Paths of the stored objects, relative to the repository.
    func objects() throws -> [String] {
        let below = try FileManager.default.subpathsOfDirectory(atPath: "\(self.path)/objects")
        return below.filter { $0.hasSuffix(".zst") }.map { "objects/\($0)" }.sorted()
    }

    /// Flips one bit in the middle of a file for as long as `body` takes.
    func damaging(_ file: String, at position: Double = 0.5, _ body: () async throws -> Void) async throws {
        let url = URL(fileURLWithPath: "\(self.path)/\(file)")
        let intact = try Data(contentsOf: url)
        var damaged = intact
        damaged[Int(Double(damaged.count - 1) * position)] ^= 1
        // The repository's files are read-only; the directory is not.
        try damaged.write(to: url, options: .atomic)
        try await body()
        try intact.write(to: url, options: .atomic)
    }
}
