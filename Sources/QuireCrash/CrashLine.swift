import QuireCore

/// What a worker tells, one line each, fields separated by spaces.
enum CrashLine: Equatable {
    /// The engine is open.
    case ready
    /// A version is about to be written.
    case writeBegan(id: UInt64, key: Int, isHints: Bool)
    /// It has its dot, and may be seen by others.
    case minted(id: UInt64, Dot)
    /// It is durable, as a part of this record.
    case writeAcknowledged(id: UInt64, Record)
    /// A hint is about to be dropped, if it is still this record.
    case dropBegan(id: UInt64, key: Int, Record)
    case dropAcknowledged(id: UInt64)
    /// What happens to whole files; for whoever reads of a failure.
    case step(String)

    init?(_ text: Substring) {
        let fields = text.split(separator: " ", omittingEmptySubsequences: false)
        guard let verb = fields.first else { return nil }
        let id = fields.count > 1 ? UInt64(fields[1]) : nil
        switch (verb, fields.count, id) {
        case ("ready", 1, _): self = .ready
        case ("begin", 4, .some(let id)):
            guard let key = Int(fields[2]) else { return nil }
            self = .writeBegan(id: id, key: key, isHints: fields[3] == "hints")
        case ("minted", 4, .some(let id)):
            guard let actor = UInt64(fields[2]), let counter = UInt64(fields[3]) else { return nil }
            self = .minted(id: id, Dot(actor: ActorID(rawValue: actor), counter: counter))
        case ("done", 3, .some(let id)):
            guard let record = Self.record(fields[2]) else { return nil }
            self = .writeAcknowledged(id: id, record)
        case ("drop", 4, .some(let id)):
            guard let key = Int(fields[2]), let record = Self.record(fields[3]) else { return nil }
            self = .dropBegan(id: id, key: key, record)
        case ("dropped", 2, .some(let id)): self = .dropAcknowledged(id: id)
        case ("step", 2..., _): self = .step(fields.dropFirst().joined(separator: " "))
        default: return nil
        }
    }

    var text: String {
        switch self {
        case .ready: "ready"
        case .writeBegan(let id, let key, let isHints): "begin \(id) \(key) \(isHints ? "hints" : "replica")"
        case .minted(let id, let dot): "minted \(id) \(dot.actor.rawValue) \(dot.counter)"
        case .writeAcknowledged(let id, let record): "done \(id) \(Hexadecimal.encode(record.encoded()))"
        case .dropBegan(let id, let key, let record): "drop \(id) \(key) \(Hexadecimal.encode(record.encoded()))"
        case .dropAcknowledged(let id): "dropped \(id)"
        case .step(let text): "step \(text)"
        }
    }

    private static func record(_ text: Substring) -> Record? {
        Hexadecimal.decode(String(text)).flatMap { try? Record(encoded: $0) }
    }
}
