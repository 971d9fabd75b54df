import Foundation
import QuireCore

/// Layouts as the bytes that the layout log decides: the same wherever the same layout is encoded.
///
/// ```
/// layout      = byte 0x51, byte 2, bytes: head, nodes, rows, fences, moves, former rows      (and nothing after it)
/// head        = JSON with sorted keys: the layout with empty `rows`, `fences`, `moves` and `change.origin.rows`
/// nodes       = n: count, count × 8 bytes: ids that the rest names, big-endian, ascending
/// rows        = Q × row, by partition            row   = n: count, count × n: index of a node
/// fences      = Q × n: version, by partition
/// moves       = n: count, count × (n: partition, row: from, row: to, byte: phase, n: fence, n: count of receipts,
///               receipts); phase = 0 dualWrite, 1 readNew, 2 draining; + 4 for a reversal
/// receipt     = n: node, bytes: root, n: size, bytes: checksum, row: sources
/// former rows = n: count, count × (n: partition, row); those of `change.origin`
/// n           = unsigned, seven bits in a byte, the lowest first, all bytes but the last + 0x80; below 2^53
/// bytes       = n: count, count × byte
/// ```
///
/// With 4096 partitions and 100 members a layout takes 40 to 200 kB so, a sixth of its JSON; it is stored, and
/// sent to every member, at each step of a change. Layouts of earlier versions are JSON and begin with `{`.
enum LayoutCoding {
    private static let magic: [UInt8] = [0x51, 2]

    static func encode(_ layout: Layout) -> [UInt8] {
        let nodes = self.nodes(of: layout)
        var writer = LayoutWriter(nodes: nodes)
        writer.bytes += self.magic
        writer.append(bytes: self.json(self.head(of: layout)))
        writer.append(nodes.count)
        for node in nodes {
            writer.append(bigEndian: node.rawValue)
        }
        for row in layout.rows { writer.append(row) }
        for fence in layout.fences { writer.append(fence.rawValue) }
        writer.append(layout.moves.count)
        for move in layout.moves { self.write(move, to: &writer) }
        let former = layout.change?.origin?.rows ?? []
        writer.append(former.count)
        for row in former {
            writer.append(row.partition.rawValue)
            writer.append(row.row)
        }
        return writer.bytes
    }

    /// - Returns: `nil` for what is no layout. Whether it is a valid one is for `validate()` to say.
    static func decode(_ bytes: [UInt8]) -> Layout? {
        // Bytes of a peer that do not decode are refused by whoever asked; why is of no use to it.
        try? bytes.first == UInt8(ascii: "{") ? self.layout(json: bytes[...]) : self.decoded(bytes)
    }

