import QuireCore

/// All versions of one key that ever came into being, and what each of them really supersedes.
///
/// Causality is known here by other means than in the product: not from vectors, but from what the writer had read
/// or replaced. A version is *accounted for* by a record when it can be reached from the record's siblings.
struct KeyHistory {
    private(set) var versions: [Version] = []
    /// By number: the version and all that it supersedes.
    private var closures: [VersionSet] = []
    private var numbers: [Dot: Int] = [:]
    /// Whoever has ever minted a version of the key.
    private(set) var actors: Set<ActorID> = []
    /// What a reader accounts for whose context is this vector.
    private var known: [VersionVector: VersionSet] = [:]

    /// Acknowledged, and must be held for ever.
    private(set) var promised = VersionSet()
    /// Acknowledged with W synced copies.
    private(set) var durable = VersionSet()
    /// Acknowledged by this W (the index) without a stand-in: a strict read sees them.
    private(set) var strict: [VersionSet] = Array(repeating: VersionSet(), count: 8)
    /// Superseded by something in `promised`: gone when all is at rest.
    private(set) var overwritten = VersionSet()
    /// Superseded by something in `strict` (same index): never shown again by a strict read.
    private var strictlyOverwritten: [VersionSet] = Array(repeating: VersionSet(), count: 8)
    /// Tombstones that were dropped, and all that they had superseded.
    private(set) var collected = VersionSet()
    /// What those tombstones had superseded: it exists nowhere, and never will again.
    private(set) var forgotten = VersionSet()

    func number(of dot: Dot) -> Int? { self.numbers[dot] }

    mutating func minted(_ version: Version, superseding supersession: Record.Supersession, before: Record) {
        guard self.numbers[version.dot] == nil else { return }
        let number = self.versions.count
        self.versions.append(version)
        self.numbers[version.dot] = number
        self.actors.insert(version.dot.actor)
        var closure: VersionSet
        switch supersession {
        case .context(let vector):
            closure = self.known[vector] ?? VersionSet()
        case .older:
            closure = VersionSet()
            for sibling in before.siblings where sibling.timestamp < version.timestamp {
                if let older = self.numbers[sibling.dot] {
                    closure.formUnion(self.closures[older])
                }
            }
        }
        closure.insert(number)
        self.closures.append(closure)
    }

    /// Everything that `record` holds or really supersedes.
    func accounted(_ record: Record) -> VersionSet {
        var result = VersionSet()
        for sibling in record.siblings {
            if let number = self.numbers[sibling.dot] {
                result.formUnion(self.closures[number])
            }
        }
        return result
    }

    /// What the siblings themselves are.
    func shown(_ record: Record) -> VersionSet {
        var result = VersionSet()
        for sibling in record.siblings {
            if let number = self.numbers[sibling.dot] {
                result.insert(number)
            }
        }
        return result
    }

    func isGenuine(_ version: Version) -> Bool {
        self.numbers[version.dot].map { self.versions[$0] == version } ?? false
    }

    /// A client has this vector as its context from now on.
    mutating func learned(_ record: Record) {
        if self.known[record.vector] == nil {
            self.known[record.vector] = self.accounted(record)
        }
    }

    /// - Parameters:
    ///   - writeQuorum: W of the write, `nil` when a strict read need not see it.
    ///   - isDurable: Whether each of the W acknowledgements was synced.
    mutating func acknowledged(_ record: Record, writeQuorum: Int?, isDurable: Bool) {
        let tips = self.shown(record)
        self.promised.formUnion(tips)
        if isDurable {
            self.durable.formUnion(tips)
        }
        let older = self.accounted(record).subtracting(tips)
        self.overwritten.formUnion(older)
        if let writeQuorum {
            self.strict[writeQuorum].formUnion(tips)
            self.strictlyOverwritten[writeQuorum].formUnion(older)
        }
    }

    /// What a read with this R must see and must not see, if it begins now.
    func due(toReadQuorum readQuorum: Int, of replicas: Int) -> (visible: VersionSet, overwritten: VersionSet) {
        var visible = VersionSet()
        var overwritten = VersionSet()
        for writeQuorum in self.strict.indices where readQuorum + writeQuorum > replicas {
            visible.formUnion(self.strict[writeQuorum])
            overwritten.formUnion(self.strictlyOverwritten[writeQuorum])
        }
        return (visible, overwritten)
    }

    mutating func dropped(_ record: Record) {
        let accounted = self.accounted(record)
        self.collected.formUnion(accounted)
        self.forgotten.formUnion(accounted.subtracting(self.shown(record)))
    }
}
