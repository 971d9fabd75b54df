import Glibc

/// Ranks `1...count` in proportion to `1 / rank^exponent`, exactly, in constant time and memory.
///
/// Rejection-inversion (W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from monotone discrete
/// distributions", 1996): inverts the integral H of the density's continuous hull, and rejects a draw where the hull
/// lies above the step that it stands for, which is seldom.
struct ZipfRanks: Sendable {
    private let count: Int
    private let exponent: Double
    private let firstIntegral: Double
    private let lastIntegral: Double
    /// How far below a rank a draw may lie and be accepted without a look at the density.
    private let safeDistance: Double

    /// - Parameters:
    ///   - count: At least 1.
    ///   - exponent: More than 0; 1 is allowed.
    init(count: Int, exponent: Double) {
        precondition(count > 0 && exponent > 0, "Zipf over \(count) ranks with exponent \(exponent)")
        self.count = count
        self.exponent = exponent
        self.firstIntegral = Self.integral(1.5, exponent) - 1
        self.lastIntegral = Self.integral(Double(count) + 0.5, exponent)
        self.safeDistance =
            2 - Self.inverseIntegral(Self.integral(2.5, exponent) - Self.density(2, exponent), exponent)
    }

    func draw(using generator: inout some RandomNumberGenerator) -> Int {
        while true {
            let share = Double.random(in: 0..<1, using: &generator)
            let point = self.lastIntegral + share * (self.firstIntegral - self.lastIntegral)
            let place = Self.inverseIntegral(point, self.exponent)
            let rank = min(max(Int(place + 0.5), 1), self.count)
            if Double(rank) - place <= self.safeDistance { return rank }
            let step = Self.integral(Double(rank) + 0.5, self.exponent) - Self.density(Double(rank), self.exponent)
            if point >= step { return rank }
        }
    }

    private static func density(_ x: Double, _ exponent: Double) -> Double {
        exp(-exponent * log(x))
    }

    /// `(x^(1 - exponent) - 1) / (1 - exponent)`, and its limit `log x` where the exponent is 1.
    private static func integral(_ x: Double, _ exponent: Double) -> Double {
        let logarithm = log(x)
        let scaled = (1 - exponent) * logarithm
        return logarithm * (abs(scaled) > 1e-8 ? expm1(scaled) / scaled : 1 + scaled / 2)
    }

    private static func inverseIntegral(_ x: Double, _ exponent: Double) -> Double {
        // Rounding may carry it below -1, where the logarithm ends.
        let scaled = max(x * (1 - exponent), -1)
        return exp(x * (abs(scaled) > 1e-8 ? log1p(scaled) / scaled : 1 - scaled / 2))
    }
}
