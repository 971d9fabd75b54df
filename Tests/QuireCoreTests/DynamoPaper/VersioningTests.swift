import QuireCore
import Testing

extension DynamoPaperTests {
    @Suite("§4.4 Data versioning") struct Versioning {
        private let x = ActorID(rawValue: 1)
        private let y = ActorID(rawValue: 2)
        private let z = ActorID(rawValue: 3)

        private func vector(_ entries: (ActorID, UInt64)...) -> VersionVector {
            VersionVector(entries.map { .init(actor: $0.0, counter: $0.1) })
        }

        /// §4.4: "a put() call may return to its caller before the update has been applied at all the replicas."
        @Test func aPutReturnsBeforeAllReplicasHaveIt() throws {
            var dialogue = try RequestCoreDialogue()
            let token = try #require(dialogue.ask(Paper.blindPut(try dialogue.key(isOwn: true))).storeTokens.first)
            let sent = dialogue.stored(token, Paper.minted)
            _ = dialogue.stored(token, .durable(.at(0)))
            #expect(dialogue.answer(sent.questions[0], Paper.acknowledged).recordsStored.count == 1)
            #expect(sent.recordsSent.count == 2, "one of which has not answered")
        }

        /// §4.4: "Dynamo treats the result of each modification as a new and immutable version of the data."
        @Test func everyModificationIsAVersionOfItsOwn() {
            var record = Record()
            let first = Version.of(1, 1, value: [1])
            record.mint(first, superseding: .context(VersionVector()))
            let before = record
            record.mint(.of(1, 2, value: [2]), superseding: .context(VersionVector()))
            #expect(before.siblings == [first], "what was read stays what it was")
            #expect(record.siblings.map(\.value) == [[1], [2]])
        }

        /// §4.4: "most of the time, new versions subsume the previous version(s), and the system itself can determine
        /// the authoritative version (syntactic reconciliation)", in whatever order replicas meet.
        @Test func theSystemItselfFindsTheAuthoritativeVersion() {
            var older = Record.minted(1)
            var newer = older
            newer.mint(.of(2, 1), superseding: .context(older.vector))
            older.merge(newer)
            #expect(older == newer)
            newer.merge(.minted(1))
            #expect(newer.siblings.map(\.dot.actor) == [self.y])
        }

        /// §4.4: the cart: "an 'add to cart' operation is never lost. However, deleted items can resurface."
        @Test func mergedCartsKeepEveryAddAndMayBringBackARemovedItem() {
            let book: UInt8 = 1
            let lamp: UInt8 = 2
            let pen: UInt8 = 3
            var cart = Record()
            cart.mint(.of(1, 1, value: [book, lamp]), superseding: .context(VersionVector()))
            var adding = cart
            adding.mint(.of(2, 1, value: [book, lamp, pen]), superseding: .context(cart.vector))
            var removing = cart
            removing.mint(.of(3, 1, value: [book]), superseding: .context(cart.vector))

            let read = adding.merging(removing)
            let union = Set(read.siblings.compactMap(\.value).joined()).sorted()
            #expect(union == [book, lamp, pen], "the pen is kept, and the lamp is back")
            var merged = read
            merged.mint(.of(1, 2, value: union), superseding: .context(read.vector))
            #expect(merged.siblings.map(\.value) == [union])
        }

        /// §4.4: "if the counters on the first object's clock are less-than-or-equal to all of the nodes in the second
        /// clock, then the first is an ancestor of the second and can be forgotten. Otherwise [they] are in conflict."
        @Test func ancestorsAreForgottenAndConflictsKept() {
            var first = Record()
            first.mint(.of(1, 1), superseding: .context(VersionVector()))
            var second = first
            second.mint(.of(2, 1), superseding: .context(first.vector))
            #expect(first.merging(second) == second)
            var third = first
            third.mint(.of(3, 1), superseding: .context(first.vector))
            #expect(second.merging(third).siblings.count == 2)
        }

