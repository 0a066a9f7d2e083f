/// The operators over stretches of truth: `once`, `held`, `since`, `not_followed`, `count`. A
/// stretch is an interval on which a condition is true without a break.
///
/// A condition is a right-continuous step signal: true on stretches [s, e). So `since(p, q,
/// low..high)` is true at t if there is a t′ in [t − high, t − low] with q(t′), and p on (t′, t].
///
/// Within a stretch of p that began at u, a stretch [s, e) of q makes it true on [max(s, u) + low,
/// e + high), until p ends. So each stretch of q becomes one stretch of the result, decided by two
/// times. `once(q, w)` is `since(true, q, w)`, `held(q, w)` is `not once(not q, w)`.
///
/// A point of q at s counts as [s, s), and its window as (t − high, t − low]. It makes the result
/// true on [s + low, s + high), from where p is true.
extension Program {
    func resetStretches(
        _ node: Node, _ m: inout MutableSpan<Int64>, at time: Int64, isPastUnknown: Bool
    ) {
        let slot = Int(node.slot)
        switch node.operation {
        case .ever, .since, .unanswered:
            m[slot] = LiftMemory.never
            m[slot + 1] = LiftMemory.never
        case .sinceWithin:
            m[slot] = LiftMemory.beforeAll
            // Before the record the condition may have been true.
            m[slot + 1] = isPastUnknown ? time : LiftMemory.beforeAll
        case .sinceBetween:
            for plane in 0..<2 {
                let ring = StretchRing(node, plane: plane)
                ring.clear(&m)
                if plane == 1, isPastUnknown {
                    _ = ring.append(LiftMemory.beforeAll, time &+ node.high, &m, mayLengthen: true)
                }
            }
        case .count:
            m[slot] = isPastUnknown ? time : LiftMemory.beforeAll
            for plane in 0..<(node.isDefinite ? 1 : 2) {
                let ring = slot + 1 + plane * (1 + Int(node.capacity))
                m[ring] = 0
                for i in 0..<Int(node.capacity) { m[ring + 1 + i] = LiftMemory.beforeAll }
            }
        default: break
        }
    }

    func evaluateStretches(
        _ index: Int, _ node: Node, _ m: inout MutableSpan<Int64>, _ context: StepContext
    ) -> Bool {
        let time = context.time
        let slot = Int(node.slot)
        let p = node.a == .none ? (true, true) : (surely(node.a, m), possibly(node.a, m))
        let q = (surely(node.b, m), possibly(node.b, m))
        let value: (Bool, Bool)
        switch node.operation {
        case .ever:
            // Over the instants at which the operand was known: since when it is true, and since
            // when it is known at all.
            if q.0, m[slot] == LiftMemory.never { m[slot] = time }
            if q.0 || !q.1, m[slot + 1] == LiftMemory.never { m[slot + 1] = time }
            let isTrue = isReached(m[slot], node, &m, time)
            let isKnown = isReached(m[slot + 1], node, &m, time) || context.history == .complete
            value = (isTrue, isTrue || !isKnown)
        case .since:
            value = (
                since(slot, node, p.0, q.0, &m, time), since(slot + 1, node, p.1, q.1, &m, time)
            )
        case .sinceWithin:
            value = (
                sinceWithin(slot, node, p.0, q.0, &m, time),
                sinceWithin(slot + 1, node, p.1, q.1, &m, time)
            )
        case .sinceBetween:
            value = (
                sinceBetween(0, node, p.0, q.0, &m, time), sinceBetween(1, node, p.1, q.1, &m, time)
            )
        case .unanswered:
            // A sure answer ends a possible question, and a possible answer ends a sure one.
            value = (
                unanswered(slot, node, asked: p.0, answered: q.1, &m, time),
                unanswered(slot + 1, node, asked: p.1, answered: q.0, &m, time)
            )
        default: value = count(node, q, &m, time)
        }
        return set(index, surely: value.0, possibly: value.1, &m)
    }

    /// Whether the window's lower end has passed since `start`.
    private func isReached(
        _ start: Int64, _ node: Node, _ m: inout MutableSpan<Int64>, _ time: Int64
    ) -> Bool {
        if start == LiftMemory.never { return false }
        if time >= start &+ node.low { return true }
        arm(node, start &+ node.low, &m)
        return false
    }

    /// Without an upper end, the earliest q within the present stretch of p decides.
    private func since(
        _ slot: Int, _ node: Node, _ p: Bool, _ q: Bool, _ m: inout MutableSpan<Int64>,
        _ time: Int64
    ) -> Bool {
        if !p {
            m[slot] = LiftMemory.never
            return q && node.low == 0 && !node.ofPoints
        }
        if q, m[slot] == LiftMemory.never { m[slot] = time }
        return isReached(m[slot], node, &m, time)
    }

    /// Without a lower end, the end of the latest q within the present stretch of p decides;
    /// `never` while it lasts.
    private func sinceWithin(
        _ slot: Int, _ node: Node, _ p: Bool, _ q: Bool, _ m: inout MutableSpan<Int64>,
        _ time: Int64
    ) -> Bool {
        if !p {
            m[slot] = LiftMemory.beforeAll
            return q && !node.ofPoints
        }
        if q {
            m[slot] = node.ofPoints ? time : LiftMemory.never
        } else if m[slot] == LiftMemory.never {
            m[slot] = time
        }
        if m[slot] == LiftMemory.never { return true }
        let due = m[slot] &+ node.high
        if time >= due { return false }
        arm(node, due, &m)
        return true
    }

