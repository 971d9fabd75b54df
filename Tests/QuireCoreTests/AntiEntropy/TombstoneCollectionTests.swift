import QuireCore
import Testing

/// SAFETY rule 9: each test is one way in which a deleted value could come back, or one in which it must not be kept
/// for ever.
@Suite struct TombstoneCollectionTests {
    private let value = TombstoneTheatre.deleted().value
    private let tombstone = TombstoneTheatre.deleted().tombstone

    private func theatre(_ keys: Int = 1) throws -> TombstoneTheatre {
        var theatre = try TombstoneTheatre()
        for number in 0..<keys {
            theatre.place(self.tombstone, of: try TombstoneTheatre.key(number), at: theatre.row)
        }
        return theatre
    }

    private func expectKept(
        _ outcome: TombstoneCollection.Outcome,
        by node: NodeID,
        _ obstacle: TombstoneObstacle,
        in theatre: TombstoneTheatre,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(outcome.kept == .init(node: node, obstacle: obstacle), sourceLocation: sourceLocation)
        #expect(outcome.dropped == 0, sourceLocation: sourceLocation)
        let key = try TombstoneTheatre.key()
        #expect(theatre.record(of: key, at: theatre.holder) == self.tombstone, sourceLocation: sourceLocation)
    }

    // MARK: When everybody agrees

