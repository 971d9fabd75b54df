package import QuireCore

/// What a session knows of its node beside the request at hand; the shell renews it before every event.
package struct NodeFacts: Sendable {
    /// The layout that the node has adopted; `nil` while it belongs to no cluster.
    package var layout: PublishedLayout?
    package var routing: RoutingCounts

    package init(layout: PublishedLayout? = nil, routing: RoutingCounts = RoutingCounts()) {
        self.layout = layout
        self.routing = routing
    }
}

/// An adopted layout as clients are given it: made once, shared by all sessions.
package final class PublishedLayout: Sendable {
    package let table: RoutingTable
    let reply: RESPValue

    package init(_ table: RoutingTable) {
        self.table = table
        self.reply = table.reply
    }

    package var version: LayoutVersion { self.table.version }
}

/// How requests find their replicas, counted since the node started.
package struct RoutingCounts: Sendable, Hashable {
    /// Requests of clients for keys of which this node is a replica: no hop.
    package var atReplica: Int
    /// Requests of clients for keys that other nodes hold.
    package var elsewhere: Int
    /// Puts handed to a replica.
    package var putsForwarded: Int
    /// Puts that other nodes handed to this one.
    package var putsTakenOver: Int

    package init(atReplica: Int = 0, elsewhere: Int = 0, putsForwarded: Int = 0, putsTakenOver: Int = 0) {
        self.atReplica = atReplica
        self.elsewhere = elsewhere
        self.putsForwarded = putsForwarded
        self.putsTakenOver = putsTakenOver
    }

    package static func += (left: inout RoutingCounts, right: RoutingCounts) {
        left.atReplica += right.atReplica
        left.elsewhere += right.elsewhere
        left.putsForwarded += right.putsForwarded
        left.putsTakenOver += right.putsTakenOver
    }
}
