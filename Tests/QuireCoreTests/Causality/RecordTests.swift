import QuireCore
import Testing

@Suite struct RecordTests {
    @Test(arguments: UInt64(1)...200)
    func holdsWhatTheNaiveOracleHolds(seed: UInt64) {
        let history = RecordHistory(seed: seed, steps: 40)
        for replica in history.replicas {
            #expect(replica.record.siblings.map(\.dot) == replica.expectedSiblings)
            #expect(replica.seen.allSatisfy { replica.record.vector.covers($0) })
        }
    }

    @Test(arguments: UInt64(1)...100)
    func mergeIsCommutativeAssociativeAndIdempotent(seed: UInt64) {
        let records = RecordHistory(seed: seed, steps: 30).replicas.map(\.record)
        for left in records {
            #expect(left.merging(left) == left)
            #expect(left.merging(Record()) == left)
            #expect(Record().merging(left) == left)
            for right in records {
                #expect(left.merging(right) == right.merging(left))
                for third in records {
                    #expect(left.merging(right).merging(third) == left.merging(right.merging(third)))
                }
            }
        }
    }

    @Test(arguments: UInt64(1)...100)
    func mergeOnlyGrows(seed: UInt64) {
        let records = RecordHistory(seed: seed, steps: 30).replicas.map(\.record)
        for left in records {
            for right in records {
                let merged = left.merging(right)
                #expect(merged.descends(from: left) && merged.descends(from: right))
                #expect(merged.vector == left.vector.union(right.vector))
            }
        }
    }

    @Test func aWriteSupersedesWhatItsContextCoversAndNothingElse() {
        var record = Record()
        record.mint(.of(1, 1), superseding: .context(VersionVector()))
        let context = record.vector
        record.mint(.of(1, 2), superseding: .context(VersionVector()))
        record.mint(.of(1, 3), superseding: .context(context))
        #expect(record.siblings.map(\.dot.counter) == [2, 3])
    }

    @Test func theWinnerIsTheLatestAndTiesBreakByDot() {
        var record = Record()
        record.mint(.of(1, 1, at: 5), superseding: .context(VersionVector()))
        record.mint(.of(2, 1, at: 9), superseding: .context(VersionVector()))
        record.mint(.of(3, 1, at: 9), superseding: .context(VersionVector()))
        #expect(record.winner?.dot == Dot(actor: ActorID(rawValue: 3), counter: 1))
        #expect(Record().winner == nil)
    }

    @Test func isLiveUntilTheExpiryOfItsWinner() {
        var record = Record()
        record.mint(.of(1, 1, expiry: 100), superseding: .older)
        #expect(record.isLive(atMilliseconds: 99))
        #expect(!record.isLive(atMilliseconds: 100))
    }

    @Test func aTombstoneThatWinsHidesTheKey() {
        var record = Record()
        record.mint(.of(1, 1, at: 1), superseding: .older)
        record.mint(.of(1, 2, at: 2, value: nil), superseding: .older)
        #expect(!record.isLive(atMilliseconds: 0))
        #expect(record.siblings.count == 1)
    }

    @Test func refusesSiblingsThatTheVectorDoesNotCover() {
        #expect(Record(vector: VersionVector(), siblings: [.of(1, 1)]) == nil)
        let vector = VersionVector([.init(actor: ActorID(rawValue: 1), counter: 2)])
        #expect(Record(vector: vector, siblings: [.of(1, 1), .of(1, 1)]) == nil)
        #expect(Record(vector: vector, siblings: [.of(1, 2), .of(1, 1)])?.siblings.map(\.dot.counter) == [1, 2])
    }
}

/// The counter-examples of the safety rules on causality.
@Suite struct CausalitySafetyTests {
    /// SAFETY rule 1: the record travels whole, so the version of the lost message arrives with the next one.
    @Test func aWholeRecordBringsTheVersionThatALostMessageCarried() {
        var a = Record()
        a.mint(.of(1, 5), superseding: .context(VersionVector()))
        a.mint(.of(1, 9), superseding: .context(VersionVector()))
        var b = Record()
        b.merge(a)
        #expect(b.siblings.map(\.dot.counter) == [5, 9])
    }

