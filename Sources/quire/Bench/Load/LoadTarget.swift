import ArgumentParser

/// Which kind of server a load is put on.
enum LoadTarget: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// RESP2 to the token holder of each key, by the layout that the nodes publish.
    case quire
    /// RESP2 to the master of each key's slot, by `CLUSTER SLOTS`.
    case redis
    /// gRPC over HTTP/2 to any member: linearizable reads, the server's own default.
    case etcd
}
