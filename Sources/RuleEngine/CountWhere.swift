/// `count(point, window, number) >= n`: at least n of the points in (t − high, t] came while the
/// number had its present value. With the floor as the number it counts events at the landing where
/// the car is.
///
/// At most `capacity` points are remembered. A further point within the window replaces the oldest
/// one. Until that oldest point leaves the window it may have been a point at any number, so the
/// verdict is unknown where it would be false.
///
/// Memory, from the node's slot on: since when the past is known; then for each of "surely" and
/// "possibly" (one ring for both if the point is never unknown) the ring's head and count, and for
/// each point its time and the number. NaN is "unknown".
extension Program {
    func resetCountWhere(
        _ node: Node, _ m: inout MutableSpan<Int64>, at time: Int64, isPastUnknown: Bool
    ) {
        m[Int(node.slot)] = isPastUnknown ? time : LiftMemory.beforeAll
        for plane in 0..<(node.isDefinite ? 1 : 2) { m[PointRing(node, plane: plane).slot] = 0 }
    }

    func countWhere(
        _ index: Int, _ node: Node, _ number: Double?, _ m: inout MutableSpan<Int64>, _ time: Int64
    ) -> Bool {
        let slot = Int(node.slot)
        func follow(_ ring: PointRing, _ isPoint: Bool) {
            if isPoint, let forgotten = ring.append(time, number ?? .nan, &m) {
                m[slot] = max(m[slot], forgotten)
            }
            ring.removeAll(until: time &- node.high, &m)
            if let oldest = ring.oldest(m) { arm(node, oldest &+ node.high, &m) }
        }
        let certain = PointRing(node, plane: 0)
        let possible = PointRing(node, plane: node.isDefinite ? 0 : 1)
        follow(certain, surely(node.b, m))
        if !node.isDefinite { follow(possible, possibly(node.b, m)) }
        let knownFrom = m[slot] &+ node.high
        if time < knownFrom { arm(node, knownFrom, &m) }
        let n = Int(node.constant)
        guard let number else { return set(index, surely: false, possibly: true, &m) }
        return set(
            index, surely: certain.count(of: number, orUnknown: false, m) >= n,
            possibly: time < knownFrom || possible.count(of: number, orUnknown: true, m) >= n, &m)
    }
}

/// Points with the number at each, ordered by time.
struct PointRing {
    let slot: Int
    let capacity: Int

    static func size(_ capacity: Int) -> Int { 1 + 2 * capacity }

    init(_ node: Node, plane: Int) {
        capacity = Int(node.capacity)
        slot = Int(node.slot) + 1 + plane * Self.size(capacity)
    }

    // Head of the ring in the upper half of its word, count in the lower.
    private func count(_ m: borrowing MutableSpan<Int64>) -> Int { Int(m[slot] & 0xFFFF_FFFF) }
    private func position(_ index: Int, _ m: borrowing MutableSpan<Int64>) -> Int {
        slot + 1 + 2 * ((Int(m[slot] >> 32) + index) % capacity)
    }

    func oldest(_ m: borrowing MutableSpan<Int64>) -> Int64? {
        count(m) == 0 ? nil : m[position(0, m)]
    }

    private func removeOldest(_ m: inout MutableSpan<Int64>) {
        let head = (Int(m[slot] >> 32) + 1) % capacity
        m[slot] = Int64(head) << 32 | Int64(count(m) - 1)
    }

    /// - Returns: the time of the point that it replaced.
    func append(_ time: Int64, _ number: Double, _ m: inout MutableSpan<Int64>) -> Int64? {
        var forgotten: Int64?
        if count(m) == capacity {
            forgotten = oldest(m)
            removeOldest(&m)
        }
        let free = position(count(m), m)
        m[free] = time
        m[free + 1] = Int64(bitPattern: number.bitPattern)
        m[slot] += 1
        return forgotten
    }

    func removeAll(until time: Int64, _ m: inout MutableSpan<Int64>) {
        while let oldest = oldest(m), oldest <= time { removeOldest(&m) }
    }

    func count(of number: Double, orUnknown: Bool, _ m: borrowing MutableSpan<Int64>) -> Int {
        var found = 0
        for i in 0..<count(m) {
            let then = Double(bitPattern: UInt64(bitPattern: m[position(i, m) + 1]))
            if then == number || orUnknown && then.isNaN { found += 1 }
        }
        return found
    }
}
