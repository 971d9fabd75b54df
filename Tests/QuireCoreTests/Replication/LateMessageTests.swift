import QuireCore
import Testing

/// SAFETY rule 9: what was under way for too long is never stored, for its tombstone may be gone.
@Suite struct LateMessageTests {
    private let record = Record.minted(7)
    private let request = RequestCore.PeerRequestID(link: 1, correlation: 1)

    private func isRefused(_ effects: [RequestCore.Effect]) -> Bool {
        guard effects.count == 1, case .answerPeer(self.request, .failed) = effects[0] else { return false }
        return true
    }

    private func asked(_ message: PeerMessage, age: Duration, budget: Duration? = nil) throws -> [RequestCore.Effect] {
        var dialogue = try RequestCoreDialogue()
        return dialogue.handle(.peerAsked(self.request, message, MessageTiming(age: age, budget: budget)))
    }

    @Test func everyMessageThatCarriesDataIsRefusedAfterItsLifetime() throws {
        let key = try RequestCoreDialogue().key(isOwn: true)
        let partition = try #require(PartitionCount(8)).partition(of: key)
        let put = PutRequest(key: key, value: [1], supersession: .older)
        let messages: [PeerMessage] = [
            .put(partition, key, self.record), .hint(partition, key, self.record),
            .putBatch(partition, [KeyedRecord(key: key, record: self.record)]),
            .coordinate(put, request: RequestID(high: 1, low: 1), timestamp: .zero),
        ]
        for message in messages {
            #expect(message.carriesData)
            #expect(self.isRefused(try self.asked(message, age: .milliseconds(10_001))), "\(message)")
            #expect(self.isRefused(try self.asked(message, age: LinkClock.unknownAge)), "\(message)")
            #expect(!self.isRefused(try self.asked(message, age: .seconds(9))), "\(message)")
        }
    }

    @Test func readsAreNotRefusedForTheirAgeButWhenNobodyWaits() throws {
        let key = try RequestCoreDialogue().key(isOwn: true)
        let get = PeerMessage.get(try #require(PartitionCount(8)).partition(of: key), key)
        #expect(!self.isRefused(try self.asked(get, age: .seconds(11))))
        #expect(!self.isRefused(try self.asked(get, age: .milliseconds(900), budget: .seconds(1))))
        #expect(self.isRefused(try self.asked(get, age: .seconds(1), budget: .seconds(1))))
    }

    /// The process was stopped while a read waited for one more replica. What it had read may be deleted, and its
    /// tombstone collected: it must not repair anybody with it.
    @Test func aCoreThatWasStoppedStoresAndSendsNothingOfWhatItHadRead() throws {
        var dialogue = try RequestCoreDialogue()
        let key = try dialogue.key(isOwn: true)
        let asked = dialogue.ask(.get(key, readQuorum: 1))
        let token = try #require(asked.storeTokens.first)
        let answered = dialogue.stored(token, .record(self.record))
        #expect(answered.clientResults.count == 1)
        let peer = try #require(asked.questions.first)
        dialogue.pass(.seconds(3600))
        var late = dialogue.handle(.peerAnswered(peer.node, correlation: peer.correlation, .record(nil)))
        late += dialogue.handle(.timePassed)
        #expect(late.questions.isEmpty)
        #expect(late.storeTokens.isEmpty)
        #expect(dialogue.core.operationCount == 0)
    }

    @Test func aCoreThatWasStoppedTellsItsClientsThatTheyFailed() throws {
        var dialogue = try RequestCoreDialogue()
        let put = PutRequest(key: try dialogue.key(isOwn: true), value: [1], supersession: .older)
        let token = try #require(dialogue.ask(.put(put)).storeTokens.first)
        dialogue.pass(.seconds(3600))
        let minted = StorageOutcome.minted(self.record, dot: Dot(actor: ActorID(rawValue: 7), counter: 1))
        let late = dialogue.stored(token, minted)
        #expect(late.questions.isEmpty)
        #expect(late.clientResults.count == 1)
        guard case .failed? = late.clientResults.first else {
            Issue.record("\(late)")
            return
        }
    }

    @Test func anOverdueOperationEndsBeforeAnythingElseHappens() throws {
        var dialogue = try RequestCoreDialogue()
        let put = PutRequest(key: try dialogue.key(isOwn: true), value: [1], supersession: .older)
        let token = try #require(dialogue.ask(.put(put)).storeTokens.first)
        dialogue.pass(.milliseconds(2100))
        let minted = StorageOutcome.minted(self.record, dot: Dot(actor: ActorID(rawValue: 7), counter: 1))
        #expect(dialogue.stored(token, minted).questions.isEmpty)
    }

    /// Our own storage is slow: a stand-in must not be asked to hold, and then count for, nothing.
    @Test func patienceThatEndsBeforeTheMintHintsNothing() throws {
        var dialogue = try RequestCoreDialogue()
        let put = PutRequest(key: try dialogue.key(isOwn: true), value: [1], supersession: .older)
        let token = try #require(dialogue.ask(.put(put)).storeTokens.first)
        #expect(dialogue.wait(.seconds(1)).isEmpty)
        let minted = StorageOutcome.minted(self.record, dot: Dot(actor: ActorID(rawValue: 7), counter: 1))
        #expect(dialogue.stored(token, minted).questions.count == 2)
        for question in dialogue.wait(.milliseconds(900)).questions {
            guard case .hint(_, _, self.record, _) = question.message else {
                Issue.record("\(question)")
                return
            }
        }
    }
}
