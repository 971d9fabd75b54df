import QuireCore
import Testing

/// What a node answers as a replica to those who compare themselves with it or deliver hints.
@Suite struct ServingRepairTests {
    private let request = RequestCore.PeerRequestID(link: 1, correlation: 7)

    private func command(_ effects: [RequestCore.Effect]) -> StorageCommand? {
        for case .store(_, let command) in effects { return command }
        return nil
    }

    private func digest(_ key: Key) -> KeyDigest { KeyDigest(key: key, digest: 3) }

    @Test func aMemberOfTheRowTakesHints() throws {
        var dialogue = try RequestCoreDialogue()
        let key = try dialogue.key(isOwn: true)
        let partition = dialogue.layout.partitionCount.partition(of: key)
        var effects = dialogue.handle(.peerAsked(self.request, .offer(partition, [self.digest(key)])))
        #expect(self.command(effects) == .lacking(.replica(partition), [self.digest(key)]))
        effects = dialogue.stored(try #require(effects.storeTokens.first), .lacking([0]))
        #expect(effects == [.answerPeer(self.request, .lacking([0]))])
        let entry = KeyedRecord(key: key, record: .minted(1))
        effects = dialogue.handle(.peerAsked(self.request, .deliver(partition, [entry])))
        #expect(self.command(effects) == .mergeBatch(.replica(partition), [entry]))
        effects = dialogue.stored(try #require(effects.storeTokens.first), .durable(.at(0)))
        #expect(
            effects == [.answerPeer(self.request, .acknowledged(latestTimestamp: DurableReceipt.at(0).latestTimestamp))]
        )
    }

    /// SAFETY rule 8: what a former owner took would go with its file, and the stand-in would have dropped it.
    @Test func whoeverIsNotInTheRowRefusesHints() throws {
        var dialogue = try RequestCoreDialogue()
        let key = try dialogue.key(isOwn: false)
        let partition = dialogue.layout.partitionCount.partition(of: key)
        for message in [
            PeerMessage.offer(partition, [self.digest(key)]),
            .deliver(partition, [KeyedRecord(key: key, record: .minted(1))]),
        ] {
            let refusal = PeerMessage.failed("not a holder of the partition under layout \(dialogue.layout.version)")
            #expect(dialogue.handle(.peerAsked(self.request, message)) == [.answerPeer(self.request, refusal)])
        }
    }

    @Test func anyNodeSaysWhatItHolds() throws {
        var dialogue = try RequestCoreDialogue()
        let partition = PartitionID(2)
        let twigs = [MerkleNode(leaf: 5).children[0]]
        let limit = PageLimit(records: 10)
        let questions: [(PeerMessage, StorageCommand, StorageOutcome, PeerMessage)] = [
            (.readSums(partition, [.root]), .sums(.replica(partition), [.root]), .sums([4]), .sums([4])),
            (
                .readDigests(partition, twigs), .digests(.replica(partition), twigs), .digests([], covered: 1),
                .digests([], covered: 1)
            ),
            (
                .readRecords(partition, [KeyHash(rawValue: 1)], limit: limit),
                .records(.replica(partition), [KeyHash(rawValue: 1)], limit: limit), .page([], isLast: true),
                .page([], isLast: true)
            ),
        ]
        for (message, command, outcome, answer) in questions {
            let effects = dialogue.handle(.peerAsked(self.request, message))
            #expect(self.command(effects) == command)
            let answered = dialogue.stored(try #require(effects.storeTokens.first), outcome)
            #expect(answered == [.answerPeer(self.request, answer)])
        }
    }
}
