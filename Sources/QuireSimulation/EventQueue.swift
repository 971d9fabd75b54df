import HeapModule

/// What is going to happen, in the order of virtual time; ties in the order of scheduling.
struct EventQueue<Event> {
    private struct Entry: Comparable {
        let time: Duration
        let sequence: UInt64
        let event: Event

        static func == (left: Entry, right: Entry) -> Bool {
            left.sequence == right.sequence
        }

        static func < (left: Entry, right: Entry) -> Bool {
            (left.time, left.sequence) < (right.time, right.sequence)
        }
    }

    private(set) var now = Duration.zero
    private var heap = Heap<Entry>()
    private var sequence: UInt64 = 0

    mutating func schedule(_ event: Event, after delay: Duration) {
        self.sequence += 1
        self.heap.insert(Entry(time: self.now + delay, sequence: self.sequence, event: event))
    }

    /// Moves time on to the next event.
    mutating func next() -> Event? {
        guard let entry = self.heap.popMin() else { return nil }
        self.now = entry.time
        return entry.event
    }
}

/// A running FNV-1a hash over everything that happens: equal seeds must give equal traces.
package struct TraceHash: Hashable, Sendable {
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ number: UInt64) {
        self.value = (self.value ^ number) &* 0x0000_0100_0000_01B3
    }

    mutating func add(_ text: String) {
        for byte in text.utf8 {
            self.add(UInt64(byte))
        }
    }
}
