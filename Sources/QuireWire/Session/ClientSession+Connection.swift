/// Commands about the connection itself.
extension ClientSession {
    /// - Returns: `nil` for a command that is not about the connection.
    mutating func connectionOutcome(_ command: Command, _ arguments: [[UInt8]]) -> Outcome? {
        switch command {
        case .ping: return .reply(Self.ping(arguments))
        case .echo: return .reply(.bulk(arguments[1]))
        case .hello: return .reply(self.hello(arguments.dropFirst()))
        case .auth: return .reply(Self.authenticate(arguments))
        case .select: return .reply(Self.select(arguments[1]))
        case .quit: return .replyAndClose(.ok)
        case .reset: return .reply(self.reset())
        case .client: return .reply(self.client(arguments))
        case .cluster, .command, .config, .dbsize, .del, .exists, .get, .info, .keys, .mget, .mset, .quireDelete,
            .quireGet, .quireLayout, .quirePut, .role, .scan, .set, .strlen, .time, .type, .unlink:
            return nil
        }
    }

    private static func ping(_ arguments: [[UInt8]]) -> RESPValue {
        switch arguments.count {
        case 1: .simple("PONG")
        case 2: .bulk(arguments[1])
        default: ReplyText.wrongArity(.ping)
        }
    }

    /// `HELLO [version [AUTH user password] [SETNAME name]]`. Nothing changes unless everything is acceptable.
    private mutating func hello(_ options: ArraySlice<[UInt8]>) -> RESPValue {
        var version = self.version
        var name = self.name
        if let text = options.first {
            guard let number = Self.number(text, as: Int.self) else {
                return .error("ERR Protocol version is not an integer or out of range")
            }
            guard let known = RESPVersion(rawValue: number) else {
                return .error("NOPROTO unsupported protocol version")
            }
            version = known
        }
        var rest = options.dropFirst()
        while let option = rest.popFirst() {
            switch (Self.word(option), rest.count) {
            case ("auth", 2...):
                let user = rest.removeFirst()
                rest.removeFirst()
                guard Self.word(user) == "default" else { return ReplyText.wrongPassword }
            case ("setname", 1...):
                name = rest.removeFirst()
                guard Self.isClientName(name) else { return Self.badClientName }
            default:
                return .error("ERR Syntax error in HELLO option '\(Self.word(option))'")
            }
        }
        self.version = version
        self.name = name
        return self.greeting
    }

    private var greeting: RESPValue {
        .map([
            .init(.bulk("server"), .bulk("redis")),
            .init(.bulk("version"), .bulk(ServerInfo.redisVersion)),
            .init(.bulk("proto"), .integer(Int64(self.version.rawValue))),
            .init(.bulk("id"), .integer(self.id)),
            .init(.bulk("mode"), .bulk("standalone")),
            .init(.bulk("role"), .bulk("master")),
            .init(.bulk("modules"), .array([])),
        ])
    }

    /// No password is configured, so the default user has any; as in Redis.
    private static func authenticate(_ arguments: [[UInt8]]) -> RESPValue {
        switch arguments.count {
        case 2: ReplyText.noPassword
        case 3: Self.word(arguments[1]) == "default" ? .ok : ReplyText.wrongPassword
        default: ReplyText.syntax
        }
    }

    private static func select(_ text: [UInt8]) -> RESPValue {
        switch Self.number(text, as: Int.self) {
        case 0: .ok
        case nil: .error("ERR invalid DB index")
        default: .error("ERR SELECT is not allowed in cluster mode")
        }
    }

    private mutating func reset() -> RESPValue {
        self.version = .two
        self.name = []
        return .simple("RESET")
    }

    private mutating func client(_ arguments: [[UInt8]]) -> RESPValue {
        let values = arguments.dropFirst(2)
        switch (Self.word(arguments[1]), values.count) {
        case ("id", 0): return .integer(self.id)
        case ("getname", 0): return self.name.isEmpty ? .null : .bulk(self.name)
        case ("setname", 1): return self.setName(arguments[2])
        case ("setinfo", 2): return self.setLibrary(arguments[2], arguments[3])
        case ("info", 0), ("list", 0...): return .verbatim(format: "txt", text: self.clientLine)
        case ("no-evict", 1), ("no-touch", 1): return self.onOrOff(arguments[2])
        case ("maint_notifications", 1...):
            return self.version == .three
                ? .ok : .error("ERR CLIENT MAINT_NOTIFICATIONS needs RESP3: send HELLO 3 first")
        case ("help", 0):
            return .array(Self.clientHelp.map { .simple($0) })
        case ("id", _), ("getname", _), ("setname", _), ("setinfo", _), ("info", _), ("no-evict", _), ("no-touch", _),
            ("maint_notifications", _), ("help", _):
            return .error("ERR wrong number of arguments for 'client|\(Self.word(arguments[1]))' command")
        default:
            return ReplyText.unknownSubcommand(arguments[1], of: .client)
        }
    }

    private mutating func setName(_ name: [UInt8]) -> RESPValue {
        guard Self.isClientName(name) else { return Self.badClientName }
        self.name = name
        return .ok
    }

    private mutating func setLibrary(_ attribute: [UInt8], _ value: [UInt8]) -> RESPValue {
        guard Self.isClientName(value) else {
            return .error("ERR \(Self.word(attribute)) cannot contain spaces, newlines or special characters.")
        }
        switch Self.word(attribute) {
        case "lib-name": self.libraryName = value
        case "lib-ver": self.libraryVersion = value
        default: return .error("ERR Unrecognized option '\(Self.word(attribute))'")
        }
        return .ok
    }

    private func onOrOff(_ value: [UInt8]) -> RESPValue {
        ["on", "off"].contains(Self.word(value)) ? .ok : ReplyText.syntax
    }

    private var clientLine: [UInt8] {
        Array("id=\(self.id) name=".utf8) + self.name + Array(" db=0 resp=\(self.version.rawValue) lib-name=".utf8)
            + self.libraryName + Array(" lib-ver=".utf8) + self.libraryVersion + Array("\n".utf8)
    }

    private static let clientHelp = [
        "CLIENT <subcommand> [<arg> ...]: GETNAME, HELP, ID, INFO, LIST, MAINT_NOTIFICATIONS, NO-EVICT, NO-TOUCH,",
        "SETINFO, SETNAME. LIST and INFO describe this connection only.",
    ]

    private static let badClientName = RESPValue.error(
        "ERR Client names cannot contain spaces, newlines or special characters."
    )

    private static func isClientName(_ name: [UInt8]) -> Bool {
        name.count <= 256 && name.allSatisfy { (0x21...0x7E).contains($0) }
    }

    /// An option or subcommand in lower case, short enough to be echoed.
    static func word(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(128), as: UTF8.self).lowercased()
    }
}
