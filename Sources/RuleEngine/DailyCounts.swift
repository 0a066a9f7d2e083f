/// `today(point)` and `usual(point, days)`: points counted per day. A day is one of UTC, [k × 24 h,
/// (k + 1) × 24 h) since 1970.
///
/// A day's count is unknown if the record began during that day, or if a point was unknown at any
/// moment of it. `today` is the present day's count so far. `usual` is the mean of the counts of
/// the `capacity` days before that are known and not zero. A day without a point may be one on
/// which the lift was switched off or not observed. `usual` is unknown while fewer than half of
/// these days count.
///
/// Memory, from the node's slot on: the result; the present day; its count so far; then for `usual`
/// the count of each earlier day, day d at d mod `capacity`. A count that does not enter a mean is
/// `unknown`.
extension Program {
    private static let day: Int64 = 86_400_000_000_000
    private static let unknown: Int64 = -1

    /// The number of the day, and its start.
    private static func bucket(_ time: Int64) -> (day: Int64, start: Int64) {
        let day = time >= 0 ? time / Self.day : (time - Self.day + 1) / Self.day
        return (day, day * Self.day)
    }

    func resetDays(_ node: Node, _ m: inout MutableSpan<Int64>, at time: Int64, isPastUnknown: Bool)
    {
        let slot = Int(node.slot)
        let (day, start) = Self.bucket(time)
        m[slot + 1] = day
        m[slot + 2] = isPastUnknown && start < time ? Self.unknown : 0
        for i in 0..<Int(node.capacity) { m[slot + 3 + i] = Self.unknown }
    }

    /// - Parameter isPoint: nil: unknown.
    func countDays(
        _ index: Int, _ node: Node, _ isPoint: Bool?, _ m: inout MutableSpan<Int64>, _ time: Int64
    ) -> Bool {
        let slot = Int(node.slot)
        let (day, start) = Self.bucket(time)
        if m[slot + 1] < day { begin(day, node, &m) }
        if isPoint == nil {
            m[slot + 2] = Self.unknown
        } else if isPoint == true, m[slot + 2] != Self.unknown {
            m[slot + 2] += 1
        }
        arm(node, start &+ Self.day, &m)
        let number = node.operation == .today ? Double(m[slot + 2]) : mean(node, m)
        let isKnown = number >= 0
        let before = m[slot]
        m[slot] = Int64(bitPattern: number.bitPattern)
        let knownHasChanged = set(index, surely: isKnown, possibly: true, &m)
        return knownHasChanged || isKnown && m[slot] != before
    }

    /// The present day is over, and so may be later days without a point.
    private func begin(_ day: Int64, _ node: Node, _ m: inout MutableSpan<Int64>) {
        let slot = Int(node.slot)
        let days = Int64(node.capacity)
        for past in max(m[slot + 1], day - days)..<day {
            let count = past == m[slot + 1] ? m[slot + 2] : 0
            m[slot + 3 + Int((past % days + days) % days)] = count > 0 ? count : Self.unknown
        }
        m[slot + 1] = day
        m[slot + 2] = 0
    }

    private func mean(_ node: Node, _ m: borrowing MutableSpan<Int64>) -> Double {
        var sum: Int64 = 0
        var days = 0
        for i in 0..<Int(node.capacity) where m[Int(node.slot) + 3 + i] != Self.unknown {
            sum += m[Int(node.slot) + 3 + i]
            days += 1
        }
        return 2 * days < Int(node.capacity) ? Double(Self.unknown) : Double(sum) / Double(days)
    }
}
