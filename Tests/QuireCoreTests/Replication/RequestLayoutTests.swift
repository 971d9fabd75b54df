import QuireCore
import Testing

/// Requests and operations across changes of the layout (SAFETY rules 7 and 11).
@Suite struct RequestLayoutTests {
    private let record = Record.minted(7)
    private let dot = Dot(actor: ActorID(rawValue: 7), counter: 1)
    private let peer = RequestCore.PeerRequestID(link: 1, correlation: 5)
    private let synced = DurableReceipt(syncedWithLatestTimestamp: .zero)

    /// Three members and a fourth that joins: the layouts of its change, in order.
    private struct Change {
        var old: Layout
        var dualWrite: Layout
        var readNew: Layout
        var draining: Layout
        var settled: Layout

        init() throws {
            self.old = try Layout.initial(Member.inZones([3]), partitions: 8)
            let (staged, plan) = try self.old.planned([.join(.numbered(4))])
            self.dualWrite = try staged.committing(plan)
            let partitions = self.dualWrite.moves.map(\.partition)
            let recorded = try self.dualWrite.recording(receipts: self.dualWrite.dueReceipts(of: partitions))
            self.readNew = try recorded.advancedToReadNew(partitions)
            self.draining = try self.readNew.advancedToDraining(partitions)
            let drained = try self.draining.recording(receipts: self.draining.dueReceipts(of: partitions))
            self.settled = try drained.finished(partitions)
        }

        /// A key of a partition that node 1 leaves, or keeps while another leaves.
        func key(leaving node: NodeID) throws -> (key: Key, partition: PartitionID) {
            let move = try #require(self.dualWrite.moves.first { $0.leavers.contains(node) })
            for number in 0..<1000 {
                let key = try #require(Key("key\(number)"))
                if self.old.partitionCount.partition(of: key) == move.partition { return (key, move.partition) }
            }
            throw CancellationError()
        }
    }

    private func asked(
        _ message: PeerMessage,
        under version: LayoutVersion,
        _ dialogue: inout RequestCoreDialogue
    ) -> [RequestCore.Effect] {
        let timing = MessageTiming(age: .zero, budget: nil, version: version)
        return dialogue.handle(.peerAsked(self.peer, message, timing))
    }

    // MARK: As a replica

