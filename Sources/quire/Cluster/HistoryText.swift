import Foundation
import QuireWire

/// The changes of a cluster as a person reads them: two lines each, the latest first.
struct HistoryText {
    let history: OperationsAPI.History

    init(_ history: OperationsAPI.History) {
        self.history = history
    }

    func rendered() -> String {
        guard !self.history.changes.isEmpty else { return "No change of capacity has been committed." }
        var table = TextTable([
            ("plan", .left), ("what", .left), ("outcome", .left), ("began", .left), ("took", .right),
            ("replicas", .right), ("minimum", .right), ("copied", .right),
        ])
        for change in self.history.changes {
            table.append([
                change.plan, self.what(change), change.outcome ?? change.state,
                change.beganMilliseconds.map(ClockText.utc) ?? "?", self.duration(change),
                "\(Quantity.count(change.copiedReplicas))/\(Quantity.count(change.movedReplicas))",
                Quantity.count(change.movedReplicasMinimum), Quantity.bytes(change.copiedBytes),
            ])
        }
        return table.rendered()
    }

    private func what(_ change: OperationsAPI.Entry) -> String {
        let staged = Self.what(change.staged)
        return change.isUndo ?? (change.kind == "undo") ? "undo of: \(staged)" : staged
    }

    /// `n4, n5 join; n2 leave`
    static func what(_ staged: [ClusterAPI.Staged]) -> String {
        var groups: [(action: String, names: [String])] = []
        for change in staged {
            if let index = groups.firstIndex(where: { $0.action == change.action }) {
                groups[index].names.append(change.name)
            } else {
                groups.append((change.action, [change.name]))
            }
        }
        return groups.map { "\($0.names.joined(separator: ", ")) \($0.action)" }.joined(separator: "; ")
    }

    private func duration(_ change: OperationsAPI.Entry) -> String {
        guard let began = change.beganMilliseconds, let ended = change.endedMilliseconds, began > 0, ended >= began
        else { return "-" }
        return Quantity.duration(seconds: Double(ended - began) / 1000)
    }
}

/// What an undo would copy, and until when it is possible.
struct UndoText {
    let preview: OperationsAPI.UndoPreview

    init(_ preview: OperationsAPI.UndoPreview) {
        self.preview = preview
    }

    func rendered() -> String {
        let staged = HistoryText.what(self.preview.staged)
        let until = self.preview.untilMilliseconds.map { "possible until \(ClockText.utc($0))" }
        return
            "Undo of change \(self.preview.plan) (\(staged)): \(until ?? "until when it is possible is not known here")\n"
            + self.copies
    }

    /// `64 partitions return to their earlier rows: 64 replicas, of which 64 still have their files, …`
    var copies: String {
        let replicas = Quantity.count(self.preview.replicas)
        let files =
            switch self.preview.replicasWithFiles {
            case self.preview.replicas?: "all of them still have their files: only what was written since is copied"
            case let count?: "\(Quantity.count(count)) still have their files, the others are copied whole"
            case nil: "how many still have their files is not known, for an owner did not answer"
            }
        let most = self.preview.bytesMax.map { " (at most \(Quantity.bytes($0)))" } ?? ""
        return
            "\(Quantity.count(self.preview.partitions)) partitions return to their earlier rows, \(replicas) replicas: "
            + files + most
    }
}

/// Moments as people read them.
enum ClockText {
    /// `2026-11-25 12:41:07Z`
    static func utc(_ milliseconds: Int) -> String {
        let date = Date(timeIntervalSince1970: Double(milliseconds / 1000))
        let style = Date.ISO8601FormatStyle(dateTimeSeparator: .space, timeZone: .gmt)
        return date.formatted(style)
    }
}
