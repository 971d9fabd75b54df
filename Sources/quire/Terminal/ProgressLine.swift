/// One moment of a long piece of work, as one line of text.
struct ProgressLine: Equatable {
    enum Unit: Equatable {
        case bytes
        /// Plural: `partitions`.
        case items(String)
    }

    var done: Int
    /// `nil` while the end is unknown.
    var total: Int?
    var unit: Unit
    /// What was done before anybody looked: it says nothing about how fast the work goes.
    var doneBefore = 0
    /// What else is worth a word: `12,400 keys`, `2 transfers wait`.
    var detail = ""

    /// `nil` while the end is unknown.
    var fraction: Double? {
        guard let total = self.total else { return nil }
        return total == 0 ? 1 : min(1, max(0, Double(self.done) / Double(total)))
    }

    /// Assumes that the rest goes as fast as the part that was done while somebody looked.
    func remainingSeconds(elapsedSeconds: Double) -> Double? {
        guard let total = self.total else { return nil }
        guard self.done < total else { return 0 }
        let worked = self.done - self.doneBefore
        return worked > 0 ? elapsedSeconds * Double(total - self.done) / Double(worked) : nil
    }

    /// `load  38 %  18.2/47.8 MiB  9.1 MB/s  ETA 3.2s  24,001 keys`
    func text(label: String, elapsedSeconds: Double) -> String {
        ([label] + self.figures(elapsedSeconds: elapsedSeconds)).joined(separator: "  ")
    }

    /// The same with a bar, cut to the width of the terminal.
    func bar(label: String, elapsedSeconds: Double, width: Int) -> String {
        let figures = self.figures(elapsedSeconds: elapsedSeconds).joined(separator: "  ")
        guard let fraction = self.fraction else { return String("\(label)  \(figures)".prefix(max(0, width - 1))) }
        let room = min(30, width - label.count - figures.count - 7)
        guard room >= 5 else { return String("\(label)  \(figures)".prefix(max(0, width - 1))) }
        let filled = Int(Double(room) * fraction)
        let head = filled < room ? ">" : ""
        let track =
            String(repeating: "=", count: filled) + head
            + String(repeating: " ", count: room - filled - head.count)
        return "\(label)  [\(track)]  \(figures)"
    }

    private func figures(elapsedSeconds: Double) -> [String] {
        var figures: [String] = []
        if let fraction = self.fraction { figures.append("\(Int(fraction * 100)) %") }
        switch self.unit {
        case .bytes:
            let total = self.total.map { "/" + Quantity.bytes($0) } ?? ""
            figures.append(Quantity.bytes(self.done) + total)
            figures.append(Quantity.rate(bytes: max(0, self.done - self.doneBefore), seconds: elapsedSeconds))
        case .items(let name):
            let total = self.total.map { "/" + Quantity.count($0) } ?? ""
            figures.append("\(Quantity.count(self.done))\(total) \(name)")
            figures.append(Quantity.rate(count: max(0, self.done - self.doneBefore), seconds: elapsedSeconds))
        }
        if let remaining = self.remainingSeconds(elapsedSeconds: elapsedSeconds), remaining > 0 {
            figures.append("ETA " + Quantity.duration(seconds: remaining))
        }
        if !self.detail.isEmpty { figures.append(self.detail) }
        return figures
    }
}
