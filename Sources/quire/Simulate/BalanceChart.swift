import Foundation
import QuireSimulation

/// The comparison as a picture: one SVG file that needs nothing else and follows the reader's light or dark theme.
struct BalanceChart {
    private let report: BalanceReport
    private let plot: PlotArea

    init(_ report: BalanceReport) {
        self.report = report
        let sizes = report.points.map(\.metadataBytes)
        let lowest = report.points.flatMap(\.outcomes).map { $0.efficiency.mean - $0.efficiency.deviation }.min() ?? 0
        self.plot = PlotArea(
            sizes: (sizes.min() ?? 1)...(sizes.max() ?? 2),
            efficiencies: max(0, (lowest * 10).rounded(.down) / 10)...1
        )
    }

    func rendered() -> String {
        let parts = [self.head(), self.grid(), self.bands(), self.lines(), self.legend(), self.finding()]
        return (parts.flatMap { $0 } + ["</svg>", ""]).joined(separator: "\n")
    }

    /// One curve: how it is drawn and called.
    private struct Curve {
        let strategy: PartitioningStrategy
        let style: String
        let label: String
    }

    private static let curves = [
        Curve(strategy: .fixedPartitions, style: "s3", label: "3: Q/S tokens, equal partitions (Quire)"),
        Curve(strategy: .tokenRanges, style: "s1", label: "1: random tokens, ranges between them"),
        Curve(strategy: .tokensAndTable, style: "s2", label: "2: random tokens, equal partitions"),
        Curve(strategy: .tokensAndDerivedTable, style: "s2 derived", label: "2, were its tokens alone counted"),
    ]

    private func outcomes(of strategy: PartitioningStrategy) -> [(size: Int, efficiency: Spread)] {
        self.report.points.compactMap { point in point[strategy].map { (point.metadataBytes, $0.efficiency) } }
    }

    // MARK: Parts

    private func head() -> [String] {
        let width = PlotArea.width
        let height = PlotArea.height
        let about =
            "\(self.report.nodes) nodes, N = \(self.report.replicas). Mean load divided by the load of the hottest node; "
            + "1 is perfect. Dynamo §6.2, Figure 8."
        return [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" "
                + "width=\"\(width)\" height=\"\(height)\" role=\"img\" aria-labelledby=\"title about\">",
            "<title id=\"title\">Load-balancing efficiency of three partitioning strategies</title>",
            "<desc id=\"about\">\(about)</desc>",
            "<style>", Self.style, "</style>",
            "<rect class=\"paper\" width=\"\(width)\" height=\"\(height)\"/>",
            SVG.text("Load-balancing efficiency at equal metadata", x: 28, y: 40, style: "title"),
            SVG.text(about, x: 28, y: 63, style: "muted"),
        ]
    }

    private func grid() -> [String] {
        let plot = self.plot
        var parts: [String] = []
        for tenth in Int((plot.efficiencies.lowerBound * 10).rounded())...10 {
            let y = plot.y(Double(tenth) / 10)
            let label = Quantity.decimal(Double(tenth) / 10, digits: 1)
            parts.append(SVG.line(plot.left, y, plot.right, y, style: tenth == 10 ? "axis" : "grid"))
            parts.append(SVG.text(label, x: plot.left - 10, y: y + 4, style: "tick end"))
        }
        for power in plot.powersOfFour {
            let x = plot.x(power)
            parts.append(SVG.line(x, plot.bottom, x, plot.bottom + 5, style: "axis"))
            parts.append(SVG.text(Self.ticked(power), x: x, y: plot.bottom + 22, style: "tick middle"))
        }
        parts.append(SVG.line(plot.left, plot.bottom, plot.right, plot.bottom, style: "axis"))
        let middle = (plot.left + plot.right) / 2
        parts.append(
            SVG.text(
                "membership metadata kept by each node (bytes, logarithmic)",
                x: middle,
                y: plot.bottom + 48,
                style: "label middle"
            )
        )
        parts.append(
            SVG.text("efficiency", x: 28, y: plot.top - 14, style: "label")
        )
        return parts
    }

