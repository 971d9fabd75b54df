import QuireCore
import Testing

extension DynamoPaperTests {
    @Suite("§4.2 Partitioning algorithm") struct Partitioning {
        /// §4.2: every key is assigned to one node, the first on its preference list. Ours is looked up in the table
        /// of strategy 3 (§6.2) instead of walking a ring.
        @Test func everyKeyHasOneTokenHolder() throws {
            let layout = try Layout.initial(Member.inZones([5]), partitions: 64)
            var slots = 0
            for node in layout.members {
                let own = (0..<Slot.count).filter { slot in
                    let partition = layout.partitionCount.partition(of: Slot(rawValue: slot))
                    return layout.readRow(of: partition).first == node.id
                }
                slots += own.count
            }
            #expect(slots == Slot.count)
        }

        /// §4.2: "departure or arrival of a node only affects its immediate neighbors and other nodes remain
        /// unaffected": no replica moves between two nodes that stay.
        @Test func arrivalAndDepartureMoveNothingBetweenOthers() throws {
            let before = try Layout.initial(Member.inZones([6]))
            let joined = try before.changed([.join(.numbered(7))])
            let left = try joined.changed([.leave(.b)])
            for partition in before.partitionCount.partitions {
                let old = Set(before.readRow(of: partition))
                let new = Set(joined.readRow(of: partition))
                #expect(new.subtracting(old).isSubset(of: [NodeID(number: 7)]))
                let final = Set(left.readRow(of: partition))
                #expect(new.subtracting(final).isSubset(of: [.b]))
            }
        }

        /// §4.2: "if a node becomes unavailable …, the load handled by this node is evenly dispersed across the
        /// remaining available nodes": its partitions have stand-ins everywhere, and its leaving spreads them likewise.
        @Test func theLoadOfALostNodeIsDispersedEvenly() throws {
            let layout = try Layout.initial(Member.inZones([9]))
            let orphans = layout.partitionCount.partitions.filter { layout.readRow(of: $0).contains(.a) }
            let standIns = orphans.map { PreferenceList.fallback(for: $0, in: layout)[3] }
            for member in layout.members where member.id != .a {
                #expect(standIns.contains(member.id))
            }
            let plan = try layout.planned([.leave(.a)]).plan
            let incoming = plan.perNode.filter { $0.node != .a }.map(\.incoming)
            #expect((incoming.max() ?? 0) - (incoming.min() ?? 0) <= 1)
        }

        /// §4.2: "when a node becomes available again, or a new node is added to the system, the newly available node
        /// accepts a roughly equivalent amount of load from each of the other available nodes."
        @Test func aNewNodeTakesAnEqualPartFromEachOfTheOthers() throws {
            let layout = try Layout.initial(Member.inZones([8]))
            let plan = try layout.planned([.join(.numbered(9))]).plan
            let outgoing = plan.perNode.filter { $0.node != NodeID(number: 9) }.map(\.outgoing)
            #expect((outgoing.max() ?? 0) - (outgoing.min() ?? 0) <= 1, "\(outgoing)")
            #expect(outgoing.reduce(0, +) == plan.movedReplicas)
        }

        /// §6.2, strategy 3: S nodes hold Q/S tokens each, whatever joins and leaves.
        @Test func everyNodeHoldsQOverSTokens() throws {
            var layout = try Layout.initial(Member.inZones([4]))
            for number in 5...8 {
                layout = try layout.changed([.join(.numbered(number))])
                layout = try layout.changed([.leave(NodeID(number: number - 4)), .join(.numbered(number + 90))])
                let share = 256 / layout.members.count...(255 + layout.members.count) / layout.members.count
                #expect(layout.members.allSatisfy { share.contains(layout.tokenCount(of: $0.id)) })
            }
        }

        /// §6.2: partitions are fixed: their bounds do not move when membership changes, only their places do.
        @Test func keysStayInTheirPartitionWhenMembershipChanges() throws {
            let before = try Layout.initial(Member.inZones([3]))
            let after = try before.changed([.join(.numbered(4))])
            let keys = (0..<100).compactMap { Key("key\($0)") }
            #expect(keys.map(before.partitionCount.partition(of:)) == keys.map(after.partitionCount.partition(of:)))
        }

        /// §6.2: with S = 30 and N = 3, as in Figure 8, load per node is balanced to within one replica.
        @Test func figureEightsClusterIsBalancedToOneReplica() throws {
            let layout = try Layout.initial(Member.inZones([30]), partitions: 1024)
            let loads = layout.members.map { layout.replicaCount(of: $0.id) }
            #expect(loads.allSatisfy { (102...103).contains($0) })
        }
    }

    @Suite("§4.3 Replication") struct Replication {
        /// §4.3: "each data item is replicated at N hosts, where N is a parameter configured per-instance."
        @Test(arguments: 1...7)
        func eachKeyIsReplicatedAtNHosts(_ replicas: Int) throws {
            let layout = try Layout.initial(Member.inZones([8]), partitions: 64, replicas: replicas)
            for row in layout.rows {
                #expect(row.count == replicas && Set(row).count == replicas)
            }
        }

        /// §4.3: "the coordinator is in charge of the replication of the data items that fall within its range": it
        /// stores locally and sends to the N-1 others.
        @Test(arguments: [1, 2, 3, 5])
        func theCoordinatorReplicatesToTheNMinusOneOthers(_ replicas: Int) throws {
            let layout = try Layout.initial(Member.inZones([6]), partitions: 8, replicas: replicas)
            var dialogue = try RequestCoreDialogue(layout: layout)
            let key = try dialogue.key(isOwn: true)
            let token = try #require(dialogue.ask(Paper.blindPut(key)).storeTokens.first)
            let sent = dialogue.stored(token, Paper.minted)
            #expect(sent.recordsSent.map(\.node).sorted() == dialogue.row(of: key).filter { $0 != .a }.sorted())
        }

        /// §4.3: "every node in the system can determine which nodes should be in this list for any particular key":
        /// it follows from the layout, in whatever order the members were named.
        @Test func everyNodeComputesTheSamePreferenceList() throws {
            let members = Member.inZones([3, 3])
            let here = try Layout.initial(members)
            let there = try Layout.initial(members.reversed())
            for partition in here.partitionCount.partitions {
                let list = PreferenceList.fallback(for: partition, in: here)
                #expect(list == PreferenceList.fallback(for: partition, in: there))
            }
        }

        /// §4.3: "to account for node failures, preference list contains more than N nodes", and "only distinct
        /// physical nodes".
        @Test func preferenceListsNameMoreThanNDistinctNodes() throws {
            let layout = try Layout.initial(Member.inZones([6]))
            for partition in layout.partitionCount.partitions {
                let list = PreferenceList.fallback(for: partition, in: layout)
                #expect(list.count > layout.quorums.replicaCount)
                #expect(Set(list).count == list.count)
                #expect(Array(list.prefix(3)) == layout.readRow(of: partition))
            }
        }
    }
}
