import QuireCore
import Testing

extension DynamoPaperTests {
    @Suite("§4.6 and §4.7 Failures") struct Failures {
        /// §4.6: "applications that need the highest level of availability can set W to 1, which ensures that a write is
        /// accepted as long as a single node in the system has durably written the key to its local store."
        @Test func withWOfOneASingleReplicaAcceptsAWrite() throws {
            var layout = try Layout.initial(Member.inZones([3]), partitions: 8)
            layout.quorums.writeQuorum = 1
            var dialogue = try RequestCoreDialogue(layout: layout)
            for peer in [NodeID.b, .c] { _ = dialogue.handle(.peerLost(peer)) }
            let token = try #require(dialogue.ask(Paper.blindPut(try dialogue.key(isOwn: true))).storeTokens.first)
            let minted = dialogue.stored(token, Paper.minted)
            #expect(minted.recordsStored.isEmpty, "it is not durable yet")
            #expect(dialogue.stored(token, .durable(.at(0))).recordsStored == [.minted(7)])
        }

        /// §4.6: "the write request is only rejected if all nodes in the system are unavailable": even a node that is no
        /// replica of the key accepts it alone, in its hints.
        @Test func withWOfOneAnyNodeThatIsLeftAcceptsAWrite() throws {
            var layout = try Layout.initial(Member.inZones([6]), partitions: 8)
            layout.quorums.writeQuorum = 1
            var dialogue = try RequestCoreDialogue(layout: layout)
            for member in layout.members where member.id != .a { _ = dialogue.handle(.peerLost(member.id)) }
            let asked = dialogue.ask(Paper.blindPut(try dialogue.key(isOwn: false)))
            guard case .store(let token, .mint(.hints, _))? = asked.first else {
                Issue.record("not minted as a hint: \(asked)")
                return
            }
            _ = dialogue.stored(token, Paper.minted)
            #expect(dialogue.stored(token, .durable(.at(0))).recordsStored == [.minted(7)])
        }

        /// §4.6: the same when nodes are up and their disks are not: a write that this node cannot store goes to the
        /// next one that may, and is refused when there is none left.
        @Test(arguments: [true, false]) func aWriteIsRefusedOnlyWhenNoNodeCanStoreIt(_ isAnotherUp: Bool) throws {
            var layout = try Layout.initial(Member.inZones([4]), partitions: 8)
            layout.quorums.writeQuorum = 1
            var dialogue = try RequestCoreDialogue(layout: layout)
            let key = try dialogue.key(isOwn: true)
            let stranger = try #require(layout.members.map(\.id).first { !dialogue.row(of: key).contains($0) })
            for member in layout.members where !(isAnotherUp && member.id == stranger) {
                _ = dialogue.handle(.peerLost(member.id))
            }
            let token = try #require(dialogue.ask(Paper.blindPut(key)).storeTokens.first)
            let failed = dialogue.stored(token, .failed(.notDurable("no space left")))
            #expect(failed.nodesForwardedTo == (isAnotherUp ? [stranger] : []))
            let isRefused = failed.clientResults.contains { result in
                if case .failed = result { return true }
                return false
            }
            #expect(isRefused == !isAnotherUp)
        }

        /// §4.6: "all read and write operations are performed on the first N healthy nodes from the preference list":
        /// the next node after the N takes the place of one that is down, for a put and for a get.
        @Test func theNextHealthyNodeTakesThePlaceOfOneThatIsDown() throws {
            var dialogue = try RequestCoreDialogue(layout: .initial(Member.inZones([6]), partitions: 8))
            let key = try dialogue.key(isOwn: true)
            let partition = dialogue.layout.partitionCount.partition(of: key)
            let next = PreferenceList.fallback(for: partition, in: dialogue.layout)[3]
            let down = try #require(dialogue.row(of: key).first { $0 != .a })
            _ = dialogue.handle(.peerLost(down))
            let token = try #require(dialogue.ask(Paper.blindPut(key)).storeTokens.first)
            #expect(dialogue.stored(token, Paper.minted).nodesHinted == [next])
            let read = dialogue.ask(.get(key, readQuorum: nil)).questions
            #expect(read.contains { $0.node == next && $0.message == .getHint(partition, key) })
        }