    /// One standard deviation to both sides.
    private func bands() -> [String] {
        Self.curves.filter { !$0.style.contains("derived") }.compactMap { curve in
            let outcomes = self.outcomes(of: curve.strategy)
            guard outcomes.contains(where: { $0.efficiency.deviation > 0 }) else { return nil }
            let upper = outcomes.map { self.plot.point($0.size, $0.efficiency.mean + $0.efficiency.deviation) }
            let lower = outcomes.map { self.plot.point($0.size, $0.efficiency.mean - $0.efficiency.deviation) }
            let outline = (upper + lower.reversed()).joined(separator: " ")
            return "<polygon class=\"band \(curve.style)\" points=\"\(outline)\"/>"
        }
    }

    private func lines() -> [String] {
        Self.curves.flatMap { curve -> [String] in
            let outcomes = self.outcomes(of: curve.strategy)
            let points = outcomes.map { self.plot.point($0.size, $0.efficiency.mean) }.joined(separator: " ")
            var parts = ["<polyline class=\"line \(curve.style)\" points=\"\(points)\"/>"]
            guard !curve.style.contains("derived") else { return parts }
            parts += outcomes.map { size, efficiency in
                let x = SVG.number(self.plot.x(size))
                let y = SVG.number(self.plot.y(efficiency.mean))
                let words = "\(Quantity.bytes(size)): \(Quantity.decimal(efficiency.mean, digits: 3))"
                return "<circle class=\"dot \(curve.style)\" cx=\"\(x)\" cy=\"\(y)\" r=\"3.5\">"
                    + "<title>\(words)</title></circle>"
            }
            return parts
        }
    }

    private func legend() -> [String] {
        let x = self.plot.right - 320
        var y = self.plot.bottom - 104
        var parts: [String] = []
        for curve in Self.curves {
            parts.append(SVG.line(x, y - 4, x + 30, y - 4, style: "line \(curve.style)"))
            parts.append(SVG.text(curve.label, x: x + 40, y: y, style: "label"))
            y += 23
        }
        parts.append(SVG.text("bands: ± one standard deviation", x: x + 40, y: y, style: "muted"))
        return parts
    }

    /// The goal, where strategy 3 reaches it, and how much more strategy 1 needs for the same.
    private func finding() -> [String] {
        guard let third = self.report.firstPoint(of: .fixedPartitions), let outcome = third[.fixedPartitions]
        else { return [] }
        let plot = self.plot
        let y = plot.y(BalanceReport.goal)
        let x = plot.x(third.metadataBytes)
        let goal = Quantity.decimal(BalanceReport.goal, digits: 2)
        let height = plot.y(outcome.efficiency.mean)
        let partitions = outcome.parameters.partitions ?? 0
        var parts = [
            SVG.line(x, height, x, plot.bottom, style: "guide"),
            "<circle class=\"ring s3\" cx=\"\(SVG.number(x))\" cy=\"\(SVG.number(height))\" r=\"8\"/>",
            SVG.text("Q = \(partitions)", x: x + 8, y: plot.bottom - 30, style: "label"),
            SVG.text(Quantity.bytes(third.metadataBytes), x: x + 8, y: plot.bottom - 12, style: "muted"),
        ]
        if let last = self.report.points.last(where: { $0[.fixedPartitions] != nil }),
            last.metadataBytes > third.metadataBytes, let most = last[.fixedPartitions]?.parameters.partitions
        {
            let x = plot.x(last.metadataBytes)
            parts.append(SVG.text("Q = \(most)", x: x + 8, y: y + 18, style: "muted"))
        }
        guard let first = self.report.firstPoint(of: .tokenRanges), first.metadataBytes > third.metadataBytes
        else { return parts }
        let end = plot.x(first.metadataBytes)
        let factor = Quantity.count(first.metadataBytes / third.metadataBytes)
        parts.append(SVG.line(x, y, end, y, style: "guide"))
        parts.append(SVG.line(end, y - 6, end, y + 6, style: "axis"))
        parts.append(
            SVG.text(
                "for \(goal), strategy 1 needs \(factor) × the metadata",
                x: (x + end) / 2,
                y: plot.top - 14,
                style: "label middle"
            )
        )
        return parts
    }