    /// The general window: future stretches of the result wait in a ring.
    private func sinceBetween(
        _ plane: Int, _ node: Node, _ p: Bool, _ q: Bool, _ m: inout MutableSpan<Int64>,
        _ time: Int64
    ) -> Bool {
        let ring = StretchRing(node, plane: plane)
        if !p {
            ring.clear(&m)
            return false
        }
        var hasRoom = true
        if q, node.ofPoints {
            hasRoom = ring.append(time &+ node.low, time &+ node.high, &m, mayLengthen: plane == 1)
        } else if q {
            if ring.open(m) == LiftMemory.never { ring.setOpen(time, &m) }
        } else if ring.open(m) != LiftMemory.never {
            hasRoom = ring.append(
                ring.open(m) &+ node.low, time &+ node.high, &m, mayLengthen: plane == 1)
            ring.setOpen(LiftMemory.never, &m)
        }
        if !hasRoom { m[LiftLayout.overflows] &+= 1 }
        ring.removeEnded(by: time, &m)
        // A stretch that still lasts comes after those in the ring.
        guard let (begin, end) = ring.first(m) else {
            return isReached(ring.open(m), node, &m, time)
        }
        arm(node, begin <= time ? end : begin, &m)
        return begin <= time
    }

    /// Whether a question has been without an answer for the time. A simultaneous answer counts.
    private func unanswered(
        _ slot: Int, _ node: Node, asked: Bool, answered: Bool, _ m: inout MutableSpan<Int64>,
        _ time: Int64
    ) -> Bool {
        if answered {
            m[slot] = LiftMemory.never
        } else if asked, m[slot] == LiftMemory.never {
            m[slot] = time
        }
        return isReached(m[slot], node, &m, time)
    }

    /// Whether at least `capacity` points lie in (t − high, t]. A ring of that many times decides
    /// it.
    private func count(
        _ node: Node, _ point: (Bool, Bool), _ m: inout MutableSpan<Int64>, _ time: Int64
    ) -> (Bool, Bool) {
        let n = Int64(node.capacity)
        func note(_ ring: Int, _ isPoint: Bool) -> Bool {
            if isPoint {
                m[ring + 1 + Int(m[ring])] = time
                m[ring] = (m[ring] + 1) % n
            }
            // The oldest of the last n points is where the next one will be written.
            let due = m[ring + 1 + Int(m[ring])] &+ node.high
            if time < due { arm(node, due, &m) }
            return time < due
        }
        let first = Int(node.slot) + 1
        let isTrue = note(first, point.0)
        let isPossible = node.isDefinite ? isTrue : note(first + 1 + Int(n), point.1)
        let knownFrom = m[Int(node.slot)] &+ node.high
        if time < knownFrom { arm(node, knownFrom, &m) }
        return (isTrue, isPossible || time < knownFrom)
    }
}

/// The stretches [begin, end) on which a windowed `since` is or will be true, in order and apart
/// from each other.
///
/// A stretch that touches its predecessor lengthens it. So within a window of `high` at most high /
/// (high − low) + 2 of them exist, however often the operand changes.
struct StretchRing {
    let slot: Int
    let capacity: Int

    init(_ node: Node, plane: Int) {
        capacity = Int(node.capacity)
        slot = Int(node.slot) + plane * (2 + 2 * capacity)
    }

    /// Since when the operand has been true without a break.
    func open(_ m: borrowing MutableSpan<Int64>) -> Int64 { m[slot] }
    func setOpen(_ time: Int64, _ m: inout MutableSpan<Int64>) { m[slot] = time }

    func clear(_ m: inout MutableSpan<Int64>) {
        m[slot] = LiftMemory.never
        m[slot + 1] = 0
    }

    private func head(_ m: borrowing MutableSpan<Int64>) -> Int { Int(m[slot + 1] >> 32) }
    private func count(_ m: borrowing MutableSpan<Int64>) -> Int { Int(m[slot + 1] & 0xFFFF_FFFF) }
    private func position(_ index: Int, _ m: borrowing MutableSpan<Int64>) -> Int {
        let i = head(m) + index
        return slot + 2 + 2 * (i >= capacity ? i - capacity : i)
    }

    func first(_ m: borrowing MutableSpan<Int64>) -> (begin: Int64, end: Int64)? {
        if count(m) == 0 { return nil }
        let position = position(0, m)
        return (m[position], m[position + 1])
    }

    /// - Parameter mayLengthen: without room the last stretch is lengthened instead: "possibly"
    ///   must not become less than it is, nor "surely" more.
    /// - Returns: whether there was room.
    func append(_ begin: Int64, _ end: Int64, _ m: inout MutableSpan<Int64>, mayLengthen: Bool)
        -> Bool
    {
        let count = count(m)
        if count > 0 {
            let last = position(count - 1, m)
            if m[last + 1] >= begin {
                m[last + 1] = max(m[last + 1], end)
                return true
            }
            if count == capacity {
                if mayLengthen { m[last + 1] = end }
                return false
            }
        }
        let free = position(count, m)
        m[free] = begin
        m[free + 1] = end
        m[slot + 1] += 1
        return true
    }

    func removeEnded(by time: Int64, _ m: inout MutableSpan<Int64>) {
        while count(m) > 0, m[position(0, m) + 1] <= time {
            let head = head(m) + 1
            m[slot + 1] = Int64(head == capacity ? 0 : head) << 32 | Int64(count(m) - 1)
        }
    }
}
