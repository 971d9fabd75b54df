import DequeModule
import HeapModule

/// What is due for which operation, by time. Ids whose operation has ended are skipped by whoever pops them.
///
/// Nearly all alarms are due a fixed time after their making: they queue up in lanes that stay sorted by themselves, one
/// for each such time, and cost nothing to sort. What fits at the end of no lane goes to a heap.
struct DeadlineQueue: Sendable {
    enum Alarm: Sendable {
        case patience(UInt64)
        case deadline(UInt64)

        var id: UInt64 {
            switch self {
            case .patience(let id), .deadline(let id): id
            }
        }
    }

    private struct Entry: Comparable, Sendable {
        let time: Duration
        let alarm: Alarm

        static func == (left: Entry, right: Entry) -> Bool {
            left.time == right.time && left.alarm.id == right.alarm.id
        }

        static func < (left: Entry, right: Entry) -> Bool {
            (left.time, left.alarm.id) < (right.time, right.alarm.id)
        }
    }

    private var lanes = [Deque<Entry>](repeating: Deque(), count: 4)
    private var others = Heap<Entry>()
    /// Nothing is due before this.
    private var earliest: Duration?

    mutating func insert(_ alarm: Alarm, at time: Duration) {
        let entry = Entry(time: time, alarm: alarm)
        self.earliest = min(self.earliest ?? time, time)
        for index in self.lanes.indices where self.lanes[index].last.map({ !(entry < $0) }) ?? true {
            self.lanes[index].append(entry)
            return
        }
        self.others.insert(entry)
    }

    mutating func popPassed(_ now: Duration) -> Alarm? {
        guard let earliest = self.earliest, earliest <= now else { return nil }
        var first = self.others.min
        var lane: Int?
        for index in self.lanes.indices {
            guard let entry = self.lanes[index].first, first.map({ entry < $0 }) ?? true else { continue }
            first = entry
            lane = index
        }
        self.earliest = first?.time
        guard let first, first.time <= now else { return nil }
        if let lane {
            self.lanes[lane].removeFirst()
        } else {
            self.others.removeMin()
        }
        return first.alarm
    }
}
