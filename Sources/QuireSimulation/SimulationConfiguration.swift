package import QuireCore

/// What one simulated run does; everything else follows from `seed`.
package struct SimulationConfiguration: Sendable {
    package var seed: UInt64
    /// Founders: nodes 1...
    package var founders = 3
    /// Nodes that wait outside, for `scripts` to let them in.
    package var spares = 0
    package var zones = 1
    /// Q.
    package var partitions = 8
    /// N, R, W.
    package var quorums = QuorumSettings()
    /// Of the writes; `nil` leaves it to the cluster.
    package var durability: Durability?
    package var workload = WorkloadMix.all
    package var faults = FaultMix.none
    /// Whether nodes compare replicas and deliver hints while faults happen; afterwards they always do.
    package var repairs = true
    /// When deleted keys are forgotten; `nil`: never, with the timeouts of the product.
    package var tombstones: TombstoneRules?
    /// The number of a founder that does not run before everything is healed.
    package var silentNode: Int?
    /// Nodes that are cut off from all others from half a second on until everything is healed.
    package var minority: [Int] = []
    /// What operators do while clients write, each by itself.
    package var scripts: [MembershipScript] = []
    /// Crashes at steps of moves. They happen after healing too, if the steps come then.
    package var stepCrashes: [StepCrash] = []
    /// How long clients ask and faults happen.
    package var duration: Duration = .seconds(4)
    /// How long the cluster may take after healing until nothing is in motion.
    package var healTimeout: Duration = .seconds(60)
    /// A defect that is planted on purpose.
    package var mutation: Mutation?

    package init(seed: UInt64) {
        self.seed = seed
    }

    /// Whether such a write must survive this run's faults.
    func isKept(_ durability: Durability) -> Bool {
        switch durability {
        case .all: true
        case .one: !self.faults.losesSynced
        case .buffered: !self.faults.losesUnsynced
        }
    }

    /// Whether every later quorum read must see such a write: all of its W copies survive.
    func isStrict(_ durability: Durability) -> Bool {
        durability == .all || !self.faults.losesUnsynced
    }
}

extension TombstoneRules {
    /// Distances of the product, shortened so that a run of some seconds collects several times: two rounds are
    /// little more than a second apart.
    package static let hasty = TombstoneRules(
        messageLifetime: .milliseconds(400),
        operationTimeout: .milliseconds(300),
        ageMin: .milliseconds(10),
        clockMargin: .milliseconds(5)
    )
}

extension SeededGenerator {
    mutating func chance(_ probability: Double) -> Bool {
        probability > 0 && Double.random(in: 0..<1, using: &self) < probability
    }

    /// Uniform between a half and one and a half of `mean`.
    mutating func around(_ mean: Duration) -> Duration {
        .microseconds(Int64.random(in: mean.microseconds / 2...mean.microseconds * 3 / 2, using: &self))
    }

    mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        .milliseconds(Int.random(in: range, using: &self))
    }

    mutating func one<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &self)]
    }
}

extension Duration {
    var microseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
