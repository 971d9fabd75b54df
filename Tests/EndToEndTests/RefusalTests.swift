import Foundation
import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// What a client does wrong is told in a sentence; nothing is stored, and the node lives on.
    @Suite struct RefusalTests {
        @Test func inputThatCannotBeStoredIsRefusedAndTheConnectionStaysUsable() async throws {
            try await ProcessCluster.run { (cluster) async throws -> Void in
                let connection = try await cluster.first.connect()
                let longKey = [UInt8](repeating: UInt8(ascii: "k"), count: 1025)
                let longValue = [UInt8](repeating: UInt8(ascii: "v"), count: 1 << 20 + 1)
                let set = Array("SET".utf8)
                await Self.expectRefusal(connection, [set, longKey, [1]], saying: "1024 bytes")
                await Self.expectRefusal(connection, [set, [], [1]], saying: "1 to 1024 bytes")
                await Self.expectRefusal(connection, [Array("GET".utf8), longKey], saying: "1024 bytes")
                await Self.expectRefusal(connection, [set, [1], longValue], saying: "1048576 bytes")
                await Self.expectRefusal(
                    connection,
                    [Array("QUIRE.PUT".utf8), longKey, [UInt8(ascii: "-")], [1]],
                    saying: "1024 bytes"
                )
                await Self.expectRefusal(
                    connection,
                    ["NONSENSE", "a"].map { Array($0.utf8) },
                    saying: "unknown command"
                )
                await Self.expectRefusal(connection, ["GET"].map { Array($0.utf8) }, saying: "number of arguments")
                await Self.expectRefusal(
                    connection,
                    ["SET", "a", "b", "EX", "5"].map { Array($0.utf8) },
                    saying: "'EX'"
                )
                await Self.expectRefusal(connection, ["SET", "a", "b", "c"].map { Array($0.utf8) }, saying: "syntax")
                #expect(try await connection.send(["DBSIZE"]) == .integer(0))

                let longest = [UInt8](repeating: UInt8(ascii: "k"), count: 1024)
                let largest = [UInt8](repeating: UInt8(ascii: "v"), count: 1 << 20)
                #expect(try await connection.send([set, longest, largest]) == .status("OK"))
                let other = try await cluster.nodes[2].connect()
                #expect(try await other.send([Array("GET".utf8), longest]) == .bytes(largest))
                await other.close()
                await connection.close()
            }
        }

        /// Each is answered by an error and the end of the connection, since nothing after it can be understood.
        @Test func malformedRequestsAreAnsweredByAProtocolErrorAndTheNodeLives() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let port = cluster.first.ports.proxy
                let malformed = [
                    "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$-5\r\n", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$99999999999999999999\r\n",
                    "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2147483647\r\n", "*2147483647\r\n$3\r\nSET\r\n",
                    "*99999999999999999999\r\n", "*2\r\n$3\r\nSET:1\r\n", "*1\r\n:5\r\n",
                    "*3\r\n$3\r\nSET\r\n$1\r\nab\r\n$1\r\nb\r\n", String(repeating: "*1\r\n", count: 10_000),
                    String(repeating: "x", count: 1 << 20), "GET \"unbalanced\r\n",
                ]
                for bytes in malformed {
                    let connection = try RawConnection(port: port)
                    connection.send(bytes)
                    let answer = try connection.readToEnd()
                    #expect(answer.hasPrefix("-ERR Protocol error: "), "\(bytes.prefix(60)): \(answer)")
                }
                try await Self.expectNothingStored(cluster)
            }
        }

        @Test func requestsThatAreCutShortStoreNothing() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let whole = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n"
                for count in 1..<whole.utf8.count {
                    let connection = try RawConnection(port: cluster.first.ports.proxy)
                    connection.send(Array(whole.utf8.prefix(count)))
                    connection.endSending()
                    #expect(try connection.readToEnd() == "", "after \(count) bytes")
                }
                try await Self.expectNothingStored(cluster)
            }
        }

        /// Each refusal makes the next command come up at once: thousands of them must not pile up on the stack.
        @Test func aLongPipelineToANodeWithoutAClusterIsRefusedCommandByCommand() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let newcomer = try await cluster.startNewcomer("newcomer")
                let count = 20_000
                let connection = try RawConnection(port: newcomer.ports.proxy, patienceSeconds: 30)
                connection.send(String(repeating: "GET key\r\n", count: count) + "QUIT\r\n")
                let lines = try connection.readToEnd().split(separator: "\r\n")
                #expect(lines.count == count + 1)
                #expect(lines.dropLast().allSatisfy { $0.hasPrefix("-NOTREADY ") }, "\(lines.first ?? "")")
                #expect(lines.last == "+OK")
                #expect(await newcomer.isRunning)
            }
        }

        private static func expectNothingStored(_ cluster: ProcessCluster) async throws {
            #expect(await cluster.first.isRunning)
            let connection = try await cluster.first.connect()
            #expect(try await connection.send(["DBSIZE"]) == .integer(0))
            #expect(try await connection.send(["SET", "still", "works"]) == .status("OK"))
            await connection.close()
        }

        private static func expectRefusal(
            _ connection: QuireConnection,
            _ command: [[UInt8]],
            saying words: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async {
            do {
                let reply = try await connection.send(command)
                Issue.record("answered \(reply)", sourceLocation: sourceLocation)
            } catch QuireError.refused(code: "ERR", let message) {
                #expect(message.contains(words), "\(message)", sourceLocation: sourceLocation)
            } catch {
                Issue.record(error, sourceLocation: sourceLocation)
            }
        }
    }
}
