import QuireCore

/// Commands about the server, as far as clients and tools look for them.
extension ClientSession {
    func introspection(_ command: Command, _ arguments: [[UInt8]], _ nowMilliseconds: UInt64) -> RESPValue {
        switch command {
        case .info:
            let sections = Set(arguments.dropFirst().map(Self.word))
            return .verbatim(format: "txt", text: Array(self.server.text(sections: sections, self.facts).utf8))
        case .config: return Self.config(arguments)
        case .command: return Self.describeCommands(arguments)
        case .role: return .array([.bulk("master"), .integer(0), .array([])])
        case .time:
            let microseconds = nowMilliseconds % 1000 * 1000
            return .array([.bulk(String(nowMilliseconds / 1000)), .bulk(String(microseconds))])
        case .quireLayout: return self.layout(knownTo: arguments.dropFirst())
        case .cluster: return .error("ERR This instance has cluster support disabled")
        case .auth, .client, .dbsize, .del, .echo, .exists, .get, .hello, .keys, .mget, .mset, .ping, .quireDelete,
            .quireGet, .quirePut, .quit, .reset, .scan, .select, .set, .strlen, .type, .unlink:
            return ReplyText.unexpectedResult
        }
    }

    /// `QUIRE.LAYOUT [known]`: null if the node knows nothing newer than the client.
    private func layout(knownTo arguments: ArraySlice<[UInt8]>) -> RESPValue {
        guard arguments.count < 2 else { return ReplyText.wrongArity(.quireLayout) }
        guard let layout = self.facts.layout else { return ReplyText.failure(.notInitialised) }
        guard let text = arguments.first else { return layout.reply }
        guard let known = Self.number(text, as: Int.self), known >= 0 else {
            return .error("ERR the version of a layout is a number: ask without one for the whole layout")
        }
        return layout.version > LayoutVersion(known) ? layout.reply : .null
    }

    /// Settings of Redis that clients and benchmarks ask for before they do anything else.
    private static let settings: [(name: String, value: String)] = [
        ("appendonly", "yes"), ("cluster-enabled", "no"), ("cluster-require-full-coverage", "no"), ("databases", "1"),
        ("maxmemory", "0"), ("replica-read-only", "yes"), ("save", ""), ("slave-read-only", "yes"), ("timeout", "0"),
    ]

    private static func config(_ arguments: [[UInt8]]) -> RESPValue {
        switch Self.word(arguments[1]) {
        case "get":
            guard arguments.count > 2 else {
                return .error("ERR wrong number of arguments for 'config|get' command")
            }
            let patterns = arguments.dropFirst(2).compactMap { GlobPattern(Array(Self.word($0).utf8)) }
            let found = Self.settings.filter { setting in
                patterns.contains { $0.matches(Array(setting.name.utf8)) }
            }
            return .map(found.map { .init(.bulk($0.name), .bulk($0.value)) })
        case "set":
            return .error("ERR CONFIG SET is not supported: change the node's configuration file")
        default:
            return ReplyText.unknownSubcommand(arguments[1], of: .config)
        }
    }

    private static func describeCommands(_ arguments: [[UInt8]]) -> RESPValue {
        guard arguments.count > 1 else { return .array(Command.allCases.map(Self.entry)) }
        let names = arguments.dropFirst(2)
        switch Self.word(arguments[1]) {
        case "count":
            return .integer(Int64(Command.allCases.count))
        case "list":
            return .array(Command.allCases.map { .bulk($0.rawValue) })
        case "info":
            let commands = names.isEmpty ? Command.allCases.map { $0 } : names.map(Command.init(name:))
            return .array(commands.map { $0.map(Self.entry) ?? .null })
        case "docs":
            let commands = names.isEmpty ? Command.allCases : names.compactMap(Command.init(name:))
            return .map(commands.map { .init(.bulk($0.rawValue), Self.documentation(of: $0)) })
        case "getkeys":
            return Self.keys(in: Array(names))
        default:
            return ReplyText.unknownSubcommand(arguments[1], of: .command)
        }
    }

    /// Ten elements, as in Redis 7: name, arity, flags, first key, last key, step, ACL categories, tips, key
    /// specifications, subcommands. The last four are empty: clients would route by tips that we do not mean.
    private static func entry(_ command: Command) -> RESPValue {
        let description = CommandDescription.of(command)
        return .array([
            .bulk(command.rawValue),
            .integer(Int64(description.arity)),
            .set(description.flags.map { .simple($0) }),
            .integer(Int64(description.firstKey)),
            .integer(Int64(description.lastKey)),
            .integer(Int64(description.keyStep)),
            .set([]),
            .array([]),
            .array([]),
            .array([]),
        ])
    }

    private static func documentation(of command: Command) -> RESPValue {
        let description = CommandDescription.of(command)
        return .map([
            .init(.bulk("summary"), .bulk(description.summary)),
            .init(.bulk("since"), .bulk("1.0.0")),
            .init(.bulk("group"), .bulk(description.group)),
        ])
    }

    private static func keys(in arguments: [[UInt8]]) -> RESPValue {
        guard let name = arguments.first, let command = Command(name: name) else {
            return .error("ERR Invalid command specified")
        }
        let description = CommandDescription.of(command)
        guard description.accepts(argumentCount: arguments.count) else {
            return .error("ERR Invalid number of arguments specified for command")
        }
        let positions = description.keyPositions(argumentCount: arguments.count)
        guard !positions.isEmpty else { return .error("ERR The command has no key arguments") }
        return .array(positions.map { .bulk(arguments[$0]) })
    }
}
