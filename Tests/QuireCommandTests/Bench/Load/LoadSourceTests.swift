import QuireCore
import Testing

@testable import quire

@Suite struct LoadSourceTests {
    @Test func fillsEveryKeyOnceBetweenTwoLoops() {
        var keys: [Int] = []
        for place in 0..<2 {
            var source = LoadSource.filling(next: place, step: 2, end: 7)
            while let operation = source.next() {
                #expect(operation.kind == .put)
                keys.append(operation.key)
            }
            #expect(source.next() == nil)
        }
        #expect(keys.sorted() == Array(0..<7))
    }

    @Test func drawsKeysInRangeWithoutEnd() {
        let chooser = KeyChooser(.zipf(exponent: 0.99), count: 5)
        var source = LoadSource.drawn(LoadMix(put: 1, get: 1), chooser, SeededGenerator(seed: 1))
        let operations = (0..<1000).compactMap { _ in source.next() }
        #expect(operations.count == 1000)
        #expect(operations.allSatisfy { (0..<5).contains($0.key) })
        #expect(Set(operations.map(\.kind)) == [.put, .get])
    }
}
