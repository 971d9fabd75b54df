import QuireCore

/// Where the operations of one event loop come from.
enum LoadSource: Sendable {
    /// By mix and distribution, without end.
    case drawn(LoadMix, KeyChooser, SeededGenerator)
    /// Each key of a stride put once, and then no more.
    case filling(next: Int, step: Int, end: Int)

    /// - Returns: `nil` when there are no more.
    mutating func next() -> LoadOperation? {
        switch self {
        case .drawn(let mix, let chooser, var generator):
            let kind = mix.draw(using: &generator)
            let operation = LoadOperation(kind: kind, key: chooser.draw(using: &generator))
            self = .drawn(mix, chooser, generator)
            return operation
        case .filling(let next, let step, let end):
            guard next < end else { return nil }
            self = .filling(next: next + step, step: step, end: end)
            return LoadOperation(kind: .put, key: next)
        }
    }
}
