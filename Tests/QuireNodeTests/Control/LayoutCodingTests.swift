import Foundation
import QuireCore
import Testing

@testable import QuireNode

@Suite struct LayoutCodingTests {
    static func member(_ index: Int) -> Member {
        Member(
            id: NodeID(rawValue: UInt64(index) << 40 | 7),
            name: "n\(index)",
            zone: "z\(index % 3)",
            peer: Endpoint(host: "127.0.0.1", port: 7000 + index),
            proxy: Endpoint(host: "127.0.0.1", port: 7100 + index),
            http: Endpoint(host: "::1", port: 7200 + index)
        )
    }

    static func layout(partitions: PartitionCount = .standard) throws -> Layout {
        try LayoutPlanner.validatedInitial(
            clusterID: String(repeating: "ab", count: 16),
            members: (1...3).map(Self.member),
            partitionCount: partitions,
            quorums: QuorumSettings()
        )
    }

    /// One with everything that a layout can have: moves in each phase, receipts, a lineage, what a way back needs.
    static func busyLayout() throws -> Layout {
        var layout = try Self.layout(partitions: try #require(PartitionCount(16)))
        layout = try layout.staging(.join(Self.member(4))).staging(.join(Self.member(5)))
        layout = try layout.committing(try LayoutPlanner.plan(for: layout))
        for index in layout.moves.indices {
            layout.moves[index].phase = [.dualWrite, .readNew, .draining][index % 3]
            layout.moves[index].isReversal = index % 2 == 1
            layout.moves[index].fence = LayoutVersion(index * 1000)
            layout.moves[index].receipts = layout.moves[index].to.prefix(index % 4).map { node in
                PartitionMove.Receipt(
                    node: node,
                    root: String(repeating: "0f", count: 16),
                    bytes: 1 << 40 + index,
                    checksum: index % 2 == 0 ? "" : String(repeating: "c", count: 64),
                    sources: layout.moves[index].from
                )
            }
        }
        layout.lineage = LayoutLineage.first.recovering(id: "00000000000000aa", base: LayoutVersion(3))
        layout.version = LayoutVersion(2_000_000)
        layout.fences = layout.fences.indices.map { LayoutVersion($0 * 100) }
        layout.lost = layout.leaving
        return layout
    }

    @Test func givesTheSameBytesForTheSameLayout() throws {
        for layout in [try Self.layout(), try Self.busyLayout()] {
            let bytes = LayoutCoding.encode(layout)
            #expect(LayoutCoding.decode(bytes) == layout)
            #expect(LayoutCoding.encode(try #require(LayoutCoding.decode(bytes))) == bytes)
        }
        #expect(try Self.busyLayout().change?.origin?.rows.isEmpty == false)
    }

    /// A cluster of an earlier version has stored its layouts so; archives still do.
    @Test func readsJSONToo() throws {
        let layout = try Self.busyLayout()
        #expect(LayoutCoding.decode(LayoutCoding.json(layout)) == layout)
    }

    @Test func takesAFractionOfTheJSON() throws {
        let layout = try Self.layout(partitions: try #require(PartitionCount(4096)))
        #expect(LayoutCoding.encode(layout).count < LayoutCoding.json(layout).count / 4)
    }

    @Test func refusesWhatIsNotALayout() throws {
        for bytes in [LayoutCoding.encode(try Self.layout()), LayoutCoding.json(try Self.layout())] {
            #expect(LayoutCoding.decode(bytes) != nil)
            #expect(LayoutCoding.decode(bytes + [0]) == nil)
            let text = Data(bytes)
            let range = try #require(text.range(of: Data("\"partitionCount\":256".utf8)))
            var odd = bytes
            odd[range.upperBound - 1] = UInt8(ascii: "5")
            #expect(LayoutCoding.decode(odd) == nil)
        }
        #expect(LayoutCoding.decode([]) == nil)
        #expect(LayoutCoding.decode([0x51, 2]) == nil)
        #expect(LayoutCoding.decode([0x51, 3] + LayoutCoding.encode(try Self.layout()).dropFirst(2)) == nil)
    }

    /// Bytes come from peers: none may end the process, or make it take more memory than they are worth.
    @Test func everyCutIsRefused() throws {
        let bytes = LayoutCoding.encode(try Self.busyLayout())
        for count in 0..<bytes.count {
            #expect(LayoutCoding.decode(Array(bytes.prefix(count))) == nil)
        }
    }

    @Test func anyBytesAreALayoutOrAreRefused() throws {
        let bytes = LayoutCoding.encode(try Self.busyLayout())
        let headEnd = try #require(Data(bytes).range(of: Data("\"writeQuorum\"".utf8))).upperBound
        var generator = SeededGenerator(seed: 7)
        var decoded = 0
        for round in 0..<4000 {
            var changed = bytes
            // Half of them in the packed part.
            let places = round % 2 == 0 ? 2..<changed.count : headEnd..<changed.count
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                changed[Int.random(in: places, using: &generator)] = UInt8.random(in: .min ... .max, using: &generator)
            }
            guard let layout = LayoutCoding.decode(changed) else { continue }
            decoded += 1
            // Whatever was decoded can be judged, and passed on.
            try? layout.validate()
            #expect(LayoutCoding.decode(LayoutCoding.encode(layout)) == layout)
        }
        #expect(decoded > 100, "\(decoded)")
    }

    @Test func aNumberHasOneForm() throws {
        for bytes: [UInt8] in [[0x80, 0x00], [0xFF], Array(repeating: 0xFF, count: 9), []] {
            var reader = LayoutReader(bytes[...])
            #expect(throws: LayoutReader.Malformed.self) { try reader.takeNumber() }
        }
        for number in [0, 1, 127, 128, 300, LayoutReader.numberMax] {
            var writer = LayoutWriter(nodes: [])
            writer.append(number)
            var reader = LayoutReader(writer.bytes[...])
            #expect(try reader.takeNumber() == number)
            #expect(reader.isAtEnd)
        }
    }

    /// Versions are counted on from; a peer's must not overflow that.
    @Test func refusesVersionsBeyondAllBounds() throws {
        var layout = try Self.layout()
        layout.version = LayoutVersion(.max)
        #expect(LayoutCoding.decode(LayoutCoding.json(layout)) == nil)
        var negative = try Self.layout()
        negative.fences[3] = LayoutVersion(-1)
        #expect(LayoutCoding.decode(LayoutCoding.json(negative)) == nil)
        #expect(LayoutCoding.decode(LayoutCoding.encode(layout)) == nil)
    }
}
