/// One life of one partition replica: the identity under which it mints versions.
///
/// The id is random. A replica whose file was created, refetched, restored or not stopped cleanly begins a
/// new life under a fresh id, so that a dot is never issued twice (Dynamo §4.4; Riak's kv679 is what happens
/// without this).
package struct ActorID: Hashable, Sendable, Comparable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static func < (left: ActorID, right: ActorID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The identity of one version: the actor that minted it and that actor's counter, from 1.
///
/// The order is only for canonical encoding and for breaking ties; it says nothing about causality.
package struct Dot: Hashable, Sendable, Comparable {
    package let actor: ActorID
    package let counter: UInt64

    package init(actor: ActorID, counter: UInt64) {
        self.actor = actor
        self.counter = counter
    }

    package static func < (left: Dot, right: Dot) -> Bool {
        (left.actor, left.counter) < (right.actor, right.counter)
    }
}
