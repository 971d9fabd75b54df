import ArgumentParser

/// A span of time as people write it: `90s`, `30m`, `24h`, `7d`; a bare number is seconds.
struct AgeArgument: ExpressibleByArgument {
    let seconds: Int

    private static let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]

    init(seconds: Int) {
        self.seconds = seconds
    }

    init?(argument: String) {
        let unit = Self.units.first { argument.hasSuffix($0.0) }
        let digits = unit == nil ? argument[...] : argument.dropLast()
        guard digits.allSatisfy(\.isASCII), let number = Int(digits), (0...1_000_000_000).contains(number) else {
            return nil
        }
        self.seconds = number * (unit?.1 ?? 1)
    }

    var defaultValueDescription: String { "\(self.seconds)s" }
}
