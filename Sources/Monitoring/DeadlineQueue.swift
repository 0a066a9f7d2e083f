import RuleEngine

/// The lifts by their next deadline: a binary heap. An earlier deadline is entered at once; a later
/// one when the old entry is taken out.
///
/// Invariant: a lift with a deadline d has an entry at or before d. An entry that proves too early
/// is put back.
///
/// At one moment the lift with the lower index comes first, whatever happened in the heap before.
/// Incidents of several lifts depend on this order, and a replay after a restart must find the
/// same.
struct DeadlineQueue: Sendable {
    private typealias Entry = (time: Int64, lift: LiftIndex)
    private var heap: [Entry] = []
    /// The earliest entry of each lift.
    private var scheduled = Table<LiftIndex, Int64>()

    var isEmpty: Bool { heap.isEmpty }
    /// No entry is due before this time.
    var earliest: Int64 { heap.isEmpty ? LiftMemory.never : heap[0].time }

    mutating func note(_ lift: LiftIndex, _ deadline: Int64) {
        scheduled.grow(toHold: lift, LiftMemory.never)
        guard deadline < scheduled[lift] else { return }
        scheduled[lift] = deadline
        push(deadline, lift)
    }

    /// Takes out the lift with the earliest entry. The caller then notes the lift's real deadline.
    mutating func next(dueBy time: Int64) -> (lift: LiftIndex, due: Int64)? {
        guard earliest <= time else { return nil }
        let (due, lift) = pop()
        if scheduled[lift] == due { scheduled[lift] = LiftMemory.never }
        return (lift, due)
    }

    private mutating func push(_ time: Int64, _ lift: LiftIndex) {
        let entry = (time, lift)
        heap.append(entry)
        var i = heap.count - 1
        while i > 0, entry < heap[(i - 1) / 2] {
            heap[i] = heap[(i - 1) / 2]
            i = (i - 1) / 2
        }
        heap[i] = entry
    }

    private mutating func pop() -> Entry {
        let top = heap[0]
        let last = heap.removeLast()
        if heap.isEmpty { return top }
        var i = 0
        while 2 * i + 1 < heap.count {
            var child = 2 * i + 1
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            if last <= heap[child] { break }
            heap[i] = heap[child]
            i = child
        }
        heap[i] = last
        return top
    }
}
