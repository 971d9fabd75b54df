import QuireCore
import Testing

extension DynamoPaperTests {
    @Suite("§4.1 System interface") struct Interface {
        /// §4.1: get "locates the object replicas associated with the key and returns a single object or a list of
        /// objects with conflicting versions along with a context".
        @Test func aGetReturnsAllConflictingVersionsWithAContextThatCoversThem() throws {
            var dialogue = try RequestCoreDialogue()
            let asked = dialogue.ask(.get(try dialogue.key(isOwn: true), readQuorum: nil))
            _ = dialogue.stored(try #require(asked.storeTokens.first), .record(.minted(1)))
            let read = try #require(dialogue.answer(asked.questions[0], .record(.minted(2))).recordsRead.first)
            #expect(read.siblings.count == 2)
            #expect(read.siblings.allSatisfy { read.vector.covers($0.dot) })
        }

        /// §4.1: put "determines where the replicas of the object should be placed based on the associated key, and
        /// writes the replicas to disk": it is acknowledged from durable receipts alone.
        @Test func aPutIsAcknowledgedOnceTheReplicasAreOnDisk() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: true)
            let token = try #require(dialogue.ask(Paper.blindPut(key)).storeTokens.first)
            let sent = dialogue.stored(token, Paper.minted)
            #expect(Set(sent.recordsSent.map(\.node) + [.a]) == Set(dialogue.row(of: key)))
            #expect(dialogue.answer(sent.questions[0], Paper.acknowledged).recordsStored.isEmpty)
            #expect(dialogue.stored(token, .durable(.at(0))).recordsStored == [.minted(7)])
        }

        /// §4.1: "the context information is stored along with the object so that the system can verify the validity
        /// of the context object supplied in the put request". A context of versions that a replica has not seen is
        /// taken as it is: it becomes part of what the replica knows, and supersedes only what it covers.
        @Test func theContextIsStoredWithTheObject() {
            var record = Record.minted(1)
            let other = Record.minted(2)
            record.mint(.of(1, 2), superseding: .context(other.vector))
            #expect(record.vector.descends(from: other.vector))
            #expect(record.siblings.map(\.dot.counter) == [1, 2], "what was not read is not superseded")
        }

        /// §4.1: "Dynamo treats both the key and the object supplied by the caller as an opaque array of bytes."
        @Test func keysAndObjectsAreAnyBytes() throws {
            let bytes = (0...255).map { UInt8($0) }
            let key = try #require(Key(bytes))
            #expect(key.bytes == bytes)
            var dialogue = try RequestCoreDialogue(layout: .initial(Member.inZones([1]), partitions: 8))
            #expect(dialogue.ask(Paper.blindPut(key, value: bytes)).mintRequest?.value == bytes)
        }

        /// §4.1: a hash of the key "generates a 128-bit identifier, which is used to determine the storage nodes". Ours
        /// is CRC16, as Redis clients compute it; what it must do is the same: spread keys evenly.
        @Test func hashingSpreadsKeysEvenlyOverThePartitions() throws {
            let count = try #require(PartitionCount(16))
            var keys = Array(repeating: 0, count: 16)
            for number in 0..<16_000 {
                keys[count.partition(of: try #require(Key("customer-\(number)"))).rawValue] += 1
            }
            #expect(keys.allSatisfy { (850...1150).contains($0) }, "\(keys)")
        }
    }
}
