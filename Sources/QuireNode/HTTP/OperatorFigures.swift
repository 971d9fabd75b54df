/// Sizes in sentences to operators: binary units, one decimal.
enum ByteText {
    static func of(_ bytes: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var tenths = max(0, min(bytes, .max / 16)) * 10
        var unit = 0
        while tenths >= 10_240, unit < units.count - 1 {
            tenths = (tenths + 512) / 1024
            unit += 1
        }
        return unit == 0 || tenths >= 1000
            ? "\((tenths + 5) / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}

/// Ages in sentences to operators: the two largest units.
enum AgeText {
    static func of(seconds: Int) -> String {
        let seconds = max(0, seconds)
        if seconds < 60 { return "\(seconds) s" }
        if seconds < 3600 { return self.pair(seconds / 60, "min", seconds % 60, "s") }
        if seconds < 48 * 3600 { return self.pair(seconds / 3600, "h", seconds / 60 % 60, "min") }
        return self.pair(seconds / 86_400, "d", seconds / 3600 % 24, "h")
    }

    private static func pair(_ large: Int, _ largeUnit: String, _ small: Int, _ smallUnit: String) -> String {
        small == 0 ? "\(large) \(largeUnit)" : "\(large) \(largeUnit) \(small) \(smallUnit)"
    }
}
