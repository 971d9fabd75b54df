/// The seeds: addresses that are given from outside, so that nodes find each other that know nothing, or nothing
/// true any more, of each other (Dynamo §4.8.2).
///
/// Who answers at a seed's address is found out by asking, again and again: often while some member is out of
/// reach, now and then always, for the node behind an address may change. One that refuses, because it is of another
/// cluster or this node itself, is asked now and then only.
package struct SeedBook: Sendable {
    /// What came of a question.
    package enum Answer: Sendable {
        case member(Member)
        /// Nobody was there.
        case silence
        /// Somebody who is of no use as a seed.
        case refusal
    }

    private struct Seed {
        let endpoint: Endpoint
        /// Who answered there last.
        var member: Member?
        var isAsked = false
        var hasRefused = false
        /// When it was asked or answered last.
        var changedAt: Duration?
    }

    package static let countMax = 16
    /// Between two questions to one seed: while a member is out of reach, and otherwise.
    package static let searchInterval = Duration.seconds(1)
    package static let restInterval = Duration.seconds(30)
    /// A question that nobody has answered by then is asked again.
    private static let answerMax = Duration.seconds(15)

    private var seeds: [Seed] = []

    /// - Parameter endpoints: Peer addresses; the first `countMax` different ones count.
    package init(_ endpoints: [Endpoint]) {
        for endpoint in endpoints where self.seeds.count < Self.countMax {
            guard !self.seeds.contains(where: { $0.endpoint == endpoint }) else { continue }
            self.seeds.append(Seed(endpoint: endpoint))
        }
    }

    /// The nodes that were found at seeds, ascending.
    package var nodes: [NodeID] { Set(self.seeds.compactMap { $0.member?.id }).sorted() }

    /// The seed addresses at which a node was found.
    package func endpoints(of node: NodeID) -> [Endpoint] {
        self.seeds.filter { $0.member?.id == node }.map(\.endpoint)
    }

    /// - Returns: The seeds to ask now who they are.
    package mutating func due(at now: Duration, isSearching: Bool) -> [Endpoint] {
        var due: [Endpoint] = []
        for index in self.seeds.indices {
            let seed = self.seeds[index]
            let isSearched = isSearching && !seed.hasRefused
            let pause = seed.isAsked ? Self.answerMax : isSearched ? Self.searchInterval : Self.restInterval
            guard seed.changedAt.map({ now - $0 >= pause }) ?? true else { continue }
            self.seeds[index].isAsked = true
            self.seeds[index].changedAt = now
            due.append(seed.endpoint)
        }
        return due
    }

    /// - Returns: Whether another node than before is known there.
    package mutating func answered(_ endpoint: Endpoint, _ answer: Answer, at now: Duration) -> Bool {
        guard let index = self.seeds.firstIndex(where: { $0.endpoint == endpoint }) else { return false }
        self.seeds[index].isAsked = false
        self.seeds[index].changedAt = now
        switch answer {
        case .member(let member):
            self.seeds[index].hasRefused = false
            guard member.id != self.seeds[index].member?.id else { return false }
            self.seeds[index].member = member
            return true
        case .silence:
            // It says nothing about who will answer there when somebody does.
            self.seeds[index].hasRefused = false
            return false
        case .refusal:
            self.seeds[index].hasRefused = true
            defer { self.seeds[index].member = nil }
            return self.seeds[index].member != nil
        }
    }
}
