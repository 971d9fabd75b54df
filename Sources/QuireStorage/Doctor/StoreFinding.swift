import QuireCore

/// Says what a verdict on a store's file means for the node and for its operator.
struct StoreFinding {
    let store: StoreID
    let directory: DataDirectory
    /// Whether the log has something for it.
    let isReplayed: Bool

    private static let strangeRows =
        "the rows are not those of the Merkle leaves: a key, a value or a leaf was changed outside the node"

    func finding(of verdict: StoreExamination.Verdict) -> DirectoryFinding {
        let path = self.directory.relative(self.directory.file(of: self.store))
        var finding = self.described(verdict, path)
        finding.partition = self.store.partition
        switch verdict {
        case .damaged(let what), .foreign(let what):
            finding.repair = .setAside(self.store, reason: "\(what); file: \(path); found by quire doctor")
        case .damagedIndex(let what, _):
            finding.repair = .rebuildIndex(self.store, reason: "\(what); file: \(path); found by quire doctor")
        case .strangeLeaves:
            finding.repair = .setAside(self.store, reason: "\(Self.strangeRows); file: \(path); found by quire doctor")
        case .sound, .newer, .notChecked:
            break
        }
        return finding
    }

    private func described(_ verdict: StoreExamination.Verdict, _ path: String) -> DirectoryFinding {
        switch verdict {
        case .sound:
            DirectoryFinding(.ok, .partitions, file: path, "sound")
        case .damaged(let what):
            DirectoryFinding(.damage, .fileDamaged, file: path, what).with(next: self.next, remedy: self.setAside)
        case .strangeLeaves(_, let index):
            DirectoryFinding(.damage, .fileDamaged, file: path, Self.strangeRows + (index.map { "; and: \($0)" } ?? ""))
                .with(next: self.next, remedy: self.setAside)
        case .damagedIndex(let what, _):
            DirectoryFinding(.damage, .fileIndex, file: path, "only the index is damaged, the rows are whole: \(what)")
                .with(
                    next: self.next,
                    remedy: "--repair makes the index anew from the rows, and sets the file aside if that does not help"
                )
        case .foreign(let what):
            DirectoryFinding(.damage, .fileForeign, file: path, what).with(
                next: self.opening + ", and is set aside into quarantine/ then",
                remedy: "find out whether files were copied by hand; " + self.setAside
            )
        case .newer(let what):
            DirectoryFinding(.damage, .fileNewer, file: path, what).with(
                next: self.opening + ", and this version sets it aside then",
                remedy: "start the node with the version that wrote the file"
            )
        case .notChecked(let what):
            DirectoryFinding(.warning, .notChecked, file: path, "it was not checked: \(what)").with(
                remedy: "mend the cause, then examine again"
            )
        }
    }

    /// A start counts hints, and opens the files for which the log has records.
    private var opening: String {
        self.isReplayed || self.store.isHints ? "the file is opened" : "the file is opened at its first use"
    }

    private var next: String {
        self.opening + "; it is set aside into quarantine/ then, or when a read or a write meets the damage"
    }

    private var setAside: String {
        self.store.isHints
            ? "--repair sets the file aside at once; " + LeftoverExamination.quarantineRemedy(self.store)
            : "--repair sets the file aside at once, so that nothing damaged is served: the other replicas answer; where "
                + "there is none, see Ops/Runbooks/examine-a-data-directory.md"
    }
}
