/// Which lift has to look when: a binary heap that is cheap to tell of an earlier deadline, and lazy about later ones.
///
/// Invariant: a lift with a deadline d has an entry at or before d. An entry that turns out too early is put back.
struct DeadlineQueue: Sendable {
    private var heap: [(time: Int64, lift: Int32)] = []
    /// The earliest entry of each lift.
    private var scheduled: [Int64] = []

    var isEmpty: Bool { heap.isEmpty }
    /// Nothing is due before this.
    var earliest: Int64 { heap.isEmpty ? LiftMemory.never : heap[0].time }

    mutating func note(_ lift: Int, _ deadline: Int64) {
        while scheduled.count <= lift { scheduled.append(LiftMemory.never) }
        guard deadline < scheduled[lift] else { return }
        scheduled[lift] = deadline
        push(deadline, Int32(lift))
    }

    /// Takes out the lift whose entry is due first. Its real deadline is then to be noted again.
    mutating func next(dueBy time: Int64) -> (lift: Int, due: Int64)? {
        guard earliest <= time else { return nil }
        let (due, lift) = pop()
        if scheduled[Int(lift)] == due { scheduled[Int(lift)] = LiftMemory.never }
        return (Int(lift), due)
    }

    private mutating func push(_ time: Int64, _ lift: Int32) {
        heap.append((time, lift))
        var i = heap.count - 1
        while i > 0, heap[(i - 1) / 2].time > time {
            heap[i] = heap[(i - 1) / 2]
            i = (i - 1) / 2
        }
        heap[i] = (time, lift)
    }

    private mutating func pop() -> (Int64, Int32) {
        let top = heap[0]
        let last = heap.removeLast()
        if heap.isEmpty { return top }
        var i = 0
        while 2 * i + 1 < heap.count {
            var child = 2 * i + 1
            if child + 1 < heap.count, heap[child + 1].time < heap[child].time { child += 1 }
            if heap[child].time >= last.time { break }
            heap[i] = heap[child]
            i = child
        }
        heap[i] = last
        return top
    }
}
