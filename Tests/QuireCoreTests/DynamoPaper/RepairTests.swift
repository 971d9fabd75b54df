import QuireCore
import Testing

extension DynamoPaperTests {
    @Suite("§4.6, §4.7 and §6.5 Repair in the background") struct Repair {
        /// §4.7: "minimizes the amount of data that needs to be transferred": only the keys out of sync are read.
        @Test func onlyKeysThatAreOutOfSyncAreTransferred() throws {
            let keys = try (0..<100).map { try #require(Key("key\($0)")) }
            let records = Dictionary(uniqueKeysWithValues: keys.map { ($0, Record.minted(1)) })
            var own = ReplicaModel(records)
            var peer = ReplicaModel(records.merging([keys[42]: Record.minted(2)]) { $1 })
            let (machine, failure) = ReplicaModel.exchange(&own, with: &peer)
            #expect(failure == nil)
            #expect(peer.readKeys == [keys[42]])
            #expect(machine.receivedRecords == 1)
        }

        /// §4.6: a hint is delivered when its owner has recovered, and once that has succeeded it may be deleted.
        @Test func aHintIsDeletedAfterItsDeliveryAndNotBefore() throws {
            let partition = PartitionID(1)
            let hint = KeyedRecord(key: try #require(Key("k")), record: .minted(1))
            let drop = HintDelivery.Action.store(.dropBatch(.hints(partition), [hint]))
            for isDelivered in [true, false] {
                var delivery = HintDelivery(
                    partition: partition,
                    own: .d,
                    members: [.a],
                    digester: ReplicaModel.digester
                )
                _ = delivery.start()
                _ = delivery.answered(.storage(.page([hint], isLast: true)))
                _ = delivery.answered(.peer(.lacking([0])))
                let answer = HintDelivery.Answer.peer(
                    isDelivered ? .acknowledged(latestTimestamp: .zero) : .failed("disk full")
                )
                let action = delivery.answered(answer)
                #expect(action == (isDelivered ? drop : .finish))
            }
        }

        /// §4.6: "upon detecting that A has recovered, D will attempt to deliver the replica to A": at once, however long
        /// D has given up on A, and not before.
        @Test func hintsAreDeliveredWhenTheirOwnerHasRecovered() throws {
            let layout = try Layout.initial(Member.inZones([4]), partitions: 8)
            let partition = try #require(
                layout.partitionCount.partitions.first { !layout.readRow(of: $0).contains(.d) }
            )
            let row = layout.readRow(of: partition)
            var schedule = BackgroundSchedule(node: .d)
            schedule.layoutAdopted(layout, now: .zero)
            schedule.hintsCounted([partition], now: .zero)
            #expect(schedule.nextDelivery(now: .zero) == nil, "nobody is there to take them")
            schedule.peersConnected([row[1], row[2]], now: .seconds(1))
            var summary = HintDelivery.Summary()
            summary.keptHints = 1
            summary.unserved = [row[0]: "not linked"]
            var now = Duration.seconds(1)
            for _ in 0..<20 {
                now += .seconds(600)
                #expect(schedule.nextDelivery(now: now) != nil)
                schedule.deliveryEnded(partition, summary, now: now)
            }
            now += .seconds(1)
            #expect(schedule.nextDelivery(now: now) == nil)
            schedule.peersConnected(Set(row), now: now)
            #expect(schedule.nextDelivery(now: now) == .init(partition: partition, members: row))
        }

        /// §4.6: a hint names "which node was the intended recipient of the replica". Ours names the partition: when its
        /// row has moved before the owner came back, the hint follows the row, the former owner is neither asked nor
        /// waited for, and it would refuse.
        @Test func aHintFollowsARowThatHasMoved() throws {
            let before = try Layout.initial(Member.inZones([5]), partitions: 8)
            let after = try before.changed([.leave(.b)])
            let partition = try #require(before.partitionCount.partitions.first { before.readRow(of: $0).contains(.b) })
            let new = after.readRow(of: partition)
            let key = try #require(
                (0..<100).compactMap { Key("key\($0)") }.first { before.partitionCount.partition(of: $0) == partition }
            )
            let hint = KeyedRecord(key: key, record: .minted(1))
            var schedule = BackgroundSchedule(node: NodeID(number: 9))
            schedule.layoutAdopted(before, now: .zero)
            schedule.hintsCounted([partition], now: .zero)
            schedule.peersConnected(Set(before.members.map(\.id)), now: .zero)
            schedule.layoutAdopted(after, now: .zero)
            let next = schedule.nextDelivery(now: .zero)
            let job = try #require(next)
            var delivery = HintDelivery(
                partition: partition,
                own: NodeID(number: 9),
                members: job.members,
                digester: ReplicaModel.digester
            )
            _ = delivery.start()
            var action = delivery.answered(.storage(.page([hint], isLast: true)))
            var asked: [NodeID] = []
            while case .ask(let member, _) = action {
                asked.append(member)
                action = delivery.answered(.peer(.lacking([])))
            }
            #expect(asked == new && !asked.contains(.b))
            #expect(action == .store(.dropBatch(.hints(partition), [hint])))
            var former = try RequestCoreDialogue(node: .b, layout: after)
            let request = RequestCore.PeerRequestID(link: 9, correlation: 1)
            let refusal = former.handle(.peerAsked(request, .deliver(partition, [hint])))
            guard case .answerPeer(request, .failed)? = refusal.first else {
                Issue.record("a former owner took a hint: \(refusal)")
                return
            }
        }

