import QuireCore

/// What may follow the arguments of a causal verb, in any order and each at most once.
///
/// - `R n`, `W n`: another quorum than the cluster's.
/// - `DURABILITY all|one|buffered`: what the acknowledgements of a write promise.
/// - `NEWEST`: of the siblings only the one that a plain read shows, and no context: a writer who has not seen the
///   others cannot replace them.
/// - `LAYOUT v`: the layout by which the client has come here; the answer tells if the node knows a newer one.
struct CausalOptions {
    enum Verb {
        case read
        case write
    }

    /// What to answer instead.
    struct Refusal: Error {
        let reply: RESPValue
    }

    private(set) var quorum: Int?
    private(set) var durability: Durability?
    var form = CausalForm()

    init(_ arguments: ArraySlice<[UInt8]>, of verb: Verb) throws(Refusal) {
        var rest = arguments
        var seen: Set<String> = []
        while let option = rest.popFirst() {
            let name = String(decoding: option.prefix(16), as: UTF8.self).uppercased()
            guard seen.insert(name).inserted else { throw Refusal(reply: ReplyText.syntax) }
            switch (name, verb) {
            case ("R", .read), ("W", .write):
                self.quorum = try Self.number(rest.popFirst(), "\(name) must be a positive integer", in: 1...Int.max)
            case ("DURABILITY", .write):
                let word = String(decoding: rest.popFirst()?.prefix(16) ?? [], as: UTF8.self).lowercased()
                guard let durability = Durability(rawValue: word) else {
                    throw Refusal(reply: .error("ERR DURABILITY must be all, one or buffered"))
                }
                self.durability = durability
            case ("LAYOUT", _):
                let version = try Self.number(rest.popFirst(), "LAYOUT must be a version", in: 0...Int.max)
                self.form.knownLayout = LayoutVersion(version)
            case ("NEWEST", .read):
                self.form.isNewestOnly = true
            default:
                throw Refusal(reply: ReplyText.syntax)
            }
        }
    }

    private static func number(
        _ text: [UInt8]?,
        _ complaint: String,
        in range: ClosedRange<Int>
    ) throws(Refusal) -> Int {
        guard let text else { throw Refusal(reply: ReplyText.syntax) }
        guard let number = ClientSession.number(text, as: Int.self), range.contains(number) else {
            throw Refusal(reply: .error("ERR \(complaint)"))
        }
        return number
    }
}
