import NIOCore
import QuireWire
import Testing

@testable import quire

@Suite struct RESPRequestsTests {
    private let keys = LoadKeys(count: 10, valueBytes: 5, seed: 1)

    @Test func writesAGet() throws {
        #expect(try self.words(.get, wait: 1) == [["GET", "load:00000000003"]])
    }

    @Test func writesASetAlone() throws {
        let requests = try self.words(.put, wait: 0)
        #expect(requests.count == 1)
        #expect(requests[0].prefix(2) == ["SET", "load:00000000003"])
    }

    @Test func writesAWaitBehindASet() throws {
        let requests = try self.words(.put, wait: 2)
        #expect(requests.map(\.first) == ["SET", "WAIT"])
        #expect(requests[1] == ["WAIT", "2", "0"])
    }

    private func words(_ kind: LoadOperation.Kind, wait: Int) throws -> [[String]] {
        var buffer = ByteBuffer()
        RESPRequests(self.keys, wait: wait).write(LoadOperation(kind: kind, key: 3), turn: 1, into: &buffer)
        var parser = RESPValueParser()
        var requests: [[String]] = []
        while let value = try parser.next(&buffer) {
            guard case .array(let arguments) = value else { break }
            requests.append(
                arguments.map { argument in
                    guard case .bulk(let bytes) = argument else { return "no bulk" }
                    return String(decoding: bytes, as: UTF8.self)
                }
            )
        }
        #expect(buffer.readableBytes == 0)
        return requests
    }
}