    @Test func asksEveryMemberTwiceThenTheReplicasDropTheHolderLast() throws {
        var theatre = try self.theatre()
        let outcome = try theatre.pass()
        #expect(outcome.dropped == 1)
        #expect(outcome.kept == nil)
        let members = theatre.layout.members.map { "attest \($0.id.rawValue)" }
        let drops = (theatre.row.dropFirst() + [theatre.holder]).map { "drop \($0.rawValue)" }
        #expect(theatre.trace == members + members + drops)
        for node in theatre.row { #expect(theatre.record(of: try TombstoneTheatre.key(), at: node) == nil) }
    }

    @Test func theRoundsAreFurtherApartThanAValueCanStayUnderWay() throws {
        var theatre = try self.theatre()
        theatre.elapsed = .seconds(7)
        _ = try theatre.pass()
        let rules = TombstoneTheatre.rules
        let underWay = rules.operationTimeout * 2 + rules.messageLifetime * 3 / 2
        #expect(theatre.elapsed - .seconds(7) >= underWay)
    }

    @Test func liveAndYoungRecordsStay() throws {
        var theatre = try TombstoneTheatre()
        theatre.place(self.value, of: try TombstoneTheatre.key(1), at: theatre.row)
        theatre.place(TombstoneTheatre.deleted(at: 950_000).tombstone, of: try TombstoneTheatre.key(2), at: theatre.row)
        let outcome = try theatre.pass()
        #expect(outcome.scanned == 2)
        #expect(outcome.found == 0)
        #expect(theatre.trace.isEmpty)
    }

    /// A sibling that lives keeps the whole record.
    @Test func aTombstoneBesideALiveSiblingStays() throws {
        var theatre = try TombstoneTheatre()
        theatre.place(self.tombstone.merging(.minted(9)), of: try TombstoneTheatre.key(), at: theatre.row)
        #expect(try theatre.pass().found == 0)
    }

    @Test func expiredValuesGoLikeTombstones() throws {
        var theatre = try TombstoneTheatre()
        var record = Record()
        let version = Version(
            dot: Dot(actor: ActorID(rawValue: 4), counter: 1),
            timestamp: HybridTimestamp(wallMilliseconds: 1000),
            request: RequestID(high: 4, low: 1),
            value: [1],
            expiryMilliseconds: 900_000
        )
        record.mint(version, superseding: .older)
        theatre.place(record, of: try TombstoneTheatre.key(), at: theatre.row)
        #expect(try theatre.pass().dropped == 1)
        #expect(record.settledMilliseconds == 900_000)
    }

    @Test func largePartitionsAreDoneInSeveralPasses() throws {
        var theatre = try self.theatre(40)
        var limits = TombstoneCollection.Limits()
        limits.countMax = 16
        limits.page = PageLimit(records: 10)
        var machine = theatre.machine(limits: limits)
        var action = machine.start()
        while case .store(let command) = action {
            action = machine.answered(.storage(theatre.execute(command, at: theatre.holder)), now: theatre.moment)
        }
        guard case .ask(_, .control(.attestTombstones(let batch))) = action else {
            Issue.record("\(action)")
            return
        }
        #expect(batch.items.count == 16)
    }

    // MARK: What could bring a value back

    @Test func oneMemberUnreachableKeepsEverything() throws {
        for number in 1...4 {
            var theatre = try self.theatre()
            let node = NodeID(number: number)
            theatre.members[node]?.isReachable = false
            let outcome = try theatre.pass()
            try self.expectKept(outcome, by: node, .unreachable, in: theatre)
        }
    }

    @Test func aMemberThatIsLostBetweenTheRoundsKeepsEverything() throws {
        var theatre = try self.theatre()
        let node = theatre.row[2]
        let outcome = try theatre.pass(between: { $0.members[node]?.isReachable = false })
        try self.expectKept(outcome, by: node, .unreachable, in: theatre)
    }

    /// A stand-in outside the row: asking only the replicas would revive what it holds.
    @Test func aHintAtAMemberOutsideTheRowKeepsTheTombstone() throws {
        var theatre = try self.theatre()
        let outsider = try theatre.outsider
        theatre.members[outsider]?.records[.hints(theatre.partition)] = [try TombstoneTheatre.key(): self.value]
        let outcome = try theatre.pass()
        try self.expectKept(outcome, by: outsider, .hints, in: theatre)
    }

    /// One round would not see it: the value was under way when everybody was asked.
    @Test func aHintThatLandsBetweenTheRoundsKeepsTheTombstone() throws {
        var theatre = try self.theatre()
        let outsider = try theatre.outsider
        let key = try TombstoneTheatre.key()
        let outcome = try theatre.pass(between: { theatre in
            theatre.members[outsider]?.records[.hints(theatre.partition)] = [key: self.value]
            theatre.members[outsider]?.surroundings.epoch += 1
        })
        try self.expectKept(outcome, by: outsider, .hints, in: theatre)
    }

    /// It came and was delivered again, and is perhaps under way once more.
    @Test func aHintThatCameAndWentBetweenTheRoundsKeepsTheTombstone() throws {
        var theatre = try self.theatre()
        let outsider = try theatre.outsider
        let outcome = try theatre.pass(between: { $0.members[outsider]?.surroundings.epoch += 1 })
        try self.expectKept(outcome, by: outsider, .disturbed, in: theatre)
    }

    @Test func aStrayRecordOutsideTheRowKeepsTheTombstone() throws {
        var theatre = try self.theatre()
        let outsider = try theatre.outsider
        theatre.place(self.value, of: try TombstoneTheatre.key(), at: [outsider])
        let outcome = try theatre.pass()
        try self.expectKept(outcome, by: outsider, .strayCopy, in: theatre)
    }

    @Test func copiesAndWorkOnThePartitionKeepTheTombstone() throws {
        let surroundings: [(PartitionSurroundings, TombstoneObstacle)] = [
            (.init(epoch: 1, hasRetiredCopy: true), .retiredCopy),
            (.init(epoch: 1, hasIncomingCopy: true), .incomingCopy),
            (.init(epoch: 1, isBusy: true), .busy),
        ]
        for (surroundings, obstacle) in surroundings {
            for node in [try self.theatre().outsider, try self.theatre().row[1]] {
                var theatre = try self.theatre()
                theatre.members[node]?.surroundings = surroundings
                try self.expectKept(try theatre.pass(), by: node, obstacle, in: theatre)
            }
        }
    }

    @Test func aQuarantinedReplicaKeepsTheTombstone() throws {
        var theatre = try self.theatre()
        let node = theatre.row[1]
        theatre.members[node]?.isQuarantined = true
        try self.expectKept(try theatre.pass(), by: node, .storage, in: theatre)
    }

    @Test func aLayoutThatChangesBetweenTheRoundsKeepsTheTombstone() throws {
        var theatre = try self.theatre()
        let node = theatre.row[1]
        let next = try theatre.layout.staging(.join(.numbered(5)))
        let outcome = try theatre.pass(between: { $0.members[node]?.layout = next })
        try self.expectKept(outcome, by: node, .otherLayout, in: theatre)
    }

    @Test func aMoveOfThePartitionKeepsTheTombstone() throws {
        let theatre = try self.theatre()
        let (staged, plan) = try theatre.layout.planned([.join(.numbered(5))])
        let moving = try staged.committing(plan)
        let partition = try #require(moving.moves.first).partition
        let batch = TombstoneBatch(
            partition: partition,
            version: moving.version,
            settledMilliseconds: 1,
            distanceMilliseconds: .max,
            items: []
        )
        for purpose in [TombstoneWitness.Purpose.attest, .drop] {
            var witness = TombstoneWitness(
                purpose,
                batch,
                in: .init(
                    node: .a,
                    layout: moving,
                    surroundings: .init(epoch: 1),
                    wallMilliseconds: 1_000_000,
                    rules: TombstoneTheatre.rules,
                    digester: TombstoneTheatre.digester
                )
            )
            #expect(witness.start() == .answer(.refused(.moving)))
        }
    }

    /// Else a plain write of that member could lose to a leftover of the tombstone.
    @Test func aMemberWhoseClockIsBehindKeepsTheTombstone() throws {
        var theatre = try self.theatre()
        let outsider = try theatre.outsider
        theatre.members[outsider]?.wallMilliseconds = 100_400
        try self.expectKept(try theatre.pass(), by: outsider, .clockBehind, in: theatre)
    }

    @Test func aMemberThatKeepsMessagesAliveForLongerRefuses() {
        let batch = TombstoneBatch(
            partition: PartitionID(0),
            version: LayoutVersion(1),
            settledMilliseconds: 1,
            distanceMilliseconds: 1000,
            items: []
        )
        var witness = TombstoneWitness(
            .attest,
            batch,
            in: .init(
                node: .a,
                layout: try? Layout.initial(Member.inZones([4]), partitions: 8),
                surroundings: .init(epoch: 1),
                wallMilliseconds: 1_000_000,
                rules: TombstoneTheatre.rules,
                digester: TombstoneTheatre.digester
            )
        )
        #expect(witness.start() == .answer(.refused(.otherRules)))
    }

    // MARK: Replicas that differ

    /// A replica was down while the key was deleted; it is brought up to date first, and the next pass collects.
    @Test func aReplicaThatReturnsWithAnOldValueIsRepairedBeforeAnythingIsDropped() throws {
        var theatre = try self.theatre()
        let key = try TombstoneTheatre.key()
        let returned = theatre.row[2]
        theatre.place(self.value, of: key, at: [returned])
        let first = try theatre.pass()
        #expect(first.dropped == 0)
        for node in theatre.row { #expect(theatre.record(of: key, at: node) == self.tombstone) }
        #expect(try theatre.pass().dropped == 1)
        for node in theatre.row { #expect(theatre.record(of: key, at: node) == nil) }
    }

    /// An old value could land at a replica that lacks the tombstone, and be read and hinted elsewhere from there.
    @Test func aReplicaThatLacksTheTombstoneDoesNotAttestIt() throws {
        var theatre = try self.theatre(2)
        let empty = theatre.row[1]
        theatre.members[empty]?.records[.replica(theatre.partition)]?[try TombstoneTheatre.key()] = nil
        let outcome = try theatre.pass()
        #expect(outcome.dropped == 1)
        #expect(theatre.record(of: try TombstoneTheatre.key(), at: empty) == self.tombstone)
        #expect(theatre.record(of: try TombstoneTheatre.key(1), at: empty) == nil)
    }

    @Test func aValueWrittenBetweenTheRoundsStays() throws {
        var theatre = try self.theatre()
        let key = try TombstoneTheatre.key()
        let written = self.tombstone.merging(.minted(8))
        let outcome = try theatre.pass(between: { $0.place(written, of: key, at: [$0.row[1]]) })
        #expect(outcome.dropped == 0)
        #expect(theatre.record(of: key, at: theatre.row[1]) == written)
        #expect(theatre.record(of: key, at: theatre.holder) == self.tombstone)
    }

    @Test func aValueWrittenAfterTheRoundsStays() throws {
        var theatre = try self.theatre()
        let key = try TombstoneTheatre.key()
        let written = self.tombstone.merging(.minted(8))
        let outcome = try theatre.pass(beforeDrop: { $0.place(written, of: key, at: [$0.row[2]]) })
        #expect(outcome.dropped == 0)
        #expect(theatre.record(of: key, at: theatre.row[2]) == written)
    }

    @Test func aDropThatReachesOnlySomeIsMadeGoodByTheNextPasses() throws {
        var theatre = try self.theatre()
        let key = try TombstoneTheatre.key()
        let lost = theatre.row[2]
        let outcome = try theatre.pass(beforeDrop: { $0.members[lost]?.isReachable = false })
        #expect(outcome.kept == .init(node: lost, obstacle: .unreachable))
        #expect(theatre.record(of: key, at: theatre.row[1]) == nil)
        #expect(theatre.record(of: key, at: theatre.holder) == self.tombstone)
        theatre.members[lost]?.isReachable = true
        #expect(try theatre.pass().dropped == 0)
        #expect(try theatre.pass().dropped == 1)
        for node in theatre.row { #expect(theatre.record(of: key, at: node) == nil) }
    }

    /// The doomstone (reference, L17): deleted, collected, written again; a stale tombstone that turns up later must not
    /// cover the new value. It does not, for counters belong to replicas and never begin anew.
    @Test func aStaleTombstoneDoesNotCoverWhatWasWrittenAfterTheDrop() {
        var recreated = Record()
        let version = Version(
            dot: Dot(actor: ActorID(rawValue: 2), counter: 4),
            timestamp: HybridTimestamp(wallMilliseconds: 200_000),
            request: RequestID(high: 7, low: 7),
            value: [9]
        )
        recreated.mint(version, superseding: .older)
        #expect(recreated.merging(self.tombstone).winner == version)
        // Nor does a client's context from before the delete make anything of the past come back.
        var written = Record()
        written.mint(version, superseding: .context(self.value.vector))
        #expect(written.siblings == [version])
        #expect(written.merging(self.value).siblings == [version])
    }
}
