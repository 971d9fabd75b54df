import QuireCore
import Testing

@testable import QuireWire

@Suite struct ContextCodecTests {
    private let codec = ContextCodec(secret: Array("cluster key".utf8))
    private let key = Key("user:1")!

    @Test func opensWhatItSealed() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<500 {
            let token = ContextToken(
                vector: random.vector(),
                preferredNode: random.bool() ? NodeID(rawValue: random.next()) : nil
            )
            let key = random.key()
            let text = self.codec.seal(token, for: key)
            #expect(text.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "=") })
            #expect(try self.codec.open(text, for: key) == token)
        }
    }

    @Test func refusesATokenOfAnotherKey() {
        let text = self.codec.seal(ContextToken(vector: VersionVector()), for: Key("user:2")!)
        #expect(throws: ContextError.otherKey) { try self.codec.open(text, for: self.key) }
    }

    @Test func refusesATokenOfAnotherCluster() {
        let foreign = ContextCodec(secret: Array("another key".utf8))
        let text = foreign.seal(ContextToken(vector: VersionVector()), for: self.key)
        #expect(throws: ContextError.forged) { try self.codec.open(text, for: self.key) }
    }

    @Test func refusesEveryChangedCharacter() {
        let vector = VersionVector([VersionVector.Entry(actor: ActorID(rawValue: 7), counter: 9)])
        let text = self.codec.seal(ContextToken(vector: vector), for: self.key)
        for index in text.indices {
            var changed = text
            changed[index] = changed[index] == UInt8(ascii: "B") ? UInt8(ascii: "C") : UInt8(ascii: "B")
            #expect(throws: ContextError.self) { try self.codec.open(changed, for: self.key) }
        }
    }

    @Test func refusesWhatIsNoToken() {
        let whole = self.codec.seal(ContextToken(vector: VersionVector()), for: self.key)
        for text in [[], Array("-".utf8), Array("not base64!".utf8), Array(whole.prefix(20))] {
            #expect(throws: ContextError.malformed) { try self.codec.open(text, for: self.key) }
        }
        let vector = VersionVector([VersionVector.Entry(actor: ActorID(rawValue: 7), counter: 9)])
        let longer = self.codec.seal(ContextToken(vector: vector), for: self.key)
        #expect(throws: ContextError.forged) { try self.codec.open(Array(longer.dropLast(3)), for: self.key) }
    }

    @Test(arguments: [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy"), ("~~?", "fn4_")])
    func writesBase64AsTheStandardSays(_ bytes: String, _ text: String) {
        #expect(Base64URL.encode(Array(bytes.utf8)) == Array(text.utf8))
        #expect(Base64URL.decode(text.utf8) == Array(bytes.utf8))
    }

    @Test func acceptsOneTextOnlyForTheSameBytes() {
        #expect(Base64URL.decode("Zh".utf8) == nil)
        #expect(Base64URL.decode("Z".utf8) == nil)
        #expect(Base64URL.decode("Zg==".utf8) == nil)
    }
}
