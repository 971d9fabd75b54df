import QuireCore

/// Commands that become operations on the cluster.
extension ClientSession {
    private static let pageKeysDefault = 10
    private static let pageKeysMax = 1000

    /// - Returns: `nil` for a command that is not about data.
    func dataOutcome(_ command: Command, _ arguments: [[UInt8]]) -> Outcome? {
        switch command {
        case .get: return self.read(.value, arguments.dropFirst())
        case .strlen: return self.read(.length, arguments.dropFirst())
        case .type: return self.read(.type, arguments.dropFirst())
        case .exists: return self.read(.liveCount, arguments.dropFirst())
        case .mget: return self.read(.values, arguments.dropFirst())
        case .set: return self.set(arguments)
        case .mset: return self.setMany(arguments)
        case .del, .unlink: return self.delete(arguments)
        case .dbsize: return .execute(.keyCount, [.countKeys])
        case .scan: return self.scan(arguments)
        case .keys: return .reply(.error("ERR KEYS is not supported: use SCAN, which returns keys page by page"))
        case .quireGet: return self.causalRead(arguments)
        case .quirePut: return self.causalWrite(arguments, value: arguments[3], options: arguments.dropFirst(4))
        case .quireDelete: return self.causalWrite(arguments, value: nil, options: arguments.dropFirst(3))
        case .auth, .client, .cluster, .command, .config, .echo, .hello, .info, .ping, .quireLayout, .quit, .reset,
            .role, .select, .time:
            return nil
        }
    }

    private func read(_ shape: ReplyShape, _ names: ArraySlice<[UInt8]>) -> Outcome {
        var operations: [ClientOperation] = []
        operations.reserveCapacity(names.count)
        for name in names {
            guard let key = Key(name) else { return Self.refusedKey(name) }
            operations.append(.get(key, readQuorum: nil))
        }
        return .execute(shape, operations)
    }

    private func set(_ arguments: [[UInt8]]) -> Outcome {
        guard let key = Key(arguments[1]) else { return Self.refusedKey(arguments[1]) }
        if arguments.count > 3 {
            return .reply(
                Self.isSetOption(arguments[3]) ? ReplyText.unsupportedSetOption(arguments[3]) : ReplyText.syntax
            )
        }
        return .execute(.stored, [.put(PutRequest(key: key, value: arguments[2], supersession: .older))])
    }

    private static func isSetOption(_ option: [UInt8]) -> Bool {
        let known: Set = ["ex", "px", "exat", "pxat", "nx", "xx", "get", "keepttl", "ifeq", "ifne", "ifdeq", "ifdne"]
        return known.contains(String(decoding: option, as: UTF8.self).lowercased())
    }

    /// Of a key named twice the last value counts; the operations run in any order, so the first is left out.
    private func setMany(_ arguments: [[UInt8]]) -> Outcome {
        guard arguments.count % 2 == 1 else { return .reply(ReplyText.wrongArity(.mset)) }
        var positions: [Key: Int] = [:]
        var operations: [ClientOperation] = []
        for index in stride(from: 1, to: arguments.count, by: 2) {
            guard let key = Key(arguments[index]) else { return Self.refusedKey(arguments[index]) }
            let operation = ClientOperation.put(
                PutRequest(key: key, value: arguments[index + 1], supersession: .older)
            )
            if let position = positions[key] {
                operations[position] = operation
            } else {
                positions[key] = operations.count
                operations.append(operation)
            }
        }
        return .execute(.stored, operations)
    }

    /// A key named twice is deleted, and counted, once.
    private func delete(_ arguments: [[UInt8]]) -> Outcome {
        var seen: Set<Key> = []
        var operations: [ClientOperation] = []
        for name in arguments.dropFirst() {
            guard let key = Key(name) else { return Self.refusedKey(name) }
            if seen.insert(key).inserted {
                operations.append(.put(PutRequest(key: key, value: nil, supersession: .older)))
            }
        }
        return .execute(.deletedCount, operations)
    }

    private func causalRead(_ arguments: [[UInt8]]) -> Outcome {
        guard let key = Key(arguments[1]) else { return Self.refusedKey(arguments[1]) }
        do {
            let options = try CausalOptions(arguments.dropFirst(2), of: .read)
            return .execute(.siblings(key, options.form), [.get(key, readQuorum: options.quorum)])
        } catch {
            return .reply(error.reply)
        }
    }

    private func causalWrite(_ arguments: [[UInt8]], value: [UInt8]?, options: ArraySlice<[UInt8]>) -> Outcome {
        guard let key = Key(arguments[1]) else { return Self.refusedKey(arguments[1]) }
        do throws(CausalOptions.Refusal) {
            var options = try CausalOptions(options, of: .write)
            let token = try self.seen(arguments[2], for: key)
            options.form.preferredReplica = token?.preferredNode
            let put = PutRequest(
                key: key,
                value: value,
                supersession: token.map { .context($0.vector) } ?? .older,
                writeQuorum: options.quorum,
                durability: options.durability,
                preferredReplica: token?.preferredNode
            )
            return .execute(.context(key, options.form), [.put(put)])
        } catch {
            return .reply(error.reply)
        }
    }

    /// An empty text or a hyphen says that the client has read nothing: a blind write. An asterisk, `nil` here, replaces
    /// whatever is older, as the plain verbs do: the last write wins.
    private func seen(_ text: [UInt8], for key: Key) throws(CausalOptions.Refusal) -> ContextToken? {
        switch text {
        case [], [UInt8(ascii: "-")]:
            return ContextToken(vector: VersionVector())
        case [UInt8(ascii: "*")]:
            return nil
        default:
            do {
                return try self.contexts.open(text, for: key)
            } catch {
                throw CausalOptions.Refusal(reply: ReplyText.context(error))
            }
        }
    }

    private func scan(_ arguments: [[UInt8]]) -> Outcome {
        guard let cursor = Self.number(arguments[1], as: UInt64.self) else {
            return .reply(.error("ERR invalid cursor"))
        }
        guard arguments.count % 2 == 0 else { return .reply(ReplyText.syntax) }
        var pattern: GlobPattern?
        var limit = Self.pageKeysDefault
        var isOfWantedType = true
        for index in stride(from: 2, to: arguments.count, by: 2) {
            let value = arguments[index + 1]
            switch String(decoding: arguments[index], as: UTF8.self).lowercased() {
            case "match":
                guard let parsed = GlobPattern(value) else {
                    return .reply(.error("ERR a pattern has at most \(GlobPattern.bytesMax) bytes"))
                }
                pattern = parsed
            case "count":
                guard let number = Self.number(value, as: Int.self) else {
                    return .reply(.error("ERR value is not an integer or out of range"))
                }
                guard number > 0 else { return .reply(ReplyText.syntax) }
                limit = min(number, Self.pageKeysMax)
            case "type":
                isOfWantedType = String(decoding: value, as: UTF8.self).lowercased() == "string"
            default:
                return .reply(ReplyText.syntax)
            }
        }
        let operation = ClientOperation.scan(ScanCursor(rawValue: cursor), limit: limit)
        return .execute(.page(pattern, isOfWantedType: isOfWantedType), [operation])
    }

    private static func refusedKey(_ bytes: [UInt8]) -> Outcome {
        .reply(ReplyText.keyLength(bytes.count))
    }

    static func number<Number: FixedWidthInteger>(_ text: [UInt8], as type: Number.Type) -> Number? {
        guard let first = text.first, first != UInt8(ascii: "+") else { return nil }
        return Number(String(decoding: text, as: UTF8.self))
    }
}
