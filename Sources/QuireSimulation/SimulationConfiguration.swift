import QuireCore

/// What one simulated run does; everything else follows from `seed`.
package struct SimulationConfiguration: Sendable {
    package var seed: UInt64
    /// Founders: nodes 1...; one more node waits outside when `changesMembership`.
    package var founders = 3
    package var partitions = 8
    package var keys = 6
    package var clients = 4
    /// How long clients ask and faults happen.
    package var duration: Duration = .seconds(8)
    /// How long the cluster may take after healing until nothing is in motion.
    package var healTimeout: Duration = .seconds(60)
    package var faults = FaultMix.none
    /// A node joins, then another leaves, while clients write.
    package var changesMembership = false
    /// A defect that is planted on purpose.
    package var mutation: Mutation?

    package init(seed: UInt64) {
        self.seed = seed
    }
}

/// How often the world misbehaves. Chances are per message or per sync; gaps are means.
package struct FaultMix: Sendable {
    package static let none = FaultMix()
    /// Everything that the design promises to survive, at once.
    package static let rough = FaultMix(
        loss: 0.004,
        duplication: 0.01,
        slowness: 0.03,
        syncFailure: 0.002,
        crashGap: .milliseconds(1200),
        partitionGap: .milliseconds(1500),
        clockSkewMillisecondsMax: 400
    )

    /// The message vanishes; its link breaks when somebody has noticed.
    package var loss = 0.0
    package var duplication = 0.0
    /// The message takes up to 300 ms.
    package var slowness = 0.0
    package var syncFailure = 0.0
    package var crashGap: Duration?
    package var partitionGap: Duration?
    package var clockSkewMillisecondsMax = 0
}

/// Defects that the checkers must find: the measure of the simulator itself.
package enum Mutation: String, Sendable, CaseIterable {
    /// Storage reports durability before it has synced (SAFETY rule 6).
    case acknowledgesBeforeSync
    /// After a crash a replica mints on under its old actor (SAFETY rule 2).
    case reusesActorAfterCrash
    /// Merging keeps the sibling with the greatest timestamp and drops the others (SAFETY rule 1).
    case keepsNewestSiblingOnly
    /// A newcomer covers one old replica instead of all (SAFETY rule 11).
    case fillsFromOneReplica
    /// A newcomer fills itself as soon as it hears of the move (SAFETY rule 11).
    case fillsBeforeTheBarrier
    /// A node confirms a version while older operations are still running (SAFETY rule 11).
    case drainsAtOnce
    /// A layout vote is answered before it is on disk (SAFETY rule 13).
    case votesBeforeStoring
}

extension SeededGenerator {
    mutating func chance(_ probability: Double) -> Bool {
        probability > 0 && Double.random(in: 0..<1, using: &self) < probability
    }

    /// Uniform between a half and one and a half of `mean`.
    mutating func around(_ mean: Duration) -> Duration {
        .microseconds(Int64.random(in: mean.microseconds / 2...mean.microseconds * 3 / 2, using: &self))
    }
}

extension Duration {
    var microseconds: Int64 {
        self.components.seconds * 1_000_000 + self.components.attoseconds / 1_000_000_000_000
    }
}
