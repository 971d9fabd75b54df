import ArgumentParser

/// What became of a causal write.
struct KVWriting: Encodable {
    let key: String
    let context: String
    let siblings: Int
}

/// `quire kv put KEY VALUE`.
struct KVPut: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Write a key.",
        discussion: """
            Without --context the write is plain: it replaces what was written before it (last write wins). With \
            the context of a read it replaces exactly the siblings of that read; a write that the reader did not \
            see stays as a sibling. `--context -` is a blind causal write.
            """
    )

    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The key.")
    var key: String

    @Argument(help: "The value; `-` reads standard input.")
    var value: String

    @Option(name: .long, help: "The context of the read that this write reconciles.")
    var context: String?

    @Option(name: .long, help: "W of this write; more than the cluster's, not less. Needs --context.")
    var writeQuorum: Int?

    var format: OutputFormat { self.output.output }

    func validate() throws {
        guard self.writeQuorum == nil || self.context != nil else {
            throw ValidationError("--write-quorum needs --context (`-` for none).")
        }
    }

    func run() async throws {
        let key = Array(self.key.utf8)
        let value = self.value == "-" ? try Self.standardInput() : Array(self.value.utf8)
        let session = ProxySession(try self.proxy.addresses)
        guard let context = self.context else {
            _ = try await session.ask([Array("SET".utf8), key, value])
            await session.close()
            return try Report.result(["key": self.key], as: self.format) { "stored" }
        }
        var command = [Array("QUIRE.PUT".utf8), key, Array(context.utf8), value]
        if let quorum = self.writeQuorum { command += [Array("W".utf8), Array(String(quorum).utf8)] }
        let reply = try await session.ask(command)
        await session.close()
        try KVPut.report(reply, key: self.key, as: self.format)
    }

    static func report(_ reply: ProxyReply, key: String, as format: OutputFormat) throws {
        guard case .bytes(let context)? = reply.field("context") else {
            throw CommandFailure("bad_answer", "not a reply to a causal write: \(reply.words)")
        }
        var siblings = 1
        if case .integer(let count)? = reply.field("siblings") { siblings = count }
        let writing = KVWriting(key: key, context: String(decoding: context, as: UTF8.self), siblings: siblings)
        try Report.result(writing, as: format) {
            "stored; siblings now \(siblings)\ncontext \(writing.context)"
        }
    }

    private static func standardInput() throws -> [UInt8] {
        let source = try FileByteSource(path: "-")
        var bytes: [UInt8] = []
        while true {
            let piece = try source.read(maxBytes: 1 << 16)
            if piece.isEmpty { return bytes }
            bytes += piece
            guard bytes.count <= 64 << 20 else {
                throw CommandFailure("value_too_large", "standard input holds more than 64 MiB: no cluster takes that")
            }
        }
    }
}

/// `quire kv delete KEY`.
struct KVDelete: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a key.",
        discussion: "With the context of a read only what that read saw is deleted; later writes stay."
    )

    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The key.")
    var key: String

    @Option(name: .long, help: "The context of the read whose siblings are deleted.")
    var context: String?

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let session = ProxySession(try self.proxy.addresses)
        guard let context = self.context else {
            let reply = try await session.ask(["DEL", self.key])
            await session.close()
            let wasThere = reply == .integer(1)
            return try Report.result(["deleted": wasThere], as: self.format) {
                wasThere ? "deleted" : "there was no value"
            }
        }
        let reply = try await session.ask(["QUIRE.DEL", self.key, context])
        await session.close()
        try KVPut.report(reply, key: self.key, as: self.format)
    }
}
