import Testing

@testable import QuireCore

@Suite struct ReplicaSetsTests {
    private let nodeCount = 7

    /// Looks at every choice of dead nodes.
    private func fatal(_ rows: [[Int]], ofSize size: Int) -> Int {
        let choices = (0..<1 << self.nodeCount).map { mask in (0..<self.nodeCount).filter { mask >> $0 & 1 == 1 } }
        return choices.count { dead in dead.count == size && rows.contains { Set(dead).isSuperset(of: $0) } }
    }

    @Test(arguments: UInt64(1)...60)
    func countsWhatAllChoicesOfDeadNodesGive(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let size = Int.random(in: 1...6, using: &random)
        let rows = (0..<Int.random(in: 1...20, using: &random)).map { _ in
            Array((0..<self.nodeCount).shuffled(using: &random).prefix(size))
        }
        let sets = ReplicaSets(rows)
        #expect(sets.count == Set(rows.map { Set($0) }).count)
        #expect(sets.count(ofSize: size) == self.fatal(rows, ofSize: size))
        #expect(sets.supersets(ofSize: size, among: self.nodeCount) == self.fatal(rows, ofSize: size + 1))
    }

    @Test func countsNothingThatWouldTakeTooLong() {
        // All have two nodes in common.
        let star = ReplicaSets((2..<1200).map { [0, 1, $0] })
        #expect(star.supersets(ofSize: 3, among: 1200) == nil)
    }
}
