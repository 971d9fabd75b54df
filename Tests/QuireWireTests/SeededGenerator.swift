import QuireCore

/// SplitMix64: the same values for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &self)
    }

    mutating func bool() -> Bool {
        Bool.random(using: &self)
    }

    mutating func bytes(_ count: ClosedRange<Int>) -> [UInt8] {
        (0..<self.number(count)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    mutating func text() -> String {
        String((0..<self.number(0...12)).map { _ in "abcXYZ09 -:'é€😀".randomElement(using: &self) ?? "?" })
    }

    mutating func key() -> Key {
        Key(self.bytes(1...40)) ?? Key([1])!
    }

    mutating func vector() -> VersionVector {
        VersionVector(
            (0..<self.number(0...4)).map { _ in
                VersionVector.Entry(actor: ActorID(rawValue: self.next()), counter: self.next() | 1)
            }
        )
    }

    mutating func record() -> Record {
        var record = Record()
        for _ in 0..<self.number(0...4) {
            let version = Version(
                dot: Dot(actor: ActorID(rawValue: self.next()), counter: self.next() >> 8 + 1),
                timestamp: HybridTimestamp(rawValue: self.next()),
                request: RequestID(high: self.next(), low: self.next()),
                value: self.bool() ? self.bytes(0...50) : nil,
                expiryMilliseconds: self.bool() ? self.next() : nil
            )
            record.mint(version, superseding: self.bool() ? .older : .context(VersionVector()))
        }
        return record
    }
}
