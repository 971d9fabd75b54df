/// The places that keys hash to: `0..<HashSpace.size`, a ring.
///
/// 60 bits, so that the lengths of all ranges, N times over, add up without overflow.
package enum HashSpace {
    package static let size = 1 << 60

    /// Where the first `index` of `count` equal parts end.
    package static func end(ofPart index: Int, of count: Int) -> Int {
        let product = index.multipliedFullWidth(by: Self.size)
        return count.dividingFullWidth(product).quotient
    }
}

/// Which nodes serve which part of the hash space: ranges in ascending order, each with its preference list.
///
/// Invariant: the ends ascend and the last one is `HashSpace.size`; every range has `rowSize` nodes.
package struct RangeMap: Equatable, Sendable {
    package let rowSize: Int
    /// Exclusive; a range begins where the one before it ends. Ranges may be empty.
    package private(set) var ends: [Int] = []
    /// The rows of all ranges, one after the other.
    private var nodes: [Int] = []

    package init(rowSize: Int) {
        precondition(rowSize > 0, "ranges that nobody serves")
        self.rowSize = rowSize
    }

    package mutating func reserveCapacity(_ ranges: Int) {
        self.ends.reserveCapacity(ranges)
        self.nodes.reserveCapacity(ranges * self.rowSize)
    }

    /// - Parameter row: `rowSize` nodes, by their index.
    package mutating func append(end: Int, row: some Collection<Int>) {
        precondition(row.count == self.rowSize, "\(row.count) nodes for \(self.rowSize) replicas")
        precondition((self.ends.last ?? 0) <= end && end <= HashSpace.size, "a range that ends at \(end)")
        self.ends.append(end)
        self.nodes.append(contentsOf: row)
    }

    package func row(ofRange index: Int) -> ArraySlice<Int> {
        self.nodes[index * self.rowSize..<(index + 1) * self.rowSize]
    }
}
