import QuireCore

/// Writes the parts of a layout's bytes: see `LayoutCoding`.
struct LayoutWriter {
    var bytes: [UInt8] = []
    private let indexes: [NodeID: Int]

    /// - Parameter nodes: All that will be named.
    init(nodes: [NodeID]) {
        var indexes: [NodeID: Int] = [:]
        for (index, node) in nodes.enumerated() { indexes[node] = index }
        self.indexes = indexes
    }

    mutating func append(_ number: Int) {
        precondition((0...LayoutReader.numberMax).contains(number), "\(number) in a layout")
        var left = UInt64(number)
        while left >= 0x80 {
            self.bytes.append(UInt8(left & 0x7F) | 0x80)
            left >>= 7
        }
        self.bytes.append(UInt8(left))
    }

    mutating func append(bigEndian number: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) {
            self.bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
        }
    }

    mutating func append(bytes: [UInt8]) {
        self.append(bytes.count)
        self.bytes += bytes
    }

    mutating func append(node: NodeID) {
        guard let index = self.indexes[node] else { preconditionFailure("node \(node) is not among those named") }
        self.append(index)
    }

    mutating func append(_ row: [NodeID]) {
        self.append(row.count)
        for node in row { self.append(node: node) }
    }
}

/// Reads the parts of a layout's bytes, which come from a peer or from a file.
///
/// Whatever they claim, it takes memory in proportion to the bytes that are there: every element has at least one.
struct LayoutReader {
    struct Malformed: Error {}

    static let numberMax = 1 << 53 - 1

    private var left: ArraySlice<UInt8>
    private var nodes: [NodeID] = []

    init(_ bytes: ArraySlice<UInt8>) {
        self.left = bytes
    }

    var isAtEnd: Bool { self.left.isEmpty }

    mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count <= self.left.count else { throw Malformed() }
        defer { self.left = self.left.dropFirst(count) }
        return self.left.prefix(count)
    }

    mutating func takeByte() throws -> UInt8 {
        guard let byte = self.left.popFirst() else { throw Malformed() }
        return byte
    }

    mutating func takeNumber() throws -> Int {
        var number = 0
        for shift in stride(from: 0, to: 56, by: 7) {
            let byte = try self.takeByte()
            number |= Int(byte & 0x7F) << shift
            guard byte & 0x80 == 0 else { continue }
            // One number has one form, so that a layout has.
            guard number <= Self.numberMax, byte != 0 || shift == 0 else { throw Malformed() }
            return number
        }
        throw Malformed()
    }

    /// Of elements that follow.
    mutating func takeCount() throws -> Int {
        let count = try self.takeNumber()
        guard count <= self.left.count else { throw Malformed() }
        return count
    }

    mutating func takeBytes() throws -> ArraySlice<UInt8> {
        try self.take(try self.takeNumber())
    }

    mutating func takeText() throws -> String {
        guard let text = String(validating: try self.takeBytes(), as: UTF8.self) else { throw Malformed() }
        return text
    }

    /// The table that all later nodes are read from.
    mutating func takeNodes() throws {
        for _ in 0..<(try self.takeCount()) {
            let number = try self.take(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let node = NodeID(rawValue: number)
            if let last = self.nodes.last, last >= node { throw Malformed() }
            self.nodes.append(node)
        }
    }

    mutating func takeNode() throws -> NodeID {
        let index = try self.takeNumber()
        guard self.nodes.indices.contains(index) else { throw Malformed() }
        return self.nodes[index]
    }

    mutating func takeRow() throws -> [NodeID] {
        let count = try self.takeCount()
        var row: [NodeID] = []
        for _ in 0..<count { row.append(try self.takeNode()) }
        return row
    }
}
