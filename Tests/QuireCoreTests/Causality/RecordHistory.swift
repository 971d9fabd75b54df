import QuireCore

/// A random history of one key at several replicas, beside a naive oracle of what each of them should hold.
///
/// The oracle has no vectors: a replica is the set of all dots it has ever heard of and the set of those that some
/// write superseded; merging is union, and the siblings are the difference.
struct RecordHistory {
    struct Replica {
        var record = Record()
        var seen: Set<Dot> = []
        var superseded: Set<Dot> = []

        var expectedSiblings: [Dot] { self.seen.subtracting(self.superseded).sorted() }
    }

    private(set) var replicas: [Replica]
    private var counters: [UInt64]
    private var random: SeededGenerator

    init(seed: UInt64, replicaCount: Int = 4, steps: Int) {
        self.replicas = Array(repeating: Replica(), count: replicaCount)
        self.counters = Array(repeating: 0, count: replicaCount)
        self.random = SeededGenerator(seed: seed)
        for _ in 0..<steps {
            self.step()
        }
    }

    private mutating func step() {
        let here = Int.random(in: self.replicas.indices, using: &self.random)
        let there = Int.random(in: self.replicas.indices, using: &self.random)
        switch Int.random(in: 0..<5, using: &self.random) {
        case 0: self.mint(at: here, readAt: there)
        case 1: self.mint(at: here, readAt: nil)
        case 2: self.mintPlain(at: here)
        default: self.merge(there, into: here)
        }
    }

    private mutating func nextVersion(at replica: Int) -> Version {
        self.counters[replica] += 1
        let isTombstone = Int.random(in: 0..<6, using: &self.random) == 0
        return Version(
            dot: Dot(actor: ActorID(rawValue: UInt64(replica) + 1), counter: self.counters[replica]),
            timestamp: HybridTimestamp(wallMilliseconds: UInt64.random(in: 1...20, using: &self.random)),
            request: RequestID(high: UInt64(replica), low: self.counters[replica]),
            value: isTombstone ? nil : Array(repeating: 7, count: Int.random(in: 0...3, using: &self.random)),
            expiryMilliseconds: Int.random(in: 0..<4, using: &self.random) == 0 ? 99 : nil
        )
    }

    private mutating func mint(at replica: Int, readAt source: Int?) {
        let version = self.nextVersion(at: replica)
        let read = source.map { self.replicas[$0] } ?? Replica()
        self.replicas[replica].record.mint(version, superseding: .context(read.record.vector))
        self.replicas[replica].superseded.formUnion(read.seen)
        self.replicas[replica].seen.formUnion(read.seen.union([version.dot]))
    }

    private mutating func mintPlain(at replica: Int) {
        let version = self.nextVersion(at: replica)
        let older = self.replicas[replica].record.siblings.filter { $0.timestamp < version.timestamp }.map(\.dot)
        self.replicas[replica].record.mint(version, superseding: .older)
        self.replicas[replica].superseded.formUnion(older)
        self.replicas[replica].seen.insert(version.dot)
    }

    private mutating func merge(_ source: Int, into target: Int) {
        self.replicas[target].record.merge(self.replicas[source].record)
        self.replicas[target].seen.formUnion(self.replicas[source].seen)
        self.replicas[target].superseded.formUnion(self.replicas[source].superseded)
    }
}
