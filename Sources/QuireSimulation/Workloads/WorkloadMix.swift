/// What clients do, as data: how much of each kind of use, on how many keys, how often.
package struct WorkloadMix: Sendable {
    /// One use of the store. Each kind that has keys has keys of its own.
    package enum Kind: String, Sendable, CaseIterable {
        /// Plain and causal verbs on the same keys.
        case register
        /// Causal verbs alone; contexts may be old, or missing.
        case causal
        /// Elements that are added once each, by reading, reconciling and writing with the context.
        case set
        /// Increments by reading, reconciling and writing with the context.
        case counter
        /// Items added and removed, siblings merged by union (Dynamo §4.4).
        case cart
        /// Deletes and re-creates.
        case churn
        /// Values expire soon after they were written.
        case fading
        /// Overwritten and never deleted: every scan must show them.
        case pinned
        /// Goes through the whole key space.
        case scan
        case count

        var hasKeys: Bool { self != .scan && self != .count }
    }

    /// Kinds that are missing do not happen.
    package var weights: [Kind: Int]
    /// Of each kind.
    package var keys = 4
    package var clients = 4
    /// The nodes that clients know; `nil`: all of them.
    package var asks: [Int]?
    /// Whether the keys of a kind are in one partition.
    package var sharesPartition = false
    /// The chance that an operation goes to the first key of its kind.
    package var hotness = 0.0
    /// Three keys of each kind have their turn for this long and are left alone then; `nil`: all of them, always.
    package var turn: Duration?
    /// Between an answer and the next operation, in microseconds.
    package var pauseMax = 25_000
    /// The part of reads that really happen; the others become writes. Reads repair, so that fewer show more.
    package var reads = 1.0
    /// The chance that an operation asks for R or W of its own.
    package var ownQuorums = 0.0
    /// The chance that a write presents the context of another key, which must be refused.
    package var foreignContexts = 0.0

    package init(_ weights: [Kind: Int]) {
        self.weights = weights
    }

    package static let all = WorkloadMix([
        .register: 4, .causal: 3, .set: 2, .counter: 2, .cart: 2, .churn: 3, .pinned: 1, .scan: 1, .count: 1,
    ])

    /// In one order, whatever the hash seed.
    var chosen: [(kind: Kind, weight: Int)] {
        Kind.allCases.compactMap { kind in self.weights[kind].map { (kind, $0) } }
    }
}
