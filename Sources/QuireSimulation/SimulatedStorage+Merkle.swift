import QuireCore

/// What replicas that compare themselves ask.
extension SimulatedStorage {
    /// Answered after a sync of what is not lacking.
    mutating func lacking(_ asked: [KeyDigest], in store: StoreID, token: UInt64) -> [Answer] {
        var indexes: [Int] = []
        var held: [Key] = []
        for (index, entry) in asked.enumerated() {
            if self.digest(of: entry.key, in: store) == entry.digest {
                held.append(entry.key)
            } else {
                indexes.append(index)
            }
        }
        return self.answeredAfterSync(.lacking(indexes), of: held, in: store, token: token)
    }
}
