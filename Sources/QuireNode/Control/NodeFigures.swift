import QuireCore
import QuireStorage

/// Measures what a node wants the others to know of it.
enum NodeFigures {
    static func measure(_ services: NodeServices, of node: NodeRuntime) async -> GossipFigures {
        var figures = GossipFigures()
        figures[.lastSnapshotMilliseconds] = node.lastSnapshot?.beganMilliseconds
        figures[.draining] = node.isDraining ? 1 : nil
        // A storage that is stopping has no figures, and nobody needs them any more.
        guard let statistics = try? await services.storage.engine.statistics() else { return figures }
        let hints = statistics.hints
        figures[.quarantinedPartitions] = statistics.quarantined.count
        figures[.hintCount] = hints.records
        figures[.hintBytes] = hints.bytes
        // Whole seconds: a figure that changes by itself would be told again and again.
        figures[.hintOldestMilliseconds] = hints.oldestAgeMilliseconds.map { age in
            (Int(MachineClock.wallMilliseconds) - Int(min(age, 1 << 50))) / 1000 * 1000
        }
        return figures
    }
}
