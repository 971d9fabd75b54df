/// Names one write of a mixed load: the client that issued it, and its number there.
///
/// As text `CLIENT.NUMBER`; every value that the load writes begins with it, so that no two writes are alike.
struct OperationID: Hashable, Comparable, CustomStringConvertible, Sendable {
    let client: Int
    let number: Int

    init(client: Int, number: Int) {
        self.client = client
        self.number = number
    }

    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let client = Int(parts[0]), let number = Int(parts[1]), client >= 0, number >= 0 else {
            return nil
        }
        self.init(client: client, number: number)
    }

    var description: String { "\(self.client).\(self.number)" }

    static func < (left: OperationID, right: OperationID) -> Bool {
        (left.client, left.number) < (right.client, right.number)
    }

    /// `3.17,4.2`, and `-` for none.
    static func text(_ ids: [OperationID]) -> String {
        ids.isEmpty ? "-" : ids.map(\.description).joined(separator: ",")
    }

    static func list(_ text: some StringProtocol) -> [OperationID]? {
        guard text != "-" else { return [] }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let ids = parts.compactMap { OperationID($0) }
        return ids.count == parts.count ? ids : nil
    }
}
