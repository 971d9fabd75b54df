/// When an event happened, as the shell or the simulator says. Cores have no clock of their own.
package struct Moment: Sendable, Hashable {
    /// Since an arbitrary start; never goes back. Decides deadlines.
    package let elapsed: Duration
    /// Milliseconds since 1970 by the wall clock; may jump. Orders plain writes and nothing else.
    package let wallMilliseconds: UInt64

    package init(elapsed: Duration, wallMilliseconds: UInt64) {
        self.elapsed = elapsed
        self.wallMilliseconds = wallMilliseconds
    }
}

/// SplitMix64: the source of ids inside a core, seeded from outside.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        self.state = seed
    }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