    @Test func whatIsOlderThanTheFenceIsStoredAndDoesNotCount() throws {
        let change = try Change()
        let (key, partition) = try change.key(leaving: .b)
        var dialogue = try RequestCoreDialogue(layout: change.dualWrite)
        let put = self.asked(.put(partition, key, self.record), under: change.old.version, &dialogue)
        let answer = dialogue.stored(try #require(put.storeTokens.first), .durable(self.synced))
        #expect(answer == [.answerPeer(self.peer, .fenced(change.dualWrite.version))])
        let read = self.asked(.get(partition, key), under: change.old.version, &dialogue)
        #expect(read == [.answerPeer(self.peer, .fenced(change.dualWrite.version))])
    }

    @Test func whatIsAsNewAsTheFenceCounts() throws {
        let change = try Change()
        let (key, partition) = try change.key(leaving: .b)
        var dialogue = try RequestCoreDialogue(layout: change.draining)
        // The fence of a draining partition is the version before: those requests ask both rows for writes.
        let put = self.asked(.put(partition, key, self.record), under: change.readNew.version, &dialogue)
        let answer = dialogue.stored(try #require(put.storeTokens.first), .durable(self.synced))
        #expect(answer == [.answerPeer(self.peer, .acknowledged(latestTimestamp: .zero))])
    }

    @Test func theFenceStaysWhenTheMoveHasEnded() throws {
        let change = try Change()
        let (key, partition) = try change.key(leaving: .b)
        var dialogue = try RequestCoreDialogue(layout: change.settled)
        let read = self.asked(.get(partition, key), under: change.dualWrite.version, &dialogue)
        #expect(read == [.answerPeer(self.peer, .fenced(change.settled.version))])
    }

    @Test func partitionsThatDidNotMoveKnowNoFence() throws {
        let change = try Change()
        let moving = Set(change.dualWrite.moves.map(\.partition))
        let partition = try #require(change.old.partitionCount.partitions.first { !moving.contains($0) })
        var dialogue = try RequestCoreDialogue(layout: change.settled)
        let key = try #require(Key("k"))
        #expect(self.asked(.get(partition, key), under: change.old.version, &dialogue).storeTokens.count == 1)
    }

    /// What it would store could belong to a partition that it does not know to hold, and be retired with it.
    @Test func aReplicaAdoptsWhatIsNewerBeforeItAnswers() throws {
        let change = try Change()
        let (key, partition) = try change.key(leaving: .b)
        var dialogue = try RequestCoreDialogue(node: NodeID(number: 4), layout: change.old)
        let put = self.asked(.put(partition, key, self.record), under: change.dualWrite.version, &dialogue)
        #expect(put == [.layoutNeeded(change.dualWrite.version)])
        let adopted = dialogue.handle(.layoutAdopted(change.dualWrite))
        let answer = dialogue.stored(try #require(adopted.storeTokens.first), .durable(self.synced))
        #expect(answer == [.answerPeer(self.peer, .acknowledged(latestTimestamp: .zero))])
    }

    @Test func whoDoesNotAdoptInTimeSaysSo() throws {
        let change = try Change()
        let (key, partition) = try change.key(leaving: .b)
        var dialogue = try RequestCoreDialogue(layout: change.old)
        _ = self.asked(.put(partition, key, self.record), under: change.dualWrite.version, &dialogue)
        let refused = dialogue.wait(.seconds(2))
        guard case .answerPeer(self.peer, .failed)? = refused.first else {
            Issue.record("answered \(refused)")
            return
        }
        #expect(dialogue.handle(.layoutAdopted(change.dualWrite)).storeTokens.isEmpty)
    }

    @Test func partitionsThatItDoesNotHoldAreRefused() throws {
        let change = try Change()
        let (key, partition) = try change.key(leaving: .a)
        var dialogue = try RequestCoreDialogue(layout: change.settled)
        for message in [PeerMessage.put(partition, key, self.record), .get(partition, key), .readLeaves(partition)] {
            let effects = self.asked(message, under: change.settled.version, &dialogue)
            #expect(effects.storeTokens.isEmpty, "\(message)")
            guard case .answerPeer(self.peer, .failed)? = effects.first else {
                Issue.record("answered \(effects)")
                continue
            }
        }
    }

    /// The sender counts by rows that are no more; that it is behind is no failure of a replica.
    @Test func whoAsksAFormerOwnerIsToldOfTheNewerLayout() throws {
        let change = try Change()
        let (key, partition) = try change.key(leaving: .a)
        var dialogue = try RequestCoreDialogue(layout: change.settled)
        for message in [PeerMessage.put(partition, key, self.record), .get(partition, key)] {
            let effects = self.asked(message, under: change.old.version, &dialogue)
            #expect(effects == [.answerPeer(self.peer, .fenced(change.settled.version))], "\(message)")
        }
        let other = self.asked(.readLeaves(partition), under: change.old.version, &dialogue)
        guard case .answerPeer(self.peer, .failed)? = other.first else {
            Issue.record("answered \(other)")
            return
        }
    }

    /// SAFETY rule 10: a former owner is read until it is drained.
    @Test func aFormerOwnerServesUntilItIsDrained() throws {
        let change = try Change()
        let (_, partition) = try change.key(leaving: .a)
        var dialogue = try RequestCoreDialogue(layout: change.draining)
        let effects = self.asked(.readLeaves(partition), under: change.draining.version, &dialogue)
        #expect(effects.storeTokens.count == 1)
    }

    /// SAFETY rule 8: what a leaving member takes as a stand-in after it has told how much it holds counts for nothing.
    @Test func aLeavingMemberStandsInForNobody() throws {
        let old = try Layout.initial(Member.inZones([4]), partitions: 8)
        let (staged, plan) = try old.planned([.leave(.a)])
        let leaving = try staged.committing(plan)
        let key = try #require(Key("k"))
        var dialogue = try RequestCoreDialogue(layout: leaving)
        let effects = self.asked(.hint(PartitionID(0), key, self.record), under: leaving.version, &dialogue)
        let answer = dialogue.stored(try #require(effects.storeTokens.first), .durable(self.synced))
        #expect(answer == [.answerPeer(self.peer, .fenced(leaving.version))])
    }

    // MARK: As a coordinator

    @Test func aWriteInFlightGoesOnWithBothRows() throws {
        let change = try Change()
        let (key, partition) = try change.key(leaving: .b)
        var dialogue = try RequestCoreDialogue(layout: change.old)
        _ = dialogue.handle(.peerConnected(NodeID(number: 4)))
        let put = ClientOperation.put(PutRequest(key: key, value: [1], supersession: .older))
        let token = try #require(dialogue.ask(put).storeTokens.first)
        let minted = dialogue.stored(token, .minted(self.record, dot: self.dot))
        #expect(Set(minted.questions.map(\.node)) == [.b, .c])
        let adopted = dialogue.handle(.layoutAdopted(change.dualWrite))
        let newcomer = try #require(adopted.questions.first { $0.node == NodeID(number: 4) })
        #expect(newcomer.message == .put(partition, key, self.record))
        // What was acknowledged before the fence counts for nothing: everyone is asked anew.
        #expect(dialogue.stored(token, .durable(self.synced)).clientResults.isEmpty)
        let acknowledged = PeerMessage.acknowledged(latestTimestamp: .zero)
        for question in minted.questions {
            let late = dialogue.handle(
                .peerAnswered(question.node, correlation: question.correlation, acknowledged)
            )
            #expect(late.clientResults.isEmpty)
        }
        let own = try #require(adopted.storeTokens.first)
        #expect(dialogue.stored(own, .durable(self.synced)).clientResults.isEmpty)
        // W of the new row alone is not enough, nor is W of the old one.
        let byNew = dialogue.handle(.peerAnswered(newcomer.node, correlation: newcomer.correlation, acknowledged))
        #expect(byNew.clientResults.isEmpty)
        let leaver = try #require(adopted.questions.first { $0.node == .b })
        let last = dialogue.handle(.peerAnswered(.b, correlation: leaver.correlation, acknowledged))
        #expect(last.clientResults == [.stored(self.record, wasLive: true)])
    }

    /// What a former member has stored as a replica is no hint for the member that it stands in for now (SAFETY rule 3).
    @Test func aFormerMemberThatStandsInCountsOnlyWithItsHint() throws {
        let change = try Change()
        let (key, _) = try change.key(leaving: .b)
        var dialogue = try RequestCoreDialogue(layout: change.readNew)
        _ = dialogue.handle(.peerLost(NodeID(number: 4)))
        let put = ClientOperation.put(PutRequest(key: key, value: [1], supersession: .older))
        let token = try #require(dialogue.ask(put).storeTokens.first)
        let minted = dialogue.stored(token, .minted(self.record, dot: self.dot))
        let former = try #require(minted.questions.first { $0.node == .b })
        // Nobody reaches the newcomer: b, which the new row does not have, stands in for it.
        let adopted = dialogue.handle(.layoutAdopted(change.draining))
        let own = try #require(adopted.storeTokens.first)
        #expect(dialogue.stored(own, .durable(self.synced)).clientResults.isEmpty)
        let hint = try #require(adopted.questions.first { $0.node == .b })
        guard case .hint = hint.message else {
            Issue.record("b was asked for \(hint.message)")
            return
        }
        let acknowledged = PeerMessage.acknowledged(latestTimestamp: .zero)
        let late = dialogue.handle(.peerAnswered(.b, correlation: former.correlation, acknowledged))
        #expect(late.clientResults.isEmpty)
        let done = dialogue.handle(.peerAnswered(.b, correlation: hint.correlation, acknowledged))
        #expect(done.clientResults == [.stored(self.record, wasLive: true, standIns: 1)])
    }

    @Test func aFencedReplyCountsOnlyAfterItsAnswererIsAskedUnderTheNewLayout() throws {
        let change = try Change()
        let (key, _) = try change.key(leaving: .b)
        var dialogue = try RequestCoreDialogue(layout: change.old)
        _ = dialogue.handle(.peerConnected(NodeID(number: 4)))
        let put = ClientOperation.put(PutRequest(key: key, value: [1], supersession: .older))
        let token = try #require(dialogue.ask(put).storeTokens.first)
        let minted = dialogue.stored(token, .minted(self.record, dot: self.dot))
        _ = dialogue.stored(token, .durable(self.synced))
        let question = try #require(minted.questions.first { $0.node == .c })
        let fenced = dialogue.handle(
            .peerAnswered(.c, correlation: question.correlation, .fenced(change.dualWrite.version))
        )
        #expect(fenced == [.layoutNeeded(change.dualWrite.version)])
        let adopted = dialogue.handle(.layoutAdopted(change.dualWrite))
        #expect(Set(adopted.questions.map(\.node)).contains(.c))
        #expect(adopted.clientResults.isEmpty)
    }

    @Test func aReadInFlightBeginsAnewWithTheNewRow() throws {
        let change = try Change()
        let (key, _) = try change.key(leaving: .b)
        var dialogue = try RequestCoreDialogue(layout: change.dualWrite)
        let asked = dialogue.ask(.get(key, readQuorum: nil))
        #expect(Set(asked.questions.map(\.node)) == [.b, .c])
        let adopted = dialogue.handle(.layoutAdopted(change.readNew))
        #expect(Set(adopted.questions.map(\.node)) == [.c, NodeID(number: 4)])
        let leaver = try #require(asked.questions.first { $0.node == .b })
        let late = dialogue.handle(.peerAnswered(.b, correlation: leaver.correlation, .record(nil)))
        #expect(late.clientResults.isEmpty)
        let first = try #require(adopted.storeTokens.first)
        #expect(dialogue.stored(first, .record(self.record)).clientResults.isEmpty)
        let newcomer = try #require(adopted.questions.first { $0.node == NodeID(number: 4) })
        let answered = dialogue.handle(
            .peerAnswered(newcomer.node, correlation: newcomer.correlation, .record(self.record))
        )
        #expect(answered.clientResults.count == 1)
    }

    // MARK: Newcomers

    /// A cluster of three that gets two more nodes, and a key whose new row needs one of them for W.
    private struct Growth {
        let old: Layout
        let dualWrite: Layout
        let key: Key
        let newcomers: [NodeID]

        init() throws {
            let joiners = [Member.numbered(4), Member.numbered(5)]
            self.old = try Layout.initial(Member.inZones([3]), partitions: 16)
            let (staged, plan) = try self.old.planned(joiners.map { .join($0) })
            let committed = try staged.committing(plan)
            let move = try #require(
                committed.moves.first { move in joiners.allSatisfy { move.to.contains($0.id) } && move.to.contains(.a) }
            )
            self.dualWrite = committed
            self.newcomers = joiners.map(\.id)
            let keys = (0..<1000).compactMap { Key("key\($0)") }
            self.key = try #require(keys.first { committed.partitionCount.partition(of: $0) == move.partition })
        }

        var put: ClientOperation { .put(PutRequest(key: self.key, value: [1], supersession: .older)) }
    }

    @Test func aWriteWaitsForTheLinksToNewcomersInsteadOfFailing() throws {
        let growth = try Growth()
        var dialogue = try RequestCoreDialogue(layout: growth.old)
        let token = try #require(dialogue.ask(growth.put).storeTokens.first)
        _ = dialogue.stored(token, .minted(self.record, dot: self.dot))
        let adopted = dialogue.handle(.layoutAdopted(growth.dualWrite))
        #expect(adopted.clientResults.isEmpty, "two of three replicas of the new row have no link yet")
        #expect(Set(adopted.questions.map(\.node)).isDisjoint(with: growth.newcomers))
        for newcomer in growth.newcomers {
            let connected = dialogue.handle(.peerConnected(newcomer))
            #expect(connected.questions.map(\.node) == [newcomer])
        }
    }

    @Test func aWriteBegunBeforeTheLinksStandIsTakenUpWithThem() throws {
        let growth = try Growth()
        var dialogue = try RequestCoreDialogue(layout: growth.old)
        _ = dialogue.handle(.layoutAdopted(growth.dualWrite))
        let parked = dialogue.ask(growth.put)
        #expect(parked.clientResults.isEmpty && parked.storeTokens.isEmpty)
        let begun = dialogue.handle(.peerConnected(growth.newcomers[0]))
        #expect(begun.storeTokens.count == 1)
        let token = try #require(begun.storeTokens.first)
        let minted = dialogue.stored(token, .minted(self.record, dot: self.dot))
        #expect(minted.clientResults.isEmpty)
        #expect(minted.questions.map(\.node).contains(growth.newcomers[0]))
    }
}