    /// SAFETY rule 1, the other way round: a lone version with its vector loses the first write for ever.
    @Test func aLoneVersionWouldDropTheOneBeforeIt() throws {
        var a = Record()
        a.mint(.of(1, 5), superseding: .context(VersionVector()))
        a.mint(.of(1, 9), superseding: .context(VersionVector()))
        let lone = try #require(Record(vector: a.vector, siblings: [.of(1, 9)]))
        #expect(lone.merging(a).siblings.map(\.dot.counter) == [9])
    }

    /// SAFETY rule 2: a replica that forgot what it minted and goes on under its actor mints a dot that others cover.
    @Test func aReusedActorLosesItsNewWriteAndAFreshOneKeepsIt() {
        var peer = Record()
        peer.mint(.of(1, 1, value: [1]), superseding: .older)
        peer.mint(.of(1, 2, value: [2]), superseding: .context(peer.vector))
        var amnesiac = Record()
        amnesiac.mint(.of(1, 1, at: 50, value: [3]), superseding: .older)
        #expect(amnesiac.merging(peer).siblings.map(\.value) == [[2]])
        var reborn = Record()
        reborn.mint(.of(7, 1, at: 50, value: [3]), superseding: .older)
        #expect(reborn.merging(peer).siblings.map(\.value) == [[2], [3]])
        #expect(reborn.merging(peer).winner?.value == [3])
    }

    /// SAFETY rule 4: a plain write covers only siblings with a smaller timestamp.
    @Test func aPlainWriteKeepsSiblingsThatAreNotOlder() {
        var record = Record()
        record.mint(.of(1, 1, at: 10), superseding: .context(VersionVector()))
        record.mint(.of(2, 1, at: 30), superseding: .context(VersionVector()))
        record.mint(.of(3, 1, at: 20), superseding: .older)
        #expect(record.siblings.map(\.dot.actor.rawValue) == [2, 3])
        #expect(record.winner?.dot.actor.rawValue == 2)
        #expect(record.latestTimestamp == HybridTimestamp(wallMilliseconds: 30))
    }

    /// SAFETY rule 4: of two plain writes with one timestamp each is told to write again, for dots decide between them.
    @Test func aTieOfTimestampsIsReportedAsLater() {
        var record = Record()
        record.mint(.of(1, 1, at: 10), superseding: .older)
        #expect(record.latestTimestamp == HybridTimestamp(wallMilliseconds: 10))
        record.mint(.of(2, 1, at: 10), superseding: .older)
        #expect(record.latestTimestamp == HybridTimestamp(wallMilliseconds: 10, logical: 1))
        record.mint(.of(3, 1, at: 11), superseding: .context(VersionVector()))
        #expect(record.latestTimestamp == HybridTimestamp(wallMilliseconds: 11))
    }

    /// SAFETY rule 4: a replica finds the version that it minted for a request, so a retry mints no second dot.
    @Test func aRetriedRequestFindsItsVersion() {
        var record = Record()
        let version = Version.of(1, 1)
        record.mint(version, superseding: .older)
        #expect(record.version(of: version.request) == version)
        #expect(record.version(of: RequestID(high: 9, low: 9)) == nil)
    }
}

extension Version {
    /// A version that is known by its dot.
    static func of(
        _ actor: UInt64,
        _ counter: UInt64,
        at milliseconds: UInt64 = 1,
        value: [UInt8]? = [1],
        expiry: UInt64? = nil
    ) -> Version {
        Version(
            dot: Dot(actor: ActorID(rawValue: actor), counter: counter),
            timestamp: HybridTimestamp(wallMilliseconds: milliseconds),
            request: RequestID(high: actor, low: counter),
            value: value,
            expiryMilliseconds: expiry
        )
    }
}