        /// §4.6: "nodes that receive hinted replicas will keep them in a separate local database".
        @Test func hintedReplicasAreKeptApart() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: false)
            let partition = dialogue.layout.partitionCount.partition(of: key)
            let request = RequestCore.PeerRequestID(link: 2, correlation: 5)
            let record = Record.minted(7)
            let asked = dialogue.handle(.peerAsked(request, .hint(partition, key, record)))
            guard case .store(_, .merge(.hints(partition), key, record, true))? = asked.first else {
                Issue.record("not kept as a hint: \(asked)")
                return
            }
        }

        /// §4.6: "the preference list of a key is constructed such that the storage nodes are spread across multiple
        /// data centers", so that a whole one can fail.
        @Test func everyPreferenceListSurvivesTheLossOfAZone() throws {
            let layout = try Layout.initial(Member.inZones([3, 3, 3]))
            for row in layout.rows {
                #expect(Set(row.compactMap { layout.member($0)?.zone }).count == 3)
            }
        }

        /// §4.6: the same beyond N: who stands in for a lost zone is not in one zone either.
        @Test func standInsAreSpreadOverZonesToo() throws {
            let layout = try Layout.initial(Member.inZones([2, 2, 2, 2, 2, 2]))
            for partition in layout.partitionCount.partitions {
                let list = PreferenceList.fallback(for: partition, in: layout)
                #expect(Set(list.prefix(6).compactMap { layout.member($0)?.zone }).count == 6)
            }
        }

        /// §4.7: "if the hash values of the root of two trees are equal, then the values of the leaf nodes in the tree
        /// are equal and the nodes require no synchronization"; if not, only what differs is exchanged.
        @Test func equalReplicasHaveEqualRoots() throws {
            let hash = try #require(Key("a")).hash
            var left = MerkleLeaves()
            var right = MerkleLeaves()
            left.replace(0, with: 17, at: hash)
            #expect(left.root != right.root)
            #expect(left.differences(from: right) == [MerkleLeaves.leaf(of: hash)])
            right.replace(0, with: 17, at: hash)
            #expect(left.root == right.root)
        }

        /// §4.7: "each branch of the tree can be checked independently": one key dirties one leaf of its own
        /// partition, and no other key's.
        @Test func aKeyThatDiffersDirtiesItsOwnLeafAlone() throws {
            let keys = (0..<200).compactMap { Key("key\($0)") }
            var left = MerkleLeaves()
            for (number, key) in keys.enumerated() {
                left.replace(0, with: UInt128(number + 1), at: key.hash)
            }
            var right = left
            right.replace(1, with: 999, at: keys[0].hash)
            #expect(left.differences(from: right) == [MerkleLeaves.leaf(of: keys[0].hash)])
        }

        /// §4.7: "many key ranges change when a node joins or leaves the system thereby requiring the tree(s) to be
        /// recalculated", which §6.2 cures: a partition has the same keys, hence the same leaves, wherever it is.
        @Test func aMembershipChangeRecalculatesNoLeaf() throws {
            let before = try Layout.initial(Member.inZones([4]))
            let after = try before.changed([.join(.numbered(5)), .leave(.a)])
            let keys = (0..<300).compactMap { Key("key\($0)") }
            let leaves = { (layout: Layout) in
                keys.reduce(into: [PartitionID: MerkleLeaves]()) { leaves, key in
                    let partition = layout.partitionCount.partition(of: key)
                    leaves[partition, default: MerkleLeaves()].replace(0, with: 5, at: key.hash)
                }
            }
            #expect(leaves(before) == leaves(after))
            #expect(before.rows != after.rows)
        }
    }
}
