import QuireCore
import Testing

extension DynamoPaperTests {
    @Suite("§5 Request coordination") struct RequestCoordination {
        private let stale = Record.minted(1)
        private var fresh: Record {
            var record = self.stale
            record.mint(.of(2, 1), superseding: .context(record.vector))
            return record
        }

        /// Reads at R = 2 of a row of which this node is a member.
        private func reading() throws -> (RequestCoreDialogue, Key, [RequestCore.Effect]) {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: true)
            let asked = dialogue.ask(.get(key, readQuorum: nil))
            return (dialogue, key, asked)
        }

        /// §5: "each client request results in the creation of a state machine on the node that received the client
        /// request", and "each state machine instance handles exactly one client request".
        @Test func everyRequestHasAMachineOfItsOwn() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: true)
            for count in 1...5 {
                let id = RequestCore.ClientOperationID(connection: 1, operation: UInt64(count))
                _ = dialogue.handle(.clientAsked(id, .get(key, readQuorum: nil)))
                #expect(dialogue.core.operationCount == count)
            }
        }

        /// §5, read machine (i) and (ii): "send read requests to the nodes, wait for minimum number of required
        /// responses".
        @Test func aReadIsSentToTheNodesAndWaitsForTheRequiredResponses() throws {
            var (dialogue, key, asked) = try self.reading()
            #expect(Set(asked.nodesRead + [.a]) == Set(dialogue.row(of: key)))
            #expect(dialogue.stored(try #require(asked.storeTokens.first), .record(self.stale)).clientResults.isEmpty)
            #expect(dialogue.answer(asked.questions[0], .record(self.stale)).recordsRead == [self.stale])
        }

        /// §5, read machine (iii): "if too few replies were received within a given time bound, fail the request".
        @Test func aReadFailsWhenTooFewAnswerInTime() throws {
            var (dialogue, _, asked) = try self.reading()
            _ = dialogue.stored(try #require(asked.storeTokens.first), .record(self.stale))
            let late = dialogue.wait(.seconds(10))
            #expect(late.clientResults == [.failed(.quorumLost(acknowledged: 1, required: 2, operation: .read))])
            #expect(dialogue.answer(asked.questions[0], .record(self.stale)).clientResults.isEmpty, "it is over")
        }

        /// §5, read machine (iv) and (v): "gather all the data versions and determine the ones to be returned", and
        /// "perform syntactic reconciliation and generate an opaque write context that contains the vector clock that
        /// subsumes all the remaining versions."
        @Test func aReadReconcilesAndItsContextSubsumesAllThatRemains() throws {
            var (dialogue, _, asked) = try self.reading()
            let concurrent = Record.minted(3)
            _ = dialogue.stored(try #require(asked.storeTokens.first), .record(self.stale.merging(concurrent)))
            let read = try #require(dialogue.answer(asked.questions[0], .record(self.fresh)).recordsRead.first)
            #expect(read.siblings.map(\.dot.actor.rawValue) == [2, 3])
            for known in [self.stale, self.fresh, concurrent] {
                #expect(read.vector.descends(from: known.vector))
            }
        }

        /// §5, read repair: "after the read response has been returned to the caller the state machine waits for a small
        /// period of time to receive any outstanding responses. If stale versions were returned in any of the responses,
        /// the coordinator updates those nodes with the latest version."
        @Test func aStaleStragglerIsRepairedAfterTheReply() throws {
            var (dialogue, _, asked) = try self.reading()
            _ = dialogue.stored(try #require(asked.storeTokens.first), .record(self.fresh))
            #expect(dialogue.answer(asked.questions[0], .record(self.fresh)).recordsRead == [self.fresh])
            #expect(dialogue.core.operationCount == 1, "it still waits")
            let last = dialogue.answer(asked.questions[1], .record(self.stale))
            #expect(last.recordsSent.map(\.node) == [asked.questions[1].node])
            #expect(last.recordsSent.map(\.record) == [self.fresh])
            #expect(dialogue.core.operationCount == 0)
        }

        /// §5: "because it repairs replicas that have missed a recent update at an opportunistic time": replicas that
        /// were first to answer are repaired when a straggler knew more.
        @Test func aStragglerWithNewsRepairsThoseWhoAnsweredFirst() throws {
            var (dialogue, _, asked) = try self.reading()
            _ = dialogue.stored(try #require(asked.storeTokens.first), .record(self.fresh))
            _ = dialogue.answer(asked.questions[0], .record(self.stale))
            let last = dialogue.answer(asked.questions[1], .record(self.fresh))
            #expect(last.recordsSent.map(\.node) == [asked.questions[0].node])
        }

        /// §5: the period is small: a straggler that stays silent does not keep the machine.
        @Test func stragglersAreWaitedForOnlyASmallPeriod() throws {
            var (dialogue, _, asked) = try self.reading()
            _ = dialogue.stored(try #require(asked.storeTokens.first), .record(self.fresh))
            _ = dialogue.answer(asked.questions[0], .record(self.stale))
            let repaired = dialogue.wait(.milliseconds(500))
            #expect(repaired.recordsSent.map(\.node) == [asked.questions[0].node])
            #expect(dialogue.core.operationCount == 0)
        }

        /// §5: "write requests are coordinated by one of the top N nodes in the preference list": a node outside the row
        /// mints nothing, neither for its client nor for a peer.
        @Test func onlyAReplicaCoordinatesAWrite() throws {
            var dialogue = try RequestCoreDialogue()
            let foreign = try dialogue.key(isOwn: false)
            #expect(dialogue.ask(Paper.blindPut(foreign)).mintRequest == nil)
            #expect(dialogue.ask(Paper.blindPut(try dialogue.key(isOwn: true))).mintRequest != nil)
        }

        /// §5: "the coordinator for a write is chosen to be the node that replied fastest to the previous read operation
        /// which is stored in the context information of the request."
        @Test func theFastestReaderCoordinatesTheNextWrite() throws {
            var (dialogue, key, asked) = try self.reading()
            let fastest = asked.questions[1].node
            _ = dialogue.answer(asked.questions[1], .record(self.fresh))
            let answered = dialogue.stored(try #require(asked.storeTokens.first), .record(self.fresh))
            guard case .record(let read, let evidence)? = answered.clientResults.first else {
                Issue.record("not read: \(answered)")
                return
            }
            #expect(evidence.fastest == fastest)
            let put = PutRequest(
                key: key,
                value: [1],
                supersession: .context(read.vector),
                preferredReplica: evidence.fastest
            )
            #expect(dialogue.ask(.put(put)).nodesForwardedTo == [fastest])
        }

        /// §5: a write that was not acknowledged in time fails, and says how far it came: it may survive.
        @Test func aWriteFailsWhenTooFewAcknowledgeInTime() throws {
            var dialogue = try RequestCoreDialogue()
            let token = try #require(dialogue.ask(Paper.blindPut(try dialogue.key(isOwn: true))).storeTokens.first)
            _ = dialogue.stored(token, Paper.minted)
            _ = dialogue.stored(token, .durable(.at(0)))
            let late = dialogue.wait(.seconds(10)).clientResults
            #expect(late == [.failed(.quorumLost(acknowledged: 1, required: 2, operation: .write))])
        }
    }
}