        /// §4.7: a key "range … hosted in common" is what two nodes compare: never one that only one of them has.
        @Test func nodesCompareTheRangesThatTheyHostInCommon() throws {
            let layout = try Layout.initial(Member.inZones([6]), partitions: 16)
            var schedule = BackgroundSchedule(node: .a)
            schedule.layoutAdopted(layout, now: .zero)
            schedule.peersConnected(Set(layout.members.map(\.id)), now: .zero)
            var compared: Set<BackgroundSchedule.Pair> = []
            while let pair = schedule.nextRepair(now: .zero) {
                compared.insert(pair)
                schedule.repairEnded(pair, isComplete: true, now: .zero)
            }
            let common = layout.partitionCount.partitions.flatMap { partition in
                let row = layout.readRow(of: partition)
                return row.contains(.a)
                    ? row.filter { $0 != .a }.map { BackgroundSchedule.Pair(partition: partition, peer: $0) } : []
            }
            #expect(compared == Set(common))
            #expect(compared.count == 2 * layout.replicaCount(of: .a))
        }

        /// §4.7: "the appropriate synchronization action", in each direction, leaves both with all: what each had alone,
        /// and both versions of what they had differently.
        @Test func twoReplicasThatDivergedEndEqual() throws {
            let keys = (0..<300).compactMap { Key("key\($0)") }
            let common = Dictionary(uniqueKeysWithValues: keys[2...].map { ($0, Record.minted(1)) })
            var left = ReplicaModel(common.merging([keys[0]: .minted(2), keys[9]: .minted(3)]) { $1 })
            var right = ReplicaModel(common.merging([keys[1]: .minted(4), keys[9]: .minted(5)]) { $1 })
            #expect(ReplicaModel.exchange(&left, with: &right).failure == nil)
            #expect(left.records != right.records, "an exchange only pulls")
            #expect(ReplicaModel.exchange(&right, with: &left).failure == nil)
            #expect(left.records == right.records)
            #expect(left.records.count == keys.count)
            #expect(left.records[keys[9]]?.siblings.count == 2)
        }

        /// §6.5: background tasks get fewer slices while p99 over the last 60 seconds is above a preset threshold.
        @Test func backgroundWorkStepsBackWhileForegroundIsSlow() {
            var controller = AdmissionController()
            var sample = ForegroundSample()
            for _ in 0..<100 { sample.latency.record(.milliseconds(51)) }
            let before = controller.state(now: .zero).share
            controller.foregroundSampled(sample, now: .seconds(1))
            controller.foregroundSampled(sample, now: .seconds(6))
            #expect(controller.state(now: .seconds(6)).share < before)
            #expect(controller.state(now: .seconds(6)).target == .milliseconds(50))
        }
    }
}
