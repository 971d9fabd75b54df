/// Some of the versions of one key, each by its number in the key's history.
///
/// A bit per version: the checkers ask for unions and differences far more often than anything else.
struct VersionSet: Hashable {
    private var words: [UInt64] = []

    var isEmpty: Bool { self.words.allSatisfy { $0 == 0 } }

    func contains(_ number: Int) -> Bool {
        let word = number >> 6
        return word < self.words.count && self.words[word] & 1 << UInt64(number & 63) != 0
    }

    mutating func insert(_ number: Int) {
        let word = number >> 6
        while self.words.count <= word {
            self.words.append(0)
        }
        self.words[word] |= 1 << UInt64(number & 63)
    }

    mutating func remove(_ number: Int) {
        let word = number >> 6
        if word < self.words.count {
            self.words[word] &= ~(1 << UInt64(number & 63))
        }
    }

    mutating func formUnion(_ other: VersionSet) {
        while self.words.count < other.words.count {
            self.words.append(0)
        }
        for index in other.words.indices {
            self.words[index] |= other.words[index]
        }
    }

    func union(_ other: VersionSet) -> VersionSet {
        var result = self
        result.formUnion(other)
        return result
    }

    func intersection(_ other: VersionSet) -> VersionSet {
        var result = VersionSet()
        result.words = zip(self.words, other.words).map { $0 & $1 }
        return result
    }

    func subtracting(_ other: VersionSet) -> VersionSet {
        var result = self
        for index in 0..<min(self.words.count, other.words.count) {
            result.words[index] &= ~other.words[index]
        }
        return result
    }

    /// The smallest number that is here and not in `other`.
    func first(missingFrom other: VersionSet) -> Int? {
        for (index, word) in self.words.enumerated() {
            let missing = index < other.words.count ? word & ~other.words[index] : word
            if missing != 0 { return index << 6 + missing.trailingZeroBitCount }
        }
        return nil
    }

    var first: Int? { self.first(missingFrom: VersionSet()) }

    func isSubset(of other: VersionSet) -> Bool {
        self.first(missingFrom: other) == nil
    }
}

/// Counts in how many of several sets each version is.
struct VersionCount {
    /// Versions that are in at least one, two, … of the sets.
    private var levels: [VersionSet]

    /// - Parameter most: The greatest number that will be asked for.
    init(upTo most: Int) {
        self.levels = Array(repeating: VersionSet(), count: max(most, 1))
    }

    mutating func add(_ set: VersionSet) {
        for level in self.levels.indices.reversed() {
            let risen = level == 0 ? set : self.levels[level - 1].intersection(set)
            self.levels[level].formUnion(risen)
        }
    }

    /// What is in at least this many sets.
    ///
    /// - Parameter number: At least 1.
    func atLeast(_ number: Int) -> VersionSet {
        number <= self.levels.count ? self.levels[number - 1] : VersionSet()
    }
}
