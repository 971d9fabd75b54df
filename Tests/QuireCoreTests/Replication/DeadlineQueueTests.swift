import Testing

@testable import QuireCore

@Suite struct DeadlineQueueTests {
    /// In whatever order alarms come, they go by time, and those of one time by id.
    @Test(arguments: [UInt64](1...20))
    func popsInTheOrderOfTime(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = DeadlineQueue()
        var expected: [(time: Int, id: UInt64)] = []
        var popped: [UInt64] = []
        var now = 0
        for id in 1...400 as ClosedRange<UInt64> {
            let delay = [200, 400, 2000, Int.random(in: 0...3000, using: &random)].randomElement(using: &random) ?? 0
            queue.insert(.deadline(id), at: .milliseconds(now + delay))
            expected.append((now + delay, id))
            now += Int.random(in: 0...20, using: &random)
            var due: [(time: Int, id: UInt64)] = []
            while let alarm = queue.popPassed(.milliseconds(now)) {
                popped.append(alarm.id)
                due.append((0, alarm.id))
            }
            let passed = expected.filter { $0.time <= now }.sorted { ($0.time, $0.id) < ($1.time, $1.id) }
            #expect(due.map(\.id) == passed.map(\.id))
            expected.removeAll { $0.time <= now }
        }
        while let alarm = queue.popPassed(.seconds(60)) { popped.append(alarm.id) }
        #expect(popped.count == 400)
        #expect(Set(popped).count == 400)
    }
}
