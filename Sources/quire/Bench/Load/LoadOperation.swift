/// One operation of a load: what is done to which of the numbered keys.
struct LoadOperation: Sendable, Equatable {
    enum Kind: String, Sendable, CaseIterable {
        case put
        case get
    }

    let kind: Kind
    let key: Int
}

/// How an operation has ended.
enum LoadOutcome: Equatable {
    case succeeded
    /// With a word for its kind; the words of one kind are the same, so that they can be counted.
    case failed(String)
}
