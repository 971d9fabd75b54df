import QuireCore
import Testing

@Suite struct VersionVectorTests {
    private func vector(_ counters: [UInt64: UInt64]) -> VersionVector {
        VersionVector(
            counters.sorted { $0.key > $1.key }.map { .init(actor: ActorID(rawValue: $0.key), counter: $0.value) }
        )
    }

    @Test func entriesAscendByActorAndZeroIsNone() {
        let vector = self.vector([3: 1, 1: 2, 2: 0])
        #expect(vector.entries.map(\.actor.rawValue) == [1, 3])
        #expect(vector.counter(of: ActorID(rawValue: 2)) == 0)
    }

    @Test func anActorThatAppearsTwiceKeepsItsGreatestCounter() {
        let actor = ActorID(rawValue: 1)
        let vector = VersionVector([.init(actor: actor, counter: 5), .init(actor: actor, counter: 3)])
        #expect(vector.entries.map(\.counter) == [5])
    }

    @Test func descentIsAPartialOrder() {
        let left = self.vector([1: 2, 2: 1])
        let right = self.vector([1: 2, 3: 1])
        #expect(!left.descends(from: right) && !right.descends(from: left))
        #expect(left.descends(from: left))
        #expect(left.union(right).descends(from: left) && left.union(right).descends(from: right))
        #expect(left.union(right) == self.vector([1: 2, 2: 1, 3: 1]))
        #expect(left.descends(from: VersionVector()))
    }

    @Test func coversADotAndAllBeforeIt() {
        let vector = self.vector([1: 3])
        #expect((1...3).allSatisfy { vector.covers(Dot(actor: ActorID(rawValue: 1), counter: $0)) })
        #expect(!vector.covers(Dot(actor: ActorID(rawValue: 1), counter: 4)))
        #expect(!vector.covers(Dot(actor: ActorID(rawValue: 2), counter: 1)))
    }
}
