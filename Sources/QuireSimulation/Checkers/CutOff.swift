package import QuireCore

/// What both sides of a cut cluster did meanwhile.
package struct CutOff: Sendable {
    /// Per node, in the order of their numbers.
    package private(set) var versionsBefore: [LayoutVersion] = []
    package private(set) var versionsAfter: [LayoutVersion] = []
    /// By the number of the node that was asked.
    package private(set) var reads: [Int: Int] = [:]
    package private(set) var writes: [Int: Int] = [:]

    mutating func began(with versions: [LayoutVersion]) {
        self.versionsBefore = versions
    }

    mutating func ended(with versions: [LayoutVersion]) {
        self.versionsAfter = versions
    }

    mutating func answered(_ result: ClientResult, by node: Int) {
        guard !self.versionsBefore.isEmpty else { return }
        switch result {
        case .record: self.reads[node, default: 0] += 1
        case .stored: self.writes[node, default: 0] += 1
        default: return
        }
    }
}
