import HeapModule

/// What is going to happen, in the order of virtual time; ties in the order of scheduling.
///
/// Events are large and stay where they are: only their places move in the heap.
struct EventQueue<Event> {
    private struct Entry: Comparable {
        let microseconds: Int64
        let sequence: UInt64
        let slot: Int

        static func == (left: Entry, right: Entry) -> Bool {
            left.sequence == right.sequence
        }

        static func < (left: Entry, right: Entry) -> Bool {
            left.microseconds != right.microseconds
                ? left.microseconds < right.microseconds : left.sequence < right.sequence
        }
    }

    private(set) var now = Duration.zero
    private var microseconds: Int64 = 0
    private var heap = Heap<Entry>()
    private var events: [Event?] = []
    private var freeSlots: [Int] = []
    private var sequence: UInt64 = 0

    /// - Parameter delay: Whole microseconds count.
    mutating func schedule(_ event: Event, after delay: Duration) {
        self.sequence += 1
        let slot: Int
        if let free = self.freeSlots.popLast() {
            slot = free
            self.events[slot] = event
        } else {
            slot = self.events.count
            self.events.append(event)
        }
        let time = self.microseconds + delay.microseconds
        self.heap.insert(Entry(microseconds: time, sequence: self.sequence, slot: slot))
    }

    /// Moves time on to the next event.
    mutating func next() -> Event? {
        guard let entry = self.heap.popMin() else { return nil }
        if entry.microseconds != self.microseconds {
            self.microseconds = entry.microseconds
            self.now = .microseconds(entry.microseconds)
        }
        let event = self.events[entry.slot]
        self.events[entry.slot] = nil
        self.freeSlots.append(entry.slot)
        return event
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
