/// One line of a history: what one client of a mixed load did, in the order in which it did it.
///
/// Fields are separated by tabs, lines end with a newline; times are microseconds, the beginnings since 1970.
///
/// ```
/// H 1 CLIENT                                   the first line of a file; 1 is the version of the format
/// B NUMBER VERB KEY BEGAN SAW                  a write is about to be sent
/// E NUMBER OUTCOME TOOK WORDS                  it is over
/// R KEY BEGAN TOOK OUTCOME SAW                 a read is over
/// ```
///
/// `SAW` lists the writes whose values were read: by the read itself, or by the read from which the write has its
/// context (`OperationID`s, `-` for none). A `B` is written before the request leaves, so that a write without an `E`
/// is one whose fate is unknown. Keys hold no tab and no newline. A last line without its newline is ignored.
enum HistoryLine: Equatable {
    enum Verb: String {
        /// Last write wins.
        case set = "SET"
        case delete = "DEL"
        /// With a context.
        case put = "PUT"
        case cut = "CUT"

        var isDeletion: Bool { self == .delete || self == .cut }
    }

    enum Outcome: String {
        case acknowledged = "ok"
        /// It was never sent, or refused in a way that promises that nothing was stored.
        case failed
        /// It may or may not have happened, or may still happen.
        case unknown
    }

    case header(client: Int)
    case began(number: Int, Verb, key: String, at: Int, saw: [OperationID])
    case ended(number: Int, Outcome, took: Int, words: String)
    case read(key: String, at: Int, took: Int, Outcome, saw: [OperationID])

    private static let version = "1"

    var text: String {
        let fields: [String]
        switch self {
        case .header(let client):
            fields = ["H", Self.version, "\(client)"]
        case .began(let number, let verb, let key, let began, let saw):
            fields = ["B", "\(number)", verb.rawValue, key, "\(began)", OperationID.text(saw)]
        case .ended(let number, let outcome, let took, let words):
            let line = words.map { $0 == "\t" || $0.isNewline ? " " : $0 }
            fields = ["E", "\(number)", outcome.rawValue, "\(took)", String(line)]
        case .read(let key, let began, let took, let outcome, let saw):
            fields = ["R", key, "\(began)", "\(took)", outcome.rawValue, OperationID.text(saw)]
        }
        return fields.joined(separator: "\t")
    }

    /// - Returns: `nil` for what is no line of a history.
    init?(_ text: String) {
        let fields = text.split(separator: "\t", omittingEmptySubsequences: false)
        switch (fields.first, fields.count) {
        case ("H"?, 3):
            guard fields[1] == Self.version, let client = Int(fields[2]) else { return nil }
            self = .header(client: client)
        case ("B"?, 6):
            guard let number = Int(fields[1]), let verb = Verb(rawValue: String(fields[2])),
                let began = Int(fields[4]), let saw = OperationID.list(fields[5])
            else { return nil }
            self = .began(number: number, verb, key: String(fields[3]), at: began, saw: saw)
        case ("E"?, 5):
            guard let number = Int(fields[1]), let outcome = Outcome(rawValue: String(fields[2])),
                let took = Int(fields[3])
            else { return nil }
            self = .ended(number: number, outcome, took: took, words: String(fields[4]))
        case ("R"?, 6):
            guard let began = Int(fields[2]), let took = Int(fields[3]),
                let outcome = Outcome(rawValue: String(fields[4])), let saw = OperationID.list(fields[5])
            else { return nil }
            self = .read(key: String(fields[1]), at: began, took: took, outcome, saw: saw)
        default:
            return nil
        }
    }
}
