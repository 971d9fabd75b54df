import Testing

@testable import quire

@Suite struct ProxyReplyTests {
    @Test func findsTheFieldsOfAFlattenedMap() {
        let reply = ProxyReply.array([
            .bytes(Array("context".utf8)), .bytes([1]), .bytes(Array("siblings".utf8)), .integer(2),
        ])
        #expect(reply.field("context") == .bytes([1]))
        #expect(reply.field("siblings") == .integer(2))
        #expect(reply.field("values") == nil)
    }

    @Test(arguments: [("QUORUM 1 of 2", true), ("OVERLOADED", true), ("NOTREADY x", true), ("ERR key too long", false)])
    func knowsWhatMayBeTriedAgain(text: String, isRetriable: Bool) {
        #expect(ProxyReply.error(text).isRetriable == isRetriable)
    }

    @Test(arguments: [
        ("127.0.0.1:7379", "127.0.0.1", 7379), ("[::1]:80", "::1", 80), ("node.example:1", "node.example", 1),
    ])
    func readsAddresses(text: String, host: String, port: Int) {
        let address = ProxyAddress(text)
        #expect(address?.host == host)
        #expect(address?.port == port)
        #expect(address?.description == text)
    }

    @Test(arguments: ["", "host", ":1", "host:0", "host:65536", "host:x"])
    func refusesWhatIsNoAddress(text: String) {
        #expect(ProxyAddress(text) == nil)
    }
}
