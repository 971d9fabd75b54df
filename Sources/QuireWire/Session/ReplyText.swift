import QuireCore

/// The errors that a session answers, in one place: clients and people read them.
enum ReplyText {
    private static let echoedBytesMax = 128

    static func wrongArity(_ command: Command) -> RESPValue {
        .error("ERR wrong number of arguments for '\(command.rawValue)' command")
    }

    static func unknownCommand(_ arguments: [[UInt8]]) -> RESPValue {
        var echoed = ""
        for argument in arguments.dropFirst() where echoed.utf8.count < Self.echoedBytesMax {
            echoed += "'\(Self.text(argument.prefix(Self.echoedBytesMax - echoed.utf8.count)))' "
        }
        let name = Self.text(arguments[0].prefix(Self.echoedBytesMax))
        return .error("ERR unknown command '\(name)', with args beginning with: \(echoed)")
    }

    static func unknownSubcommand(_ name: [UInt8], of command: Command) -> RESPValue {
        .error(
            "ERR unknown subcommand '\(Self.text(name.prefix(Self.echoedBytesMax)))'. "
                + "Try \(command.rawValue.uppercased()) HELP."
        )
    }

    static func keyLength(_ bytes: Int) -> RESPValue {
        .error("ERR key of \(bytes) bytes: keys have 1 to \(Key.bytesMax) bytes; nothing was stored")
    }

    static func oversized(_ bytes: Int, maxBytes: Int) -> RESPValue {
        .error("ERR argument of \(bytes) bytes: values have at most \(maxBytes) bytes; nothing was stored")
    }

    static func unsupportedSetOption(_ option: [UInt8]) -> RESPValue {
        let name = Self.text(option.prefix(32)).uppercased()
        return .error("ERR SET option '\(name)' is not supported yet: only SET key value is; nothing was stored")
    }

    static func context(_ error: ContextError) -> RESPValue {
        switch error {
        case .malformed:
            .error("BADCONTEXT that is not a context: pass on the one that QUIRE.GET returned, or - for none")
        case .forged:
            .error("BADCONTEXT this cluster did not issue that context: read the key again with QUIRE.GET")
        case .otherKey:
            .error("BADCONTEXT that context is of another key: read this key with QUIRE.GET first")
        }
    }

    static func failure(_ failure: ClientFailure) -> RESPValue {
        switch failure {
        case .quorumLost(let acknowledged, let required, .read):
            .error("QUORUM \(acknowledged) of \(required) replicas answered the read in time; retry")
        case .quorumLost(let acknowledged, let required, .write):
            .error(
                "QUORUM \(acknowledged) of \(required) replicas acknowledged the write in time; "
                    + "the write may survive on some replicas; read before you retry"
            )
        case .notInitialised:
            .error("NOTREADY this node is not part of a cluster yet: initialise the cluster, or join the node to one")
        case .starting:
            .error("LOADING this node is starting and opens its storage; retry in a moment, or at another node")
        case .draining:
            .error("TRYAGAIN this node is under maintenance; retry at another node; nothing was stored")
        case .overloaded:
            .error("OVERLOADED too much work is waiting; retry in a moment")
        case .notDurable(let reason):
            .error("NOTDURABLE no replica could store the write durably: \(reason)")
        case .invalid(let reason):
            .error("ERR \(reason)")
        }
    }

    static let syntax = RESPValue.error("ERR syntax error")
    static let unexpectedResult = RESPValue.error("ERR internal: the answer does not fit the command; report this")
    static let noPassword = RESPValue.error(
        "ERR AUTH <password> called without any password configured for the default user. "
            + "Are you sure your configuration is correct?"
    )
    static let wrongPassword = RESPValue.error("WRONGPASS invalid username-password pair or user is disabled.")

    private static func text(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }
}
