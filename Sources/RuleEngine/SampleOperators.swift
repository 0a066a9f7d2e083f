/// The operators over a number in a window. `min`, `max` and `avg` are unknown unless the whole
/// window is known, `delta` and `rate` unless both ends are.
///
/// Memory, from the node's slot on:
/// - `min`, `max`: the result; the end of the last unknown moment (`never` while it lasts); the
///   present number; the ring's head and count; then for each earlier number that may still be the
///   extreme, the number and its end.
/// - `delta`, `rate`, `avg`: the result (of `avg`: the record's start); the number at the window's
///   begin; the present number; the ring's head and count; then for each change within the window
///   its time and the new number. NaN is "unknown".
extension Program {
    private static let nothingYet: Int64 = -1

    func resetSamples(
        _ node: Node, _ m: inout MutableSpan<Int64>, at time: Int64, isPastUnknown: Bool
    ) {
        let slot = Int(node.slot)
        switch node.operation {
        case .minimum, .maximum:
            m[slot + 1] = isPastUnknown ? time : LiftMemory.beforeAll
            m[slot + 3] = Self.nothingYet
        default:
            m[slot] = isPastUnknown ? LiftMemory.beforeAll : time
            setNumber(slot + 1, .nan, &m)
            setNumber(slot + 2, .nan, &m)
            // If nothing happened before the record, the window begins with its first number.
            m[slot + 3] = isPastUnknown ? 0 : Self.nothingYet
        }
    }

    func evaluateSamples(
        _ index: Int, _ node: Node, _ now: Double, _ m: inout MutableSpan<Int64>,
        _ context: StepContext
    ) -> Bool {
        switch node.operation {
        case .minimum, .maximum: return extreme(index, node, now, &m, context.time)
        case .average:
            followChanges(node, now, &m, context.time)
            return average(index, node, now, &m, context.time)
        default:
            followChanges(node, now, &m, context.time)
            let slot = Int(node.slot)
            let difference = now - number(slot + 1, m)
            let value =
                node.operation == .delta ? difference : difference / (Double(node.high) / 1e9)
            let before = m[slot]
            setNumber(slot, value, &m)
            let knownHasChanged = set(index, surely: !value.isNaN, possibly: true, &m)
            return knownHasChanged || m[slot] != before && !value.isNaN
        }
    }

    private func number(_ index: Int, _ m: borrowing MutableSpan<Int64>) -> Double {
        Double(bitPattern: UInt64(bitPattern: m[index]))
    }
    private func setNumber(_ index: Int, _ value: Double, _ m: inout MutableSpan<Int64>) {
        m[index] = Int64(bitPattern: value.bitPattern)
    }

    // MARK: The ring: head in the upper half of its word, count in the lower

    private func entryCount(_ node: Node, _ m: borrowing MutableSpan<Int64>) -> Int {
        Int(m[Int(node.slot) + 3] & 0xFFFF_FFFF)
    }
    private func entry(_ i: Int, _ node: Node, _ m: borrowing MutableSpan<Int64>) -> Int {
        Int(node.slot) + 4 + 2 * ((Int(m[Int(node.slot) + 3] >> 32) + i) % Int(node.capacity))
    }
    private func append(
        _ first: Int64, _ second: Int64, _ node: Node, _ m: inout MutableSpan<Int64>
    ) -> Bool {
        let count = entryCount(node, m)
        if count == Int(node.capacity) {
            m[LiftLayout.overflows] &+= 1
            return false
        }
        let position = entry(count, node, m)
        m[position] = first
        m[position + 1] = second
        m[Int(node.slot) + 3] += 1
        return true
    }
    private func removeFirst(_ node: Node, _ m: inout MutableSpan<Int64>) {
        let position = Int(node.slot) + 3
        let head = (Int(m[position] >> 32) + 1) % Int(node.capacity)
        m[position] = Int64(head) << 32 | Int64(entryCount(node, m) - 1)
    }

    // MARK: Extremes

