import QuireCore
import QuireNode
import QuireStorage

/// What `quire doctor` has found, as programs read it. Keys and the raw values of findings are stable.
struct DoctorSummary: Encodable {
    struct Node: Encodable {
        let id: String
        let name: String
        let zone: String
        let isMember: Bool?
    }

    struct Stores: Encodable {
        let files: Int
        let sound: Int
        let records: Int
        let liveRecords: Int
        let walBytes: Int

        init(_ stores: DirectoryReport.Stores) {
            self.files = stores.files
            self.sound = stores.sound
            self.records = stores.tally.records
            self.liveRecords = stores.tally.live
            self.walBytes = stores.walBytes
        }
    }

    struct Bytes: Encodable {
        let log: Int
        let partitions: Int
        let hints: Int
        let incoming: Int
        let retired: Int
        let quarantine: Int
        let other: Int
        let total: Int
        let diskFree: Int
    }

    struct Finding: Encodable, Equatable {
        let severity: String
        let matter: String
        let file: String
        let partition: Int?
        let what: String
        let nextStart: String?
        let remedy: String?
    }

    struct Repair: Encodable, Equatable {
        let file: String
        let isDone: Bool
        let what: String
    }

    /// `ok`, `note`, `warning` or `damage`: the worst of the findings.
    let verdict: String
    let directory: String
    /// Absent when `node.json` cannot be read.
    let node: Node?
    let cluster: String?
    let layoutVersion: Int?
    let partitionCount: Int?
    /// `clean`, `unclean` or `never`.
    let lastStop: String
    let partitions: Stores
    let hints: Stores
    let quarantined: Int
    /// In the log: to be merged at the next start, whether or not files have them.
    let logRecords: Int
    let bytes: Bytes
    let isQuick: Bool
    /// By a key that is the cluster's, for the leaves of some file fit its rows.
    let areLeavesCompared: Bool
    let seconds: Double
    /// The worst first, else in the order of the examination.
    let findings: [Finding]
    /// Only with `--repair`; the rest of the object is what was found afterwards.
    let repairs: [Repair]?

    init(
        _ report: NodeExamination.Report,
        repairs: [DirectoryRepair.Outcome]?,
        directory: String,
        options: NodeExamination.Options,
        seconds: Double
    ) {
        let storage = report.storage
        self.verdict = Self.name(of: storage.worst)
        self.directory = directory
        self.node = report.node.map {
            Node(id: $0.description, name: report.name ?? "", zone: report.zone ?? "", isMember: report.isMember)
        }
        self.cluster = storage.clusterID
        self.layoutVersion = report.layoutVersion?.rawValue
        self.partitionCount = storage.partitionCount?.rawValue
        self.lastStop = storage.lastStop.rawValue
        self.partitions = Stores(storage.replicas)
        self.hints = Stores(storage.hints)
        self.quarantined = storage.quarantined
        self.logRecords = storage.logRecords
        self.bytes = Self.bytes(storage)
        self.isQuick = options.isQuick
        self.areLeavesCompared = storage.isKeyProven
        self.seconds = seconds.toHundredths
        self.findings = DirectoryFinding.Severity.allCases.reversed().flatMap { severity in
            storage.findings(of: severity).map(Self.finding)
        }
        self.repairs = repairs?.map { Repair(file: $0.file, isDone: $0.isDone, what: $0.what) }
    }

    var status: ExitStatus {
        switch self.verdict {
        case "damage": .failed
        case "warning": .unhealthy
        default: .succeeded
        }
    }

    private static func bytes(_ report: DirectoryReport) -> Bytes {
        Bytes(
            log: report.sizes.log,
            partitions: report.sizes.partitions,
            hints: report.sizes.hints,
            incoming: report.sizes.incoming,
            retired: report.sizes.retired,
            quarantine: report.sizes.quarantine,
            other: report.sizes.other,
            total: report.sizes.total,
            diskFree: report.freeBytes
        )
    }

    private static func finding(_ finding: DirectoryFinding) -> Finding {
        Finding(
            severity: self.name(of: finding.severity),
            matter: finding.matter.rawValue,
            file: finding.file,
            partition: finding.partition?.rawValue,
            what: finding.what,
            nextStart: finding.next.isEmpty ? nil : finding.next,
            remedy: finding.remedy.isEmpty ? nil : finding.remedy
        )
    }

    private static func name(of severity: DirectoryFinding.Severity) -> String {
        switch severity {
        case .ok: "ok"
        case .note: "note"
        case .warning: "warning"
        case .damage: "damage"
        }
    }
}
