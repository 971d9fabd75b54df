import Foundation
import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// What a stopped node leaves on its disk is readable without Quire.
    @Suite struct FileTests {
        @Test func sqlite3ShowsTheRowsOfAStoppedNode() async throws {
            try await ProcessCluster.run { (cluster) async throws -> Void in
                let connection = try await cluster.first.connect()
                var expected: [Int: Set<String>] = [:]
                for index in 0..<30 {
                    let key = "row-\(index)"
                    _ = try await connection.send(["SET", key, "shown-\(index)"])
                    let place: ClusterAPI.Location = try await cluster.answer(["cluster", "locate", key])
                    expected[place.partition, default: []].insert(key)
                }
                await connection.close()
                let clusterID = try #require(try await cluster.status().clusterID)
                for node in cluster.nodes { try await node.stop() }
                // N is 3 of 3: every node holds every partition.
                for node in cluster.nodes {
                    for (partition, keys) in expected {
                        let file = "\(node.data)/partitions/\(partition).db"
                        let rows = try await Self.sqlite(file, "SELECT CAST(key AS TEXT) FROM entries")
                        #expect(Set(rows) == keys, "\(node.name), partition \(partition)")
                        let values = "SELECT count(*) FROM entries WHERE instr(record, CAST('shown-' AS BLOB)) > 0"
                        #expect(try await Self.sqlite(file, values) == ["\(keys.count)"])
                        let identity = "SELECT value FROM meta WHERE name IN ('cluster_id', 'partition') ORDER BY name"
                        #expect(try await Self.sqlite(file, identity) == [clusterID, "\(partition)"])
                        #expect(try await Self.sqlite(file, "PRAGMA integrity_check") == ["ok"])
                    }
                }
            }
        }

        @Test func aNodeComesBackWithItsDataAfterACleanStop() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let data = Dataset(count: 80)
                try await data.store(through: cluster.first)
                try await cluster.first.stop()
                try await cluster.first.start()
                try await cluster.first.waitUntilReady()
                let status = try await cluster.status()
                #expect(status.members.map(\.records) == [80], "before anything has been read")
                #expect(try await data.differences(through: cluster.first) == [])
            }
        }

        private static func sqlite(_ file: String, _ query: String) async throws -> [String] {
            try await Program.succeed("sqlite3", ["-batch", "-noheader", "-readonly", file, query]).out
                .split(separator: "\n").map(String.init)
        }
    }
}
