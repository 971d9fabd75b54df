/// Numbers as people read them: binary units for bytes, at most four digits, one rule for every command.
enum Quantity {
    /// `0 B`, `1023 B`, `1.0 KiB`, `47.8 MiB`, `812 GiB`.
    static func bytes(_ count: Int) -> String {
        guard count >= 1024 else { return "\(count) B" }
        var value = Double(count)
        var unit = 0
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        while value >= 1023.5, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\(Self.decimal(value, digits: value < 99.95 ? 1 : 0)) \(units[unit])"
    }

    /// Decimal megabytes per second, as disks and networks are sold: `12.4 MB/s`.
    static func rate(bytes: Int, seconds: Double) -> String {
        guard seconds > 0 else { return "- MB/s" }
        return "\(Self.decimal(Double(bytes) / 1_000_000 / seconds, digits: 1)) MB/s"
    }

    /// Things per second: `8,120/s`.
    static func rate(count: Int, seconds: Double) -> String {
        guard seconds > 0 else { return "-/s" }
        return "\(Self.count(Int(Double(count) / seconds)))/s"
    }

    /// `63,666`.
    static func count(_ number: Int) -> String {
        let digits = Array(String(number.magnitude))
        var result = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { result.append(",") }
            result.append(digit)
        }
        return result
    }

    /// `0.4s`, `12s`, `5m08s`, `2h07m`.
    static func duration(seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "?" }
        if seconds < 9.95 { return "\(Self.decimal(seconds, digits: 1))s" }
        let whole = Int(min(seconds.rounded(), 3_600_000_000))
        if whole < 60 { return "\(whole)s" }
        if whole < 3600 { return "\(whole / 60)m\(Self.padded(whole % 60))s" }
        return "\(whole / 3600)h\(Self.padded(whole / 60 % 60))m"
    }

    /// Rounded to nearest, always with a point and `digits` decimals; no locale.
    static func decimal(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return "?" }
        let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((value.magnitude * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % scale)
        return "\(sign)\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    private static func padded(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}

extension Duration {
    /// In seconds, with fractions.
    var seconds: Double {
        Double(self.components.seconds) + Double(self.components.attoseconds) / 1e18
    }
}

extension Double {
    /// For programs that read numbers and for people who read them there: two decimals at most.
    var toHundredths: Double { (self * 100).rounded() / 100 }
    /// Three decimals: microseconds of milliseconds.
    var toThousandths: Double { (self * 1000).rounded() / 1000 }
}
