import QuireCore

/// Looks into the files of all replicas and hint stores, and judges by all of them what one alone does not tell: whether
/// the key is the cluster's, and whether the cluster is that of the files.
struct StoresExamination {
    let directory: DataDirectory
    let cluster: (id: String, partitionCount: PartitionCount)?
    /// Whether the node's layout has named the cluster; else the files have.
    let isClusterKnown: Bool
    let digester: RecordDigester?
    let isQuick: Bool
    let scratch: ScratchSpace
    /// Stores of which the log has something to say.
    var replayed: Set<StoreID> = []

    private(set) var replicas = DirectoryReport.Stores()
    private(set) var hints = DirectoryReport.Stores()
    private(set) var isKeyProven = false
    private(set) var findings: [DirectoryFinding] = []
    private var strange: [(store: StoreID, tally: RecordTally, index: String?)] = []

    init(
        directory: DataDirectory,
        cluster: (id: String, partitionCount: PartitionCount)?,
        isClusterKnown: Bool,
        digester: RecordDigester?,
        isQuick: Bool,
        scratch: ScratchSpace
    ) {
        self.directory = directory
        self.cluster = cluster
        self.isClusterKnown = isClusterKnown
        self.digester = digester
        self.isQuick = isQuick
        self.scratch = scratch
    }

    /// - Parameters:
    ///   - stores: That have a file. Those of partitions that the cluster has not got are left out.
    ///   - examined: Called with the bytes of each file.
    mutating func run(_ stores: Set<StoreID>, examined: (Int) -> Void) {
        let count = self.cluster?.partitionCount.rawValue ?? .max
        for store in stores.sorted(by: Self.isBefore) where (0..<count).contains(store.partition.rawValue) {
            let path = self.directory.file(of: store)
            let walBytes = FileSystem.sizeBytes(path + "-wal")
            self.take(self.examination(of: store).verdict(on: path), on: store, walBytes: walBytes)
            examined(FileSystem.sizeBytes(path) + walBytes)
        }
        self.judgeLeaves()
        self.judgeForeigners()
    }

    func examination(of store: StoreID) -> StoreExamination {
        let identity = self.cluster.map {
            PartitionIdentity(
                clusterID: $0.id,
                partition: store.partition,
                partitionCount: $0.partitionCount,
                content: store.isHints ? .hints : .replica
            )
        }
        return StoreExamination(
            identity: identity,
            digester: self.digester,
            isQuick: self.isQuick,
            scratch: self.scratch
        )
    }

    private mutating func take(_ verdict: StoreExamination.Verdict, on store: StoreID, walBytes: Int) {
        self.isKeyProven = self.isKeyProven || verdict.isKeyProven
        self[keyPath: Self.group(of: store)].files += 1
        self[keyPath: Self.group(of: store)].walBytes += walBytes
        switch verdict {
        case .sound(let tally, _):
            self.count(tally, of: store)
        case .strangeLeaves(let tally, let index):
            self.strange.append((store, tally, index))
        case .damaged, .damagedIndex, .foreign, .newer, .notChecked:
            self.add(verdict, on: store)
        }
    }

    /// Leaves that do not fit are damage only if the key is known to be right: with the wrong one none fit, and everything
    /// would be set aside.
    private mutating func judgeLeaves() {
        for (store, tally, index) in self.strange {
            if self.isKeyProven {
                self.add(.strangeLeaves(tally, index: index), on: store)
            } else if let index {
                self.add(.damagedIndex(index, isKeyProven: false), on: store)
            } else {
                self.count(tally, of: store)
            }
        }
        guard !self.strange.isEmpty, !self.isKeyProven else { return }
        self.findings.append(
            DirectoryFinding(
                .warning,
                .leavesNotCompared,
                file: ".",
                "by the given key the Merkle leaves fit the rows of no file: it is the key of another cluster, or every file "
                    + "is damaged; they are taken for not compared"
            ).with(remedy: "give the file of the cluster key with which this node runs")
        )
    }

    /// Files are set aside as foreign only where the layout has named the cluster and at least one file agrees: else they
    /// may be at home, and the layout is not.
    private mutating func judgeForeigners() {
        let foreign = self.findings.count { $0.matter == .fileForeign }
        let files = self.replicas.files + self.hints.files
        guard foreign > 0, !self.isClusterKnown || foreign == files else { return }
        for index in self.findings.indices where self.findings[index].matter == .fileForeign {
            self.findings[index].repair = nil
        }
    }

    private mutating func count(_ tally: RecordTally, of store: StoreID) {
        self[keyPath: Self.group(of: store)].sound += 1
        self[keyPath: Self.group(of: store)].tally += tally
    }

    private mutating func add(_ verdict: StoreExamination.Verdict, on store: StoreID) {
        let isReplayed = self.replayed.contains(store)
        let words = StoreFinding(store: store, directory: self.directory, isReplayed: isReplayed)
        self.findings.append(words.finding(of: verdict))
    }

    private static func group(of store: StoreID) -> WritableKeyPath<Self, DirectoryReport.Stores> {
        store.isHints ? \.hints : \.replicas
    }

    private static func isBefore(_ left: StoreID, _ right: StoreID) -> Bool {
        (left.isHints ? 1 : 0, left.partition) < (right.isHints ? 1 : 0, right.partition)
    }
}

extension DirectoryReport {
    /// Takes over what was found in the files.
    mutating func add(_ files: StoresExamination) {
        self.replicas = files.replicas
        self.hints = files.hints
        self.isKeyProven = files.isKeyProven
        self.findings += files.findings
    }
}