    /// For people and archives.
    static func json(_ layout: Layout) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(layout))
        } catch {
            preconditionFailure("a layout that JSON cannot hold: \(error)")
        }
    }

    // MARK: Parts

    private static func head(of layout: Layout) -> Layout {
        var head = layout
        head.rows = []
        head.fences = []
        head.moves = []
        head.restoreOrigin(rows: [])
        return head
    }

    private static func nodes(of layout: Layout) -> [NodeID] {
        var nodes: Set<NodeID> = []
        for row in layout.rows { nodes.formUnion(row) }
        for move in layout.moves {
            nodes.formUnion(move.from)
            nodes.formUnion(move.to)
            for receipt in move.receipts {
                nodes.insert(receipt.node)
                nodes.formUnion(receipt.sources)
            }
        }
        for former in layout.change?.origin?.rows ?? [] { nodes.formUnion(former.row) }
        return nodes.sorted()
    }

    private static let phases: [PartitionMove.Phase] = [.dualWrite, .readNew, .draining]

    private static func write(_ move: PartitionMove, to writer: inout LayoutWriter) {
        writer.append(move.partition.rawValue)
        writer.append(move.from)
        writer.append(move.to)
        let phase = UInt8(self.phases.firstIndex(of: move.phase) ?? 0)
        writer.bytes.append(phase + (move.isReversal ? 4 : 0))
        writer.append(move.fence.rawValue)
        writer.append(move.receipts.count)
        for receipt in move.receipts {
            writer.append(node: receipt.node)
            writer.append(bytes: Array(receipt.root.utf8))
            writer.append(receipt.bytes)
            writer.append(bytes: Array(receipt.checksum.utf8))
            writer.append(receipt.sources)
        }
    }

    // MARK: Decoding

    private static func decoded(_ bytes: [UInt8]) throws -> Layout {
        var reader = LayoutReader(bytes[...])
        guard try reader.take(2).elementsEqual(self.magic) else { throw LayoutReader.Malformed() }
        var layout = try self.layout(json: try reader.takeBytes())
        guard layout.rows.isEmpty, layout.fences.isEmpty, layout.moves.isEmpty,
            layout.change?.origin?.rows.isEmpty ?? true
        else { throw LayoutReader.Malformed() }
        try reader.takeNodes()
        layout.rows = try (0..<layout.partitionCount.rawValue).map { _ in try reader.takeRow() }
        layout.fences = try layout.rows.map { _ in LayoutVersion(try reader.takeNumber()) }
        layout.moves = try (0..<(try reader.takeCount())).map { _ in try self.move(&reader) }
        let former = try (0..<(try reader.takeCount())).map { _ in
            LayoutChange.FormerRow(partition: PartitionID(try reader.takeNumber()), row: try reader.takeRow())
        }
        guard reader.isAtEnd, former.isEmpty || layout.change?.origin != nil else { throw LayoutReader.Malformed() }
        layout.restoreOrigin(rows: former)
        return layout
    }

    private static func move(_ reader: inout LayoutReader) throws -> PartitionMove {
        let partition = PartitionID(try reader.takeNumber())
        let from = try reader.takeRow()
        let to = try reader.takeRow()
        let phase = Int(try reader.takeByte())
        guard phase < 8, self.phases.indices.contains(phase & 3) else { throw LayoutReader.Malformed() }
        let fence = LayoutVersion(try reader.takeNumber())
        let receipts = try (0..<(try reader.takeCount())).map { _ in
            PartitionMove.Receipt(
                node: try reader.takeNode(),
                root: try reader.takeText(),
                bytes: try reader.takeNumber(),
                checksum: try reader.takeText(),
                sources: try reader.takeRow()
            )
        }
        return PartitionMove(
            partition: partition,
            from: from,
            to: to,
            phase: self.phases[phase & 3],
            fence: fence,
            isReversal: phase & 4 != 0,
            receipts: receipts
        )
    }

    /// Numbers far beyond what a cluster comes to are refused here, so that nothing overflows by counting on.
    private static func layout(json bytes: ArraySlice<UInt8>) throws -> Layout {
        let layout = try JSONDecoder().decode(Layout.self, from: Data(bytes))
        var numbers = [layout.version, layout.change?.beganAt, layout.change?.endedAt].compactMap { $0?.rawValue }
        numbers += layout.members.map(\.joinedAt.rawValue) + layout.lineage.recoveries.map(\.base.rawValue)
        numbers += layout.fences.map(\.rawValue) + layout.moves.flatMap { [$0.partition.rawValue, $0.fence.rawValue] }
        numbers += layout.moves.flatMap { $0.receipts.map(\.bytes) }
        numbers += layout.change?.origin?.rows.map(\.partition.rawValue) ?? []
        guard numbers.allSatisfy({ (0...LayoutReader.numberMax).contains($0) }) else { throw LayoutReader.Malformed() }
        return layout
    }
}

extension Layout {
    fileprivate mutating func restoreOrigin(rows: [LayoutChange.FormerRow]) {
        guard let origin = self.change?.origin else { return }
        self.change?.origin = LayoutChange.Origin(members: origin.members, quorums: origin.quorums, rows: rows)
    }
}
