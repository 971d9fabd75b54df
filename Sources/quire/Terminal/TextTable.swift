/// A table in plain text: columns as wide as their widest cell, two spaces between, no trailing spaces.
struct TextTable {
    enum Alignment {
        case left
        case right
    }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) {
        self.columns = columns
    }

    /// - Parameter cells: One per column.
    mutating func append(_ cells: [String]) {
        precondition(cells.count == self.columns.count, "\(cells.count) cells for \(self.columns.count) columns")
        self.rows.append(cells)
    }

    func rendered() -> String {
        let header = self.columns.map(\.title)
        let widths = self.columns.indices.map { column in
            ([header] + self.rows).map { $0[column].count }.max() ?? 0
        }
        return ([header] + self.rows).map { self.line($0, widths: widths) }.joined(separator: "\n")
    }

    private func line(_ cells: [String], widths: [Int]) -> String {
        var result = ""
        for (index, cell) in cells.enumerated() {
            let padding = String(repeating: " ", count: widths[index] - cell.count)
            if index > 0 { result += "  " }
            result += self.columns[index].alignment == .left ? cell + padding : padding + cell
        }
        while result.last == " " { result.removeLast() }
        return result
    }
}