        /// §4.4: clocks are compared pair by pair, and an actor that is missing counts as 0.
        @Test func clocksAreOrderedOnlyWhereAllCountersAre() {
            let first = self.vector((self.x, 2), (self.y, 1))
            #expect(self.vector((self.x, 2), (self.y, 1), (self.z, 1)).descends(from: first))
            #expect(self.vector((self.x, 3), (self.y, 1)).descends(from: first))
            #expect(!self.vector((self.x, 3)).descends(from: first))
            #expect(!first.descends(from: self.vector((self.x, 1), (self.z, 1))))
        }

        /// §4.4: a read "will return all the objects at the leaves, with the corresponding version information in the
        /// context. An update using this context is considered to have reconciled the divergent versions and the
        /// branches are collapsed into a single new version."
        @Test func aWriteWithTheContextOfAReadCollapsesItsBranches() {
            var record = Record()
            for actor: UInt64 in 1...5 {
                record.mint(.of(actor, 1), superseding: .context(VersionVector()))
            }
            #expect(record.siblings.count == 5)
            record.mint(.of(1, 2), superseding: .context(record.vector))
            #expect(record.siblings.count == 1)
        }

        /// §4.4, Figure 3: D1...D5, handled by Sx, Sx, Sy, Sz and again Sx.
        @Test func figureThreeEvolvesAsPrinted() {
            var atX = Record()
            atX.mint(.of(1, 1), superseding: .context(VersionVector()))
            #expect(atX.vector == self.vector((self.x, 1)))
            atX.mint(.of(1, 2), superseding: .context(atX.vector))
            #expect(atX.vector == self.vector((self.x, 2)))
            #expect(atX.siblings.map(\.dot) == [Dot(actor: self.x, counter: 2)])

            var atY = atX
            atY.mint(.of(2, 1), superseding: .context(atX.vector))
            #expect(atY.vector == self.vector((self.x, 2), (self.y, 1)))
            var atZ = atX
            atZ.mint(.of(3, 1), superseding: .context(atX.vector))
            #expect(atZ.vector == self.vector((self.x, 2), (self.z, 1)))

            let read = atY.merging(atZ)
            #expect(read.siblings.map(\.dot) == [Dot(actor: self.y, counter: 1), Dot(actor: self.z, counter: 1)])
            #expect(read.vector == self.vector((self.x, 2), (self.y, 1), (self.z, 1)))

            atX.merge(read)
            atX.mint(.of(1, 3), superseding: .context(read.vector))
            #expect(atX.vector == self.vector((self.x, 3), (self.y, 1), (self.z, 1)))
            #expect(atX.siblings.map(\.dot) == [Dot(actor: self.x, counter: 3)])
            #expect(atX.descends(from: atY) && atX.descends(from: atZ))
        }

        /// §4.4: the system never loses an "add": two writes with the same context survive side by side, even when the
        /// same coordinator takes both, which the paper's plain clock cannot express.
        @Test func twoWritesWithOneContextBothSurviveAtOneCoordinator() {
            var record = Record()
            record.mint(.of(1, 1), superseding: .context(VersionVector()))
            let context = record.vector
            record.mint(.of(1, 2), superseding: .context(context))
            record.mint(.of(1, 3), superseding: .context(context))
            #expect(record.siblings.map(\.dot.counter) == [2, 3])
        }

        /// §4.4: the paper drops the oldest pair of a clock that has more than ten, at the price that "the descendant
        /// relationships cannot be derived accurately". We keep all: with thirty coordinators they still are.
        @Test func clocksAreNeverTruncated() {
            var record = Record()
            var history: [Record] = []
            for actor: UInt64 in 1...30 {
                record.mint(.of(actor, 1), superseding: .context(record.vector))
                history.append(record)
            }
            #expect(record.vector.entries.count == 30)
            for ancestor in history {
                #expect(ancestor.merging(record) == record)
            }
        }
    }
}
