import QuireCore
import Testing

@Suite struct HintDeliveryTests {
    private let partition = PartitionID(3)
    private let limit = PageLimit(records: 500)
    private let own = NodeID(number: 9)

    private func entry(_ number: Int, actor: UInt64 = 1) throws -> KeyedRecord {
        KeyedRecord(key: try #require(Key("key\(number)")), record: .minted(actor))
    }

    private func delivery(to members: [NodeID]) -> HintDelivery {
        HintDelivery(partition: self.partition, own: self.own, members: members, digester: ReplicaModel.digester)
    }

    private func scan(after entry: KeyedRecord? = nil) -> HintDelivery.Action {
        .store(.scan(.hints(self.partition), after: entry.map { ScanPosition(key: $0.key) }, limit: self.limit))
    }

    private func offer(_ node: NodeID, _ entries: [KeyedRecord]) -> HintDelivery.Action {
        let digests = entries.map { KeyDigest(key: $0.key, digest: ReplicaModel.digest($0.key, $0.record)) }
        return .ask(node, .offer(self.partition, digests))
    }

    private func deliver(_ node: NodeID, _ entries: [KeyedRecord]) -> HintDelivery.Action {
        .ask(node, .deliver(self.partition, entries))
    }

    private func drop(_ entries: [KeyedRecord]) -> HintDelivery.Action {
        .store(.dropBatch(.hints(self.partition), entries))
    }

    private let acknowledged = HintDelivery.Answer.peer(.acknowledged(latestTimestamp: .zero))
    private let durable = HintDelivery.Answer.storage(.durable(.at(0)))

    @Test func nothingHeldIsNothingDelivered() {
        var delivery = self.delivery(to: [.a, .b])
        #expect(delivery.start() == self.scan())
        #expect(delivery.answered(.storage(.page([], isLast: true))) == .finish)
        #expect(delivery.summary.isComplete)
    }

    /// Dynamo §4.6, SAFETY rule 8: dropped only after every member has it synced, and exactly what was delivered.
    @Test func dropsWhatEveryMemberHasAcknowledged() throws {
        let entries = [try self.entry(1), try self.entry(2)]
        var delivery = self.delivery(to: [.a, .b])
        _ = delivery.start()
        #expect(delivery.answered(.storage(.page(entries, isLast: true))) == self.offer(.a, entries))
        #expect(delivery.answered(.peer(.lacking([1]))) == self.deliver(.a, [entries[1]]))
        #expect(delivery.answered(self.acknowledged) == self.offer(.b, entries))
        #expect(delivery.answered(.peer(.lacking([]))) == self.drop(entries))
        #expect(delivery.answered(self.durable) == .finish)
        #expect(delivery.summary.deliveredRecords == 1)
        #expect(delivery.summary.droppedHints == 2)
        #expect(delivery.summary.isComplete)
    }

    @Test func goesThroughTheStorePageByPage() throws {
        let first = [try self.entry(1)]
        let second = [try self.entry(2)]
        var delivery = self.delivery(to: [.a])
        _ = delivery.start()
        _ = delivery.answered(.storage(.page(first, isLast: false)))
        #expect(delivery.answered(.peer(.lacking([]))) == self.drop(first))
        #expect(delivery.answered(self.durable) == self.scan(after: first[0]))
        #expect(delivery.answered(.storage(.page(second, isLast: true))) == self.offer(.a, second))
        _ = delivery.answered(.peer(.lacking([])))
        #expect(delivery.answered(self.durable) == .finish)
        #expect(delivery.summary.droppedHints == 2)
    }

    @Test func anUnreachableMemberKeepsTheHintButTheOthersGetIt() throws {
        let entries = [try self.entry(1)]
        var delivery = self.delivery(to: [.a, .b])
        _ = delivery.start()
        _ = delivery.answered(.storage(.page(entries, isLast: false)))
        #expect(delivery.answered(.unreachable("no link")) == self.offer(.b, entries))
        #expect(delivery.answered(.peer(.lacking([0]))) == self.deliver(.b, entries))
        #expect(delivery.answered(self.acknowledged) == self.scan(after: entries[0]))
        // The member that is away is not tried again in this run.
        let more = [try self.entry(2)]
        #expect(delivery.answered(.storage(.page(more, isLast: true))) == self.offer(.b, more))
        #expect(delivery.answered(.peer(.lacking([]))) == .finish)
        #expect(delivery.summary.keptHints == 2)
        #expect(delivery.summary.droppedHints == 0)
        #expect(delivery.summary.unserved == [.a: "no link"])
        #expect(!delivery.summary.isComplete)
    }

    @Test func aLinkThatBreaksAfterTheOfferIsNoAcknowledgement() throws {
        var delivery = self.delivery(to: [.a])
        _ = delivery.start()
        _ = delivery.answered(.storage(.page([try self.entry(1)], isLast: true)))
        _ = delivery.answered(.peer(.lacking([0])))
        #expect(delivery.answered(.unreachable("the link broke")) == .finish)
        #expect(delivery.summary.keptHints == 1)
    }

    /// SAFETY rule 8: a former owner that acknowledged is not enough when the row has changed.
    @Test func aRowThatChangesMeanwhileMustAcknowledgeAsItIsNow() throws {
        let entries = [try self.entry(1)]
        var delivery = self.delivery(to: [.a])
        _ = delivery.start()
        _ = delivery.answered(.storage(.page(entries, isLast: true)))
        delivery.rowChanged(to: [.b])
        #expect(delivery.answered(.peer(.lacking([]))) == self.offer(.b, entries))
        #expect(delivery.answered(.peer(.failed("not a member of the row under layout 3"))) == .finish)
        #expect(delivery.summary.droppedHints == 0)
        #expect(delivery.summary.keptHints == 1)
    }

    @Test func aNodeThatHasBecomeAMemberStoresItsOwnHints() throws {
        let entries = [try self.entry(1)]
        var delivery = self.delivery(to: [self.own, .a])
        _ = delivery.start()
        #expect(
            delivery.answered(.storage(.page(entries, isLast: true)))
                == .store(.mergeBatch(.replica(self.partition), entries))
        )
        #expect(delivery.answered(self.durable) == self.offer(.a, entries))
        #expect(delivery.answered(.peer(.lacking([]))) == self.drop(entries))
    }

    @Test func ownStorageThatFailsEndsTheRunAndDropsNothing() throws {
        var delivery = self.delivery(to: [self.own])
        _ = delivery.start()
        _ = delivery.answered(.storage(.page([try self.entry(1)], isLast: true)))
        #expect(delivery.answered(.storage(.failed(.overloaded))) == .finish)
        #expect(delivery.summary.failure == "own storage: \(StorageFailure.overloaded)")
        #expect(delivery.summary.droppedHints == 0)
        #expect(!delivery.summary.isComplete)
    }

    @Test(arguments: [[1], [-1], [0, 0]])
    func aMemberThatAsksForWhatWasNotOfferedIsNotServed(indexes: [Int]) throws {
        var delivery = self.delivery(to: [.a])
        _ = delivery.start()
        _ = delivery.answered(.storage(.page([try self.entry(1)], isLast: true)))
        #expect(delivery.answered(.peer(.lacking(indexes))) == .finish)
        #expect(delivery.summary.keptHints == 1)
        #expect(delivery.summary.unserved[.a] != nil)
    }
}
