import QuireCore
import Testing

extension DynamoPaperTests {
    @Suite("§4.8 and §4.9 Membership") struct Membership {
        /// §4.8.3: "node A may consider node B failed if node B does not respond to node A's messages"; A "then uses
        /// alternate nodes" and "periodically retries B": B is asked all the same, and what it answers clears it.
        @Test func failureDetectionIsLocalAndDrivenByRequests() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: true)
            let silent = try #require(dialogue.ask(.get(key, readQuorum: 3)).questions.last)
            #expect(!dialogue.core.isSuspected(silent.node))
            _ = dialogue.wait(.milliseconds(1500))
            #expect(dialogue.core.isSuspected(silent.node))
            let again = try #require(dialogue.ask(.get(key, readQuorum: 3)).questions.first { $0.node == silent.node })
            _ = dialogue.answer(again, .record(nil))
            #expect(!dialogue.core.isSuspected(silent.node))
        }

        /// §4.8.1: "a node outage rarely signifies a permanent departure and therefore should not result in rebalancing
        /// of the partition assignment": whoever loses all its peers, for however long, stores and adopts nothing.
        @Test func anOutageDoesNotRebalance() throws {
            let layout = try Layout.initial(Member.inZones([3]), partitions: 8)
            var state = LayoutAcceptor.State()
            state.decided = AcceptedLayout(ballot: .none, layout: [1])
            state.decidedVersion = layout.version
            state.voting = layout.version.next
            var core = ControlCore(
                configuration: .init(member: .numbered(1), seed: 1, encode: { _ in [1] }, decode: { _ in layout })
            )
            _ = core.handle(.started(state), now: .zero)
            for peer in [NodeID.b, .c] { _ = core.handle(.peerConnected(peer), now: .seconds(1)) }
            var effects: [ControlCore.Effect] = []
            for peer in [NodeID.b, .c] { effects += core.handle(.peerLost(peer), now: .seconds(2)) }
            for hour in 1...48 {
                effects += core.handle(.timePassed, now: .seconds(hour * 3600))
            }
            let changes = effects.filter { effect in
                switch effect {
                case .store, .adopt, .fill, .takeOver, .keepOnly: true
                default: false
                }
            }
            #expect(changes.isEmpty, "\(changes)")
            #expect(core.layout == layout)
        }

        /// §4.8.1: "an administrator … issue[s] a membership change to join a node to a ring or remove a node from a
        /// ring": staged, then committed; nothing moves before.
        @Test func membershipChangesOnlyWhenAnOperatorSaysSo() throws {
            let layout = try Layout.initial(Member.inZones([3]))
            let (staged, plan) = try layout.planned([.join(.numbered(4))])
            #expect(staged.rows == layout.rows && staged.members == layout.members)
            let committed = try staged.committing(plan)
            #expect(committed.members.count == 4)
            #expect(!committed.moves.isEmpty)
        }

        /// §4.8.1: "the membership changes form a history because nodes can be removed and added back multiple times":
        /// versions ascend, and a node that was removed may come back.
        @Test func changesFormAHistoryInWhichNodesComeBack() throws {
            var layout = try Layout.initial(Member.inZones([4]))
            var versions = [layout.version]
            for _ in 0..<3 {
                layout = try layout.changed([.leave(.d)])
                versions.append(layout.version)
                #expect(layout.member(.d) == nil && layout.replicaCount(of: .d) == 0)
                layout = try layout.changed([.join(.numbered(4))])
                versions.append(layout.version)
                #expect(layout.replicaCount(of: .d) == 192)
            }
            #expect(zip(versions, versions.dropFirst()).allSatisfy { $0 < $1 })
        }

        /// §4.9: "due to the allocation of key ranges to X, some existing nodes no longer have to [store] some of their
        /// keys and these nodes transfer those keys to X": each partition that X gets is given up by exactly one other
        /// node.
        @Test func whatAJoiningNodeGetsIsGivenUpOnceBySomebodyElse() throws {
            let (staged, plan) = try Layout.initial(Member.inZones([5])).planned([.join(.numbered(6))])
            let newcomer = NodeID(number: 6)
            let moved = plan.moves.map(\.partition)
            #expect(Set(moved).count == moved.count)
            for move in plan.moves {
                let giver = try #require(move.from)
                #expect(move.to == newcomer)
                #expect(staged.readRow(of: move.partition).contains(giver))
                #expect(!plan.rows[move.partition.rawValue].contains(giver))
            }
            #expect(moved.count == plan.rows.count { $0.contains(newcomer) })
        }

        /// §4.9: "by adding a confirmation round between the source and the destination, it is made sure that the
        /// destination node does not receive any duplicate transfers": reads go to X, and the source stops counting,
        /// only by a receipt of X, and a receipt that is not due is refused.
        @Test func keysChangeHandsOnlyWhenTheNewOwnerHasConfirmed() throws {
            let (staged, plan) = try Layout.initial(Member.inZones([3])).planned([.join(.numbered(4))])
            let moving = try staged.committing(plan)
            let move = try #require(moving.moves.first)
            #expect(moving.readRow(of: move.partition) == move.from)
            #expect(throws: (any Error).self) { try moving.advancedToReadNew([move.partition]) }
            let confirmed = try moving.recording(receipts: moving.dueReceipts(of: [move.partition]))
            let moved = try confirmed.advancedToReadNew([move.partition])
            #expect(moved.readRow(of: move.partition) == move.to)
            let strangers = PartitionMove.Receipt(node: .a, root: "00", bytes: 1, checksum: "")
            #expect(throws: (any Error).self) { try moving.recording(receipts: [move.partition: [strangers]]) }
        }

        /// §4.9: "when a node is removed from the system, the reallocation of keys happens in a reverse process."
        @Test func leavingIsJoiningInReverse() throws {
            let before = try Layout.initial(Member.inZones([5]))
            let join = try before.planned([.join(.numbered(6))]).plan
            let joined = try before.changed([.join(.numbered(6))])
            let leave = try joined.planned([.leave(NodeID(number: 6))]).plan
            #expect(leave.movedReplicas == join.movedReplicas)
            #expect(leave.moves.allSatisfy { $0.from == NodeID(number: 6) })
            let after = try joined.changed([.leave(NodeID(number: 6))])
            #expect(after.members == before.members)
        }

        /// §4.9: "operational experience has shown that this approach distributes the load of key distribution uniformly
        /// across the storage nodes": no source gives more than its share, give or take the rounding of two shares.
        @Test func theWorkOfATransferIsSharedByAllSources() throws {
            let plan = try Layout.initial(Member.inZones([10])).planned([.join(.numbered(11))]).plan
            let outgoing = plan.perNode.map(\.outgoing).filter { $0 > 0 }
            #expect(outgoing.count == 10)
            #expect((outgoing.max() ?? 0) - (outgoing.min() ?? 0) <= 2)
        }
    }
}
