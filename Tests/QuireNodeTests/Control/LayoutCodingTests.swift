import Foundation
import QuireCore
import Testing

@testable import QuireNode

@Suite struct LayoutCodingTests {
    private static func layout() throws -> Layout {
        let members = (1...3).map { index in
            Member(
                id: NodeID(rawValue: UInt64(index)),
                name: "n\(index)",
                zone: "z\(index)",
                peer: Endpoint(host: "127.0.0.1", port: 7000 + index),
                proxy: Endpoint(host: "127.0.0.1", port: 7100 + index),
                http: Endpoint(host: "::1", port: 7200 + index)
            )
        }
        return try LayoutPlanner.validatedInitial(
            clusterID: String(repeating: "ab", count: 16),
            members: members,
            partitionCount: .standard,
            quorums: QuorumSettings()
        )
    }

    @Test func givesTheSameBytesForTheSameLayout() throws {
        let layout = try Self.layout()
        let bytes = LayoutCoding.encode(layout)
        #expect(LayoutCoding.decode(bytes) == layout)
        #expect(LayoutCoding.encode(try #require(LayoutCoding.decode(bytes))) == bytes)
    }

    @Test func refusesWhatIsNotALayout() throws {
        let bytes = LayoutCoding.encode(try Self.layout())
        #expect(LayoutCoding.decode([]) == nil)
        #expect(LayoutCoding.decode(Array(bytes.dropLast())) == nil)
        let text = String(decoding: bytes, as: UTF8.self)
        let odd = text.replacingOccurrences(of: "\"partitionCount\":256", with: "\"partitionCount\":255")
        #expect(odd != text)
        #expect(LayoutCoding.decode(Array(odd.utf8)) == nil)
    }
}