    /// `64 KiB`, without decimals.
    private static func ticked(_ bytes: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB"]
        var value = bytes
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\(value) \(units[unit])"
    }

    private static let style = """
        text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2430; }
        .title { font-size: 21px; font-weight: 600; }
        .muted { fill: #667085; }
        .tick { font-size: 12px; fill: #667085; }
        .middle { text-anchor: middle; }
        .end { text-anchor: end; }
        .paper { fill: #ffffff; }
        .grid { stroke: #e6e8ee; }
        .axis { stroke: #98a1b3; }
        .guide { stroke: #667085; stroke-dasharray: 2 4; }
        .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
        .ring { fill: none; stroke-width: 1.5; }
        .band { stroke: none; fill-opacity: 0.14; }
        .dot { stroke: none; }
        .line.s1, .ring.s1 { stroke: #2468c8; }
        .line.s2, .ring.s2 { stroke: #cf5c1b; }
        .line.s3, .ring.s3 { stroke: #0b8a60; }
        .line.derived { stroke-width: 1.5; stroke-dasharray: 6 4; }
        .dot.s1, .band.s1 { fill: #2468c8; }
        .dot.s2, .band.s2 { fill: #cf5c1b; }
        .dot.s3, .band.s3 { fill: #0b8a60; }
        @media (prefers-color-scheme: dark) {
          text { fill: #e7eaf0; }
          .muted, .tick { fill: #9aa4b5; }
          .paper { fill: #14171d; }
          .grid { stroke: #272c36; }
          .axis { stroke: #5b6577; }
          .guide { stroke: #9aa4b5; }
          .band { fill-opacity: 0.2; }
          .line.s1, .ring.s1 { stroke: #6ea8ff; }
          .line.s2, .ring.s2 { stroke: #ff9a5c; }
          .line.s3, .ring.s3 { stroke: #3fd6a0; }
          .dot.s1, .band.s1 { fill: #6ea8ff; }
          .dot.s2, .band.s2 { fill: #ff9a5c; }
          .dot.s3, .band.s3 { fill: #3fd6a0; }
        }
        """
}

/// Where the axes are, and where a value is between them: metadata doubles from left to right, efficiency goes up.
private struct PlotArea {
    static let width = 900
    static let height = 560

    let left = 76.0
    let right = 868.0
    let top = 116.0
    let bottom = 486.0
    let sizes: ClosedRange<Int>
    let efficiencies: ClosedRange<Double>

    func x(_ size: Int) -> Double {
        let span = log2(Double(self.sizes.upperBound)) - log2(Double(self.sizes.lowerBound))
        let part = log2(Double(size)) - log2(Double(self.sizes.lowerBound))
        return self.left + (self.right - self.left) * part / max(span, 1)
    }

    func y(_ efficiency: Double) -> Double {
        let span = self.efficiencies.upperBound - self.efficiencies.lowerBound
        let part = min(efficiency, self.efficiencies.upperBound) - self.efficiencies.lowerBound
        return self.bottom - (self.bottom - self.top) * part / max(span, 0.1)
    }

    func point(_ size: Int, _ efficiency: Double) -> String {
        "\(SVG.number(self.x(size))),\(SVG.number(self.y(efficiency)))"
    }

    /// 1 KiB, 4 KiB, … between the ends.
    var powersOfFour: [Int] {
        (0...20).map { 1 << (2 * $0) }.filter { self.sizes.contains($0) }
    }
}

/// Elements of an SVG file.
private enum SVG {
    static func number(_ value: Double) -> String {
        Quantity.decimal(value, digits: 1)
    }

    static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, style: String) -> String {
        "<line class=\"\(style)\" x1=\"\(self.number(x1))\" y1=\"\(self.number(y1))\" "
            + "x2=\"\(self.number(x2))\" y2=\"\(self.number(y2))\"/>"
    }

    /// - Parameter content: Plain text; what means something to XML is escaped.
    static func text(_ content: String, x: Double, y: Double, style: String) -> String {
        let escaped = content.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
        return "<text class=\"\(style)\" x=\"\(self.number(x))\" y=\"\(self.number(y))\">\(escaped)</text>"
    }
}
