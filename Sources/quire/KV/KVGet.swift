import ArgumentParser
import Foundation

/// What a causal read found: every sibling, and the context for the write that reconciles them.
struct KVReading: Encodable {
    let key: String
    let context: String
    let values: [String]
    /// The same in base64 where a value is no UTF-8 text.
    let valuesBase64: [String]?

    enum CodingKeys: String, CodingKey {
        case key
        case context
        case values
        case valuesBase64 = "values_base64"
    }

    /// - Parameter siblings: As the node sent them.
    init(key: String, context: String, siblings: [[UInt8]]) {
        self.key = key
        self.context = context
        self.values = siblings.map { String(decoding: $0, as: UTF8.self) }
        let isText = siblings.allSatisfy { String(validating: $0, as: UTF8.self) != nil }
        self.valuesBase64 = isText ? nil : siblings.map { Data($0).base64EncodedString() }
    }
}

/// `quire kv get KEY`.
struct KVGet: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Read a key: its value, or all its siblings.",
        discussion: """
            A single value is written to standard output byte for byte. Siblings are concurrent writes that \
            nobody has reconciled: they are listed with the context for `quire kv put KEY VALUE --context …`, \
            which replaces them all. A key without a value ends with exit code 1.
            """
    )

    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The key.")
    var key: String

    @Flag(name: .long, help: "Also print the context (on standard error in text form).")
    var context = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let session = ProxySession(try self.proxy.addresses)
        let reply = try await session.ask(["QUIRE.GET", self.key])
        await session.close()
        guard case .bytes(let context)? = reply.field("context"), case .array(let items)? = reply.field("siblings")
        else {
            guard reply == .null else { throw CommandFailure("bad_answer", "not a QUIRE.GET reply: \(reply.words)") }
            throw CommandFailure("not_found", "no value under “\(self.key)”")
        }
        let siblings = items.compactMap { item in
            if case .bytes(let bytes) = item { return bytes }
            return nil
        }
        try self.report(siblings, context: String(decoding: context, as: UTF8.self))
        guard !siblings.isEmpty else {
            throw CommandFailure("not_found", "no value under “\(self.key)” (it was deleted)")
        }
    }

    private func report(_ siblings: [[UInt8]], context: String) throws {
        guard self.format == .text else {
            let reading = KVReading(key: self.key, context: context, siblings: siblings)
            return try Report.result(reading, as: self.format) { "" }
        }
        if self.context { Console.err("context \(context)") }
        if siblings.count <= 1 {
            for sibling in siblings { Console.write(sibling + [LineReader.newline], to: Console.outputDescriptor) }
            return
        }
        for (index, sibling) in siblings.enumerated() {
            Console.out("--- sibling \(index + 1) of \(siblings.count)")
            Console.write(sibling + [LineReader.newline], to: Console.outputDescriptor)
        }
        Console.err("\(siblings.count) siblings: reconcile with  quire kv put \(self.key) VALUE --context \(context)")
    }
}

/// `quire kv scan`.
struct KVScan: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "List the keys, one per line, in no particular order."
    )

    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Only keys that match this pattern (*, ?, [a-z]).")
    var match: String?

    @Option(name: .long, help: "Stop after so many keys.")
    var limit: Int?

    var format: OutputFormat { self.output.output }

    func run() async throws {
        var scan = KeyScan(ProxySession(try self.proxy.addresses), match: self.match)
        var listed: [String] = []
        var count = 0
        pages: while let page = try await scan.nextPage() {
            for key in page {
                if let limit = self.limit, count >= limit { break pages }
                count += 1
                switch self.format {
                case .text: Console.write(key + [LineReader.newline], to: Console.outputDescriptor)
                case .ndjson:
                    Console.out(try Report.encoded(["key": String(decoding: key, as: UTF8.self)], pretty: false))
                case .json: listed.append(String(decoding: key, as: UTF8.self))
                }
            }
        }
        if self.format == .json { try Report.result(listed, as: .json) { "" } }
        await scan.session.close()
    }
}

/// Walks over all keys of a cluster, page by page; a key may come twice, none that stays is left out.
struct KeyScan {
    let session: ProxySession
    private let match: String?
    /// `nil` when the scan has ended.
    private var cursor: [UInt8]? = Array("0".utf8)

    init(_ session: ProxySession, match: String? = nil) {
        self.session = session
        self.match = match
    }

    /// - Returns: `nil` at the end; a page may be empty.
    mutating func nextPage() async throws -> [[UInt8]]? {
        guard let cursor = self.cursor else { return nil }
        var command = [Array("SCAN".utf8), cursor, Array("COUNT".utf8), Array("500".utf8)]
        if let match = self.match { command += [Array("MATCH".utf8), Array(match.utf8)] }
        let reply = try await self.retried(command)
        guard case .array(let parts) = reply, parts.count == 2, case .bytes(let next) = parts[0],
            case .array(let items) = parts[1]
        else { throw CommandFailure("bad_answer", "not a SCAN reply: \(reply.words.prefix(200))") }
        self.cursor = next == Array("0".utf8) ? nil : next
        return items.compactMap { item in
            if case .bytes(let bytes) = item { return bytes }
            return nil
        }
    }

    /// A scan only reads: it may be asked again when a node is busy or goes away.
    private func retried(_ command: [[UInt8]]) async throws -> ProxyReply {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let reply = try await self.session.send([command], patience: .seconds(30)).first ?? .null
            guard case .error(let text) = reply else { return reply }
            guard reply.isRetriable, ContinuousClock.now < deadline else {
                throw CommandFailure(text.prefix { $0 != " " }.lowercased(), text)
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
