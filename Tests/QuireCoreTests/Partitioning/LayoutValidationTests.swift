import QuireCore
import Testing

/// One broken layout per invariant: each must be found, and named.
@Suite struct LayoutValidationTests {
    private func broken(_ zones: [Int] = [3], _ damage: (inout Layout) -> Void) throws -> LayoutViolation? {
        var layout = try Layout.initial(Member.inZones(zones), partitions: 8)
        try layout.validate()
        damage(&layout)
        do {
            try layout.validate()
            return nil
        } catch {
            return error
        }
    }

    private func brokenMove(_ damage: (inout Layout) -> Void) throws -> LayoutViolation? {
        let (staged, plan) = try Layout.initial(Member.inZones([3]), partitions: 8).planned([.join(.numbered(4))])
        var layout = try staged.committing(plan)
        damage(&layout)
        do {
            try layout.validate()
            return nil
        } catch {
            return error
        }
    }

    private func node(_ number: Int) -> NodeID { NodeID(number: number) }

    @Test func findsABadIdentity() throws {
        #expect(try self.broken { $0.clusterID = "cluster" } == .malformedClusterID("cluster"))
        #expect(try self.broken { $0.version = .none } == .versionNotPositive(.none))
    }

    @Test(arguments: [
        QuorumSettings(replicaCount: 0, readQuorum: 0, writeQuorum: 0),
        QuorumSettings(replicaCount: 8, readQuorum: 2, writeQuorum: 2),
        QuorumSettings(replicaCount: 3, readQuorum: 4, writeQuorum: 2),
        QuorumSettings(replicaCount: 3, readQuorum: 2, writeQuorum: 0),
    ])
    func findsQuorumsOutOfRange(_ quorums: QuorumSettings) throws {
        #expect(try self.broken { $0.quorums = quorums } == .quorumsOutOfRange(quorums))
    }

    @Test func findsBadMembers() throws {
        #expect(try self.broken { $0.members.swapAt(0, 1) } == .membersNotAscending(self.node(1)))
        #expect(try self.broken { $0.members[1].name = "n1" } == .nameRepeated("n1"))
        // A member that stays has its share.
        let crowded = try self.broken { $0.members.append(.numbered(9)) }
        guard case .replicasUnbalanced(_, found: 8, allowed: 6...6) = crowded else {
            Issue.record("found \(String(describing: crowded))")
            return
        }
    }

    @Test func findsBadRows() throws {
        let first = PartitionID(0)
        #expect(try self.broken { _ = $0.rows.popLast() } == .rowCount(found: 7, needed: 8))
        #expect(try self.broken { _ = $0.rows[0].popLast() } == .rowSize(first, found: 2, needed: 3...3))
        #expect(try self.broken { $0.rows[0][1] = self.node(9) } == .nodeUnknown(first, self.node(9)))
        var repeated = self.node(0)
        let violation = try self.broken {
            repeated = $0.rows[0][0]
            $0.rows[0][1] = repeated
        }
        #expect(violation == .nodeRepeated(first, repeated))
    }

    @Test func findsARowInTooFewZones() throws {
        let violation = try self.broken([2, 2, 2]) { layout in
            // Two nodes of the zone "z0".
            layout.rows[3] = [self.node(1), self.node(2), self.node(3)]
        }
        #expect(violation == .zonesNotSpread(PartitionID(3), found: 2, possible: 3))
    }

    @Test func findsTokensOutOfBalance() throws {
        let violation = try self.broken { layout in
            for index in layout.rows.indices {
                layout.rows[index] = [self.node(1), self.node(2), self.node(3)]
            }
        }
        #expect(violation == .tokensUnbalanced(self.node(1), found: 8, allowed: 2...3))
    }

    @Test func findsReplicasOutOfBalance() throws {
        let violation = try self.broken([4]) { layout in
            // 1 owns two tokens as before but is a replica of all; 4 pays for it.
            layout.rows = (0..<8).map { index in
                switch index % 4 {
                case 0: [1, 2, 3]
                case 1: [2, 1, 3]
                case 2: [3, 1, 2]
                default: [4, 1, 2]
                }
            }.map { row in row.map { NodeID(number: $0) } }
        }
        #expect(violation == .replicasUnbalanced(self.node(1), found: 8, allowed: 6...6))
    }

    @Test func findsBadMoves() throws {
        #expect(try self.brokenMove { _ in } == nil)
        let unordered = try self.brokenMove { $0.moves.swapAt(0, 1) }
        guard case .movesNotAscending = unordered else {
            Issue.record("found \(String(describing: unordered))")
            return
        }
        var partition = PartitionID(0)
        let early = try self.brokenMove {
            partition = $0.moves[0].partition
            $0.rows[partition.rawValue] = $0.moves[0].to
        }
        #expect(early == .moveContradictsRow(partition, .dualWrite))
        let unfilled = try self.brokenMove {
            $0.moves[0].phase = .readNew
            $0.rows[$0.moves[0].partition.rawValue] = $0.moves[0].to
        }
        #expect(unfilled == .receiptMissing(partition, self.node(4)))
        let foreign = try self.brokenMove {
            $0.moves[0].receipts = [.init(node: $0.moves[0].from[0], root: "", bytes: 0, checksum: "")]
        }
        guard case .receiptNotDue(partition, _) = foreign else {
            Issue.record("found \(String(describing: foreign))")
            return
        }
        #expect(try self.brokenMove { $0.change?.state = .finished } == .changeContradictsMoves(moves: 6))
        #expect(try self.brokenMove { $0.change = nil } == .changeContradictsMoves(moves: 6))
    }

    @Test func findsBadStagedChanges() throws {
        let node = self.node(2)
        #expect(try self.broken { $0.staged = [.join(.numbered(2))] } == .stagedContradictsMembers(node))
        #expect(try self.broken { $0.staged = [.leave(node), .leave(node)] } == .stagedContradictsMembers(node))
    }
}