    private func extreme(
        _ index: Int, _ node: Node, _ now: Double, _ m: inout MutableSpan<Int64>, _ time: Int64
    ) -> Bool {
        let slot = Int(node.slot)
        func isBeaten(_ a: Double, by b: Double) -> Bool {
            node.operation == .maximum ? a <= b : a >= b
        }
        if now.isNaN {
            m[slot + 1] = LiftMemory.never
            m[slot + 3] = Self.nothingYet
            return set(index, surely: false, possibly: true, &m)
        }
        if m[slot + 1] == LiftMemory.never { m[slot + 1] = time }
        if m[slot + 3] == Self.nothingYet {
            m[slot + 3] = 0
        } else if number(slot + 2, m) != now {
            // The previous number ends here. Lesser ones that ended before it can no longer be the
            // extreme.
            let ended = number(slot + 2, m)
            while entryCount(node, m) > 0,
                isBeaten(number(entry(entryCount(node, m) - 1, node, m), m), by: ended)
            {
                m[slot + 3] -= 1
            }
            if !append(Int64(bitPattern: ended.bitPattern), time, node, &m) { m[slot + 1] = time }
        }
        setNumber(slot + 2, now, &m)
        while entryCount(node, m) > 0, m[entry(0, node, m) + 1] &+ node.high <= time {
            removeFirst(node, &m)
        }
        var value = now
        if entryCount(node, m) > 0 {
            let position = entry(0, node, m)
            if !isBeaten(number(position, m), by: now) { value = number(position, m) }
            arm(node, m[position + 1] &+ node.high, &m)
        }
        let knownFrom = m[slot + 1] &+ node.high
        if time < knownFrom { arm(node, knownFrom, &m) }
        let before = m[slot]
        setNumber(slot, value, &m)
        let knownHasChanged = set(index, surely: time >= knownFrom, possibly: true, &m)
        return knownHasChanged || m[slot] != before && time >= knownFrom
    }

    // MARK: Then and now

    /// Stores the number at the window's begin and the changes since.
    private func followChanges(
        _ node: Node, _ now: Double, _ m: inout MutableSpan<Int64>, _ time: Int64
    ) {
        let slot = Int(node.slot)
        if m[slot + 3] == Self.nothingYet {
            m[slot + 3] = 0
            setNumber(slot + 1, now, &m)
            setNumber(slot + 2, now, &m)
        }
        if m[slot + 2] != Int64(bitPattern: now.bitPattern) {
            if !append(time, Int64(bitPattern: now.bitPattern), node, &m) {
                // Without room for the change, the window is unknown until the change has left it.
                let last = entry(entryCount(node, m) - 1, node, m)
                m[last] = time
                setNumber(last + 1, .nan, &m)
            }
            setNumber(slot + 2, now, &m)
        }
        while entryCount(node, m) > 0, m[entry(0, node, m)] <= time &- node.high {
            m[slot + 1] = m[entry(0, node, m) + 1]
            removeFirst(node, &m)
        }
        if entryCount(node, m) > 0 { arm(node, m[entry(0, node, m)] &+ node.high, &m) }
    }

    /// Compares the mean over the window with a number. Between changes the mean moves on a known
    /// curve, so the moment at which it crosses the number is computed, not sampled.
    private func average(
        _ index: Int, _ node: Node, _ now: Double, _ m: inout MutableSpan<Int64>, _ time: Int64
    ) -> Bool {
        let slot = Int(node.slot)
        let limit = Double(bitPattern: node.constant)
        let isClipped = time &- node.high < m[slot]
        // Sum of (number − limit) × time: its sign tells on which side of the limit the mean is.
        var excess = 0.0
        var from = max(time &- node.high, m[slot])
        var value = number(slot + 1, m)
        for i in 0..<entryCount(node, m) {
            let position = entry(i, node, m)
            excess += (value - limit) * Double(m[position] &- from)
            from = m[position]
            value = number(position + 1, m)
        }
        excess += (value - limit) * Double(time &- from)
        if isClipped {
            arm(node, m[slot] &+ node.high, &m)
            // A window without length holds the present moment only.
            if m[slot] == time { excess = now - limit }
        }
        if excess.isNaN { return set(index, surely: false, possibly: true, &m) }
        let isBelow = node.comparison == .less ? excess < 0 : excess <= 0
        let slope = isClipped ? now - limit : now - number(slot + 1, m)
        if slope != 0, isBelow == (slope > 0), m[slot] != time || !isClipped {
            let wait = (-excess / slope).rounded(.up)
            if wait < Double(node.high) { arm(node, time &+ max(1, Int64(wait)), &m) }
        }
        return set(index, surely: isBelow, possibly: isBelow, &m)
    }
}
