import QuireCore

/// What a planned change would carry over which link, into which node, and how long it would take.
///
/// From the sizes of the files now. Files that moved away are kept in `retired/` for a time: nothing gets smaller while the
/// change runs, so the peak of a disk is what it holds and what it receives.
struct ChangeForecast: Equatable {
    struct Link: Hashable {
        let from: NodeID
        let to: NodeID
    }

    /// `nil` when no holder of some partition has told its size.
    private(set) var incoming: [NodeID: Int]? = [:]
    private(set) var links: [Link: Int] = [:]

    /// - Parameter sizes: Of the partitions' files, by member; a member that did not answer is missing.
    init(_ plan: LayoutPlan, _ layout: Layout, sizes: [NodeID: [Int: Int]], reachable: Set<NodeID>) {
        for move in plan.moves {
            let partition = move.partition.rawValue
            let row = layout.readRow(of: move.partition)
            guard let size = row.compactMap({ node in sizes[node].map { $0[partition] ?? 0 } }).max() else {
                self.incoming = nil
                continue
            }
            self.incoming?[move.to, default: 0] += size
            // As newcomers choose whom to copy from: another one for each partition.
            let sources = row.filter { $0 != move.to && reachable.contains($0) }
            guard !sources.isEmpty else { continue }
            self.links[Link(from: sources[partition % sources.count], to: move.to), default: 0] += size
        }
    }

    /// The busiest links first; of equals the one of the lowest ids.
    var busiest: [(link: Link, bytes: Int)] {
        self.links.map { (link: $0.key, bytes: $0.value) }.sorted { left, right in
            left.bytes != right.bytes
                ? left.bytes > right.bytes : (left.link.from, left.link.to) < (right.link.from, right.link.to)
        }
    }

    /// For as long as the node that receives most needs, at so many bytes per second into each node.
    func seconds(at bytesPerSecond: Int) -> Int? {
        guard let most = self.incoming?.values.max(), bytesPerSecond > 0 else { return nil }
        return (most + bytesPerSecond - 1) / bytesPerSecond
    }
}
