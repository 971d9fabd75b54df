import QuireCore
import Testing

/// Dynamo §4.6 and §5 in dialogues: stand-ins, suspicion, and who coordinates.
@Suite struct SloppyQuorumTests {
    private let record = Record.minted(7)
    private let dot = Dot(actor: ActorID(rawValue: 7), counter: 1)

    /// Five nodes, so that partitions have two stand-ins.
    private func dialogue() throws -> RequestCoreDialogue {
        try RequestCoreDialogue(layout: try Layout.initial(Member.inZones([5]), partitions: 64))
    }

    private func put(
        _ key: Key,
        _ supersession: Record.Supersession = .older,
        preferred: NodeID? = nil
    )
        -> ClientOperation
    {
        .put(PutRequest(key: key, value: [1], supersession: supersession, preferredReplica: preferred))
    }

    private func standIns(_ dialogue: RequestCoreDialogue, _ key: Key) -> [NodeID] {
        let partition = dialogue.layout.partitionCount.partition(of: key)
        return Array(PreferenceList.fallback(for: partition, in: dialogue.layout).dropFirst(3))
    }

    /// DESIGN §7, issue 3: "with 2 of 3 owners of a partition dead, puts with W=2 succeed through stand-ins".
    @Test func aPutSucceedsThroughAStandInWhenTwoOfThreeOwnersAreDead() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: true)
        for node in dialogue.row(of: key) where node != .a {
            _ = dialogue.handle(.peerLost(node))
        }
        let token = try #require(dialogue.ask(self.put(key)).storeTokens.first)
        let hints = dialogue.stored(token, .minted(self.record, dot: self.dot)).questions
        let partition = dialogue.layout.partitionCount.partition(of: key)
        #expect(hints.map(\.node) == self.standIns(dialogue, key))
        #expect(hints.allSatisfy { $0.message == .hint(partition, key, self.record) })
        #expect(dialogue.stored(token, .durable(.at(0))).clientResults.isEmpty)
        let acknowledged = PeerMessage.acknowledged(latestTimestamp: .zero)
        let done = dialogue.handle(.peerAnswered(hints[0].node, correlation: hints[0].correlation, acknowledged))
        #expect(done.clientResults == [.stored(self.record, wasLive: true, standIns: 1)])
    }

    /// SAFETY rule 3: "a stand-in mints too when no member of the row is reachable".
    @Test func aStandInMintsInItsHintStoreWhenNoOwnerIsReachable() throws {
        var dialogue = try self.dialogue()
        let key = try #require(
            (0..<100).compactMap { Key("key\($0)") }.first { self.standIns(dialogue, $0).first == .a }
        )
        for node in dialogue.row(of: key) {
            _ = dialogue.handle(.peerLost(node))
        }
        let asked = dialogue.ask(self.put(key))
        let partition = dialogue.layout.partitionCount.partition(of: key)
        guard case .store(let token, .mint(.hints(partition), _))? = asked.first else {
            Issue.record("not minted as a hint: \(asked)")
            return
        }
        let hints = dialogue.stored(token, .minted(self.record, dot: self.dot)).questions
        #expect(hints.map(\.node) == [self.standIns(dialogue, key)[1]])
        _ = dialogue.stored(token, .durable(.at(0)))
        let acknowledged = PeerMessage.acknowledged(latestTimestamp: .zero)
        let done = dialogue.handle(.peerAnswered(hints[0].node, correlation: hints[0].correlation, acknowledged))
        #expect(done.clientResults == [.stored(self.record, wasLive: true, standIns: 2)])
    }

    @Test func aNodeAskedToStandInCoordinatesWhatIsNotItsOwn() throws {
        var dialogue = try self.dialogue()
        let request = RequestCore.PeerRequestID(link: 2, correlation: 5)
        let put = PutRequest(key: try dialogue.key(isOwn: false), value: [1], supersession: .older)
        let id = RequestID(high: 1, low: 2)
        let message = PeerMessage.coordinate(put, request: id, timestamp: .zero, asStandIn: true)
        #expect(dialogue.handle(.peerAsked(request, message)).mintRequest?.request == id)
    }

    /// SAFETY rule 3: "reads ask stand-ins when row members are missing".
    @Test func aReadAsksStandInsForOwnersThatAreDead() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: true)
        for node in dialogue.row(of: key) where node != .a {
            _ = dialogue.handle(.peerLost(node))
        }
        let asked = dialogue.ask(.get(key, readQuorum: nil))
        let partition = dialogue.layout.partitionCount.partition(of: key)
        #expect(asked.questions.map(\.node) == self.standIns(dialogue, key))
        #expect(asked.questions.allSatisfy { $0.message == .getHint(partition, key) })
        _ = dialogue.stored(try #require(asked.storeTokens.first), .record(nil))
        let question = asked.questions[1]
        let answer = PeerMessage.record(self.record)
        let done = dialogue.handle(.peerAnswered(question.node, correlation: question.correlation, answer))
        let evidence = ReadEvidence(fastest: .a, standIns: 1)
        #expect(done.clientResults == [.record(self.record, evidence)])
    }

    // MARK: Suspicion (§4.8.3)

    @Test func aPeerThatKeepsRequestsWaitingGetsStandInsAtOnceUntilItAnswers() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: true)
        let first = try #require(dialogue.ask(self.put(key)).storeTokens.first)
        let sent = dialogue.stored(first, .minted(self.record, dot: self.dot)).questions
        _ = dialogue.stored(first, .durable(.at(0)))
        let late = dialogue.wait(.milliseconds(500)).questions
        #expect(late.map(\.node) == self.standIns(dialogue, key))
        #expect(sent.allSatisfy { dialogue.core.isSuspected($0.node) })

        let second = try #require(dialogue.ask(self.put(key)).storeTokens.first)
        let again = dialogue.stored(second, .minted(self.record, dot: self.dot)).questions
        #expect(Set(again.map(\.node)) == Set(sent.map(\.node) + self.standIns(dialogue, key)))

        let acknowledged = PeerMessage.acknowledged(latestTimestamp: .zero)
        _ = dialogue.handle(.peerAnswered(sent[0].node, correlation: sent[0].correlation, acknowledged))
        #expect(!dialogue.core.isSuspected(sent[0].node))
        #expect(dialogue.core.isSuspected(sent[1].node))
    }

    /// Copies of the version below the later timestamp do not count for the one above it.
    @Test func aPutThatIsWrittenAgainHintsNothingBeforeItIsMintedAgain() throws {
        var dialogue = try self.dialogue()
        let first = try #require(dialogue.ask(self.put(try dialogue.key(isOwn: true))).storeTokens.first)
        let peer = dialogue.stored(first, .minted(self.record, dot: self.dot)).questions[0]
        _ = dialogue.stored(first, .durable(.at(0)))
        let later = PeerMessage.acknowledged(latestTimestamp: .at(5000))
        let again = dialogue.handle(.peerAnswered(peer.node, correlation: peer.correlation, later))
        let second = try #require(again.storeTokens.first)
        #expect(dialogue.wait(.milliseconds(500)).questions.isEmpty)
        let failed = dialogue.stored(second, .failed(.notDurable("full")))
        #expect(failed.questions.isEmpty)
        guard case .failed(.notDurable)? = failed.clientResults.first else {
            Issue.record("\(failed.clientResults)")
            return
        }
    }

    @Test func aForwardedPlainPutIsHandedOnWhenItsCoordinatorIsSilentAndALateSuccessCounts() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: false)
        let first = try #require(dialogue.ask(self.put(key)).questions.first)
        let second = try #require(dialogue.wait(.milliseconds(500)).questions.first)
        #expect(second.node == dialogue.row(of: key)[1])
        #expect(second.message == first.message, "the same request with the same timestamp")
        let stored = ClientResult.stored(self.record, wasLive: true)
        let done = dialogue.handle(.peerAnswered(first.node, correlation: first.correlation, .coordinated(stored)))
        #expect(done.clientResults == [stored])
    }

    /// A coordinator that was given up may not have the put lifted: its word is void.
    @Test func whatAGivenUpCoordinatorMeetsIsIgnored() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: false)
        let first = try #require(dialogue.ask(self.put(key)).questions.first)
        _ = dialogue.wait(.milliseconds(500))
        let later = PeerMessage.acknowledged(latestTimestamp: .at(5000))
        #expect(dialogue.handle(.peerAnswered(first.node, correlation: first.correlation, later)).isEmpty)
    }

    @Test func aForwardedCausalPutIsNotHandedOnWhileItsFateIsUnknown() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: false)
        _ = dialogue.ask(self.put(key, .context(VersionVector())))
        #expect(dialogue.wait(.milliseconds(500)).isEmpty)
        let lost = ClientResult.failed(.quorumLost(acknowledged: 0, required: 2, operation: .write))
        #expect(dialogue.wait(.seconds(2)).clientResults == [lost])
    }

    // MARK: The preferred replica (§5)

    @Test func theReplicaThatAnsweredTheReadFastestCoordinatesTheWrite() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: true)
        let preferred = try #require(dialogue.row(of: key).last { $0 != .a })
        let asked = dialogue.ask(self.put(key, preferred: preferred))
        #expect(asked.questions.map(\.node) == [preferred])
        #expect(asked.mintRequest == nil)
    }

    @Test func aPreferredReplicaThatIsNoOwnerOrIsGoneIsIgnored() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: true)
        let stranger = try #require(self.standIns(dialogue, key).first)
        #expect(dialogue.ask(self.put(key, preferred: stranger)).mintRequest != nil)
        let owner = try #require(dialogue.row(of: key).last { $0 != .a })
        _ = dialogue.handle(.peerLost(owner))
        #expect(dialogue.ask(self.put(key, preferred: owner)).mintRequest != nil)
    }

    // MARK: Bounds

    @Test func refusesEarlyWhenTooManyBytesAreInFlight() throws {
        let layout = try Layout.initial(Member.inZones([3]), partitions: 8)
        var core = RequestCore(configuration: .init(node: .a, seed: 1, bytesInFlightMax: 1000))
        let now = Moment(elapsed: .zero, wallMilliseconds: 1000)
        _ = core.handle(.peerConnected(.b), now: now)
        _ = core.handle(.layoutAdopted(layout), now: now)
        let key = try #require(Key("k"))
        let large = PutRequest(key: key, value: Array(repeating: 1, count: 2000), supersession: .older)
        let first = core.handle(.clientAsked(.init(connection: 1, operation: 1), .put(large)), now: now)
        #expect(first.mintRequest != nil)
        let second = core.handle(.clientAsked(.init(connection: 1, operation: 2), .get(key, readQuorum: 1)), now: now)
        #expect(second.clientResults == [.failed(.overloaded)])
    }

    @Test func dropsWorkForWhichNobodyWaitsAnyMore() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: true)
        let partition = dialogue.layout.partitionCount.partition(of: key)
        let request = RequestCore.PeerRequestID(link: 2, correlation: 5)
        let late = MessageTiming(age: .seconds(3), budget: .seconds(2))
        #expect(dialogue.handle(.peerAsked(request, .get(partition, key), late)).storeTokens.isEmpty)
        let fresh = MessageTiming(age: .seconds(1), budget: .seconds(2))
        #expect(dialogue.handle(.peerAsked(request, .get(partition, key), fresh)).count == 1)
    }

    // MARK: Outlines

    @Test func largeRecordsAreReadOnceAndComparedByOutline() throws {
        var dialogue = try self.dialogue()
        let key = try dialogue.key(isOwn: true)
        let partition = dialogue.layout.partitionCount.partition(of: key)
        var large = Record()
        large.mint(
            Version(
                dot: self.dot,
                timestamp: .at(1),
                request: RequestID(high: 1, low: 1),
                value: Array(repeating: 1, count: 100_000)
            ),
            superseding: .older
        )
        for expected in [PeerMessage.get(partition, key), .getOutline(partition, key)] {
            let asked = dialogue.ask(.get(key, readQuorum: nil))
            #expect(asked.questions.allSatisfy { $0.message == expected })
            _ = dialogue.stored(try #require(asked.storeTokens.first), .record(large))
            for question in asked.questions {
                let isOutline = question.message == .getOutline(partition, key)
                let answer = isOutline ? PeerMessage.outline(RecordOutline(of: large)) : .record(large)
                _ = dialogue.handle(.peerAnswered(question.node, correlation: question.correlation, answer))
            }
            #expect(dialogue.core.operationCount == 0)
        }
    }
}
