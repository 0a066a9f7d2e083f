@testable import Monitoring

/// The definition of the rule language, evaluated over a whole trace: slow and obviously right.
///
/// Time is counted in steps. Everything changes on whole steps, and windows are whole steps, so a
/// value holds from its step up to the next. −1 is false, 0 unknown, 1 true. Nothing here is shared
/// with the engine.
struct Definition {
    let trace: FormulaTrace
    let isComplete: Bool
    /// The length of a step, and the number of steps between midnight and the first.
    var step = Duration.seconds(1)
    var origin = 0

    private var steps: Range<Int> { 0..<trace.steps + 1 }

    /// A condition's value from each step on, or whether a point is at each step.
    func truth(_ f: Formula) -> [Int] {
        switch f.op {
        case .signal:
            return trace.values(Formula.signals[f.constant]).map { value in
                if case .flag(let flag) = value { flag ? 1 : -1 } else { 0 }
            }
        case .named:
            return trace.values("e").map { value in
                if case .name(let name) = value {
                    name == ["red", "blue"][f.constant % 2] ? 1 : -1
                } else {
                    0
                }
            }
        case .compare:
            return number(f.parts[0]).map {
                $0.map { Self.compare($0, f.low, f.constant) ? 1 : -1 } ?? 0
            }
        case .not: return truth(f.parts[0]).map { -$0 }
        case .and, .pointAnd: return zip(truth(f.parts[0]), truth(f.parts[1])).map(min)
        case .or, .pointOr: return zip(truth(f.parts[0]), truth(f.parts[1])).map(max)
        case .implies: return zip(truth(f.parts[0]), truth(f.parts[1])).map { max(-$0, $1) }
        case .known: return truth(f.parts[0]).map { $0 == 0 ? -1 : 1 }
        case .possibly: return truth(f.parts[0]).map { $0 == -1 ? -1 : 1 }
        case .once: return once(truth(f.parts[0]), f, isPoint: f.parts[0].sort == .point)
        case .held: return once(truth(f.parts[0]).map { -$0 }, f, isPoint: false).map { -$0 }
        case .since:
            return since(
                truth(f.parts[0]), truth(f.parts[1]), f, isPoint: f.parts[1].sort == .point)
        case .latched:
            return latched(
                truth(f.parts[0]), truth(f.parts[1]), setByPoint: f.parts[0].sort == .point,
                resetByPoint: f.parts[1].sort == .point)
        case .notFollowed: return notFollowed(arrival(f.parts[0]), truth(f.parts[1]), f.high!)
        case .previous:
            return previous(truth(f.parts[0]).map { $0 == 0 ? nil : $0 }).map { $0 ?? 0 }
        case .count: return count(truth(f.parts[0]), f)
        case .countWhere: return countWhere(truth(f.parts[0]), number(f.parts[1]), f)
        case .age: return age(f)
        case .silent: return silent(f.high!)
        case .rise: return rise(truth(f.parts[0]))
        case .fall: return rise(truth(f.parts[0]).map { -$0 })
        case .changes:
            let values = truth(f.parts[0])
            return zip(rise(values), rise(values.map { -$0 })).map(max)
        case .changesNumber: return changes(number(f.parts[0]))
        case .then: return then(arrival(f.parts[0]), arrival(f.parts[1]), within: f.high!)
        case .number, .add, .minimum, .maximum, .delta, .previousNumber, .today, .usual:
            fatalError("a number has no truth")
        }
    }

    private func changes(_ values: [Double?]) -> [Int] {
        steps.map { t in
            guard t > 0, let before = values[t - 1], let now = values[t] else { return -1 }
            return before != now ? 1 : -1
        }
    }

    private func then(_ first: [Int], _ second: [Int], within high: Int) -> [Int] {
        steps.map { t in
            var before = t - high - 1 < 0 && !isComplete && t <= high ? 0 : -1
            for s in max(0, t - high)...t { before = max(before, first[s]) }
            return min(second[t], before)
        }
    }

    func number(_ f: Formula) -> [Double?] {
        switch f.op {
        case .number:
            return trace.values(Formula.numbers[f.constant]).map { value in
                if case .number(let n) = value { Double(n) } else { nil }
            }
        case .add:
            return zip(number(f.parts[0]), number(f.parts[1])).map { a, b in
                a.flatMap { a in b.map { a + $0 } }
            }
        case .minimum: return extreme(number(f.parts[0]), f.high!, Swift.min)
        case .maximum: return extreme(number(f.parts[0]), f.high!, Swift.max)
        case .delta:
            let x = number(f.parts[0])
            return steps.map { t in
                let then = t - f.high!
                if then < 0, !isComplete { return nil }
                return x[t].flatMap { now in x[max(0, then)].map { now - $0 } }
            }
        case .previousNumber: return previous(number(f.parts[0]))
        case .today:
            let point = truth(f.parts[0])
            return steps.map { count(point, ofDay: day($0), upTo: $0).map(Double.init) }
        case .usual: return usual(truth(f.parts[0]), f.high!)
        default: fatalError("\(f) is no number")
        }
    }

    private static func compare(_ x: Double, _ comparison: Int, _ limit: Int) -> Bool {
        let c = Double(limit)
        return [x < c, x <= c, x == c, x != c, x > c, x >= c][comparison]
    }

    /// At some moment of [t − high, t − low]; a point in (t − high, t − low].
    private func once(_ q: [Int], _ f: Formula, isPoint: Bool) -> [Int] {
        guard let high = f.high else { return ever(q, f.low) }
        return since(Array(repeating: 1, count: q.count), q, low: f.low, high: high, isPoint)
    }

    /// The step at which an event arrives: a point, or a condition that becomes true.
    private func arrival(_ f: Formula) -> [Int] { f.sort == .point ? truth(f) : rise(truth(f)) }

    /// Over the record, of the moments at which it was known.
    private func ever(_ q: [Int], _ low: Int) -> [Int] {
        steps.map { t in
            let known = q.prefix(max(0, t - low + 1)).filter { $0 != 0 }
            return known.contains(1) ? 1 : known.contains(-1) || isComplete ? -1 : 0
        }
    }

    private func since(_ p: [Int], _ q: [Int], _ f: Formula, isPoint: Bool) -> [Int] {
        since(p, q, low: f.low, high: f.high, isPoint)
    }

    /// q at some t′ of the window, and p on (t′, t].
    private func since(_ p: [Int], _ q: [Int], low: Int, high: Int?, _ isPoint: Bool) -> [Int] {
        steps.map { t in
            var best = -1
            let first = high.map { t - $0 + (isPoint ? 1 : 0) } ?? 0
            for s in stride(from: t - low, through: max(0, first), by: -1) {
                // At this very moment (t, t] is empty, so p has no effect. A point lasts only while
                // p does.
                if s == t, !isPoint { best = max(best, q[t]) }
                if s < t || isPoint { best = max(best, min(q[s], p[s...t].min()!)) }
            }
            // The time before the record is unknown; without an upper end the window is the record.
            if let high, t - high < 0, !isComplete { best = max(best, min(0, p[...t].min()!)) }
            return best
        }
    }

    /// True from when `set` is true until `reset` is true and `set` is not. A point sets what comes
    /// after it.
    private func latched(_ set: [Int], _ reset: [Int], setByPoint: Bool, resetByPoint: Bool)
        -> [Int]
    {
        steps.map { t in
            func lasts(from s: Int) -> Int {
                (s...t).map { setByPoint ? -reset[$0] : max(set[$0], -reset[$0]) }.min() ?? 1
            }
            var best = isComplete ? -1 : min(0, lasts(from: 0))
            for s in 0...t {
                let after = setByPoint && !resetByPoint ? s : s + 1
                best = max(best, min(set[s], after > t ? 1 : lasts(from: after)))
            }
            return best
        }
    }

    private func notFollowed(_ asked: [Int], _ answered: [Int], _ within: Int) -> [Int] {
        steps.map { t in
            var best = -1
            for s in stride(from: 0, through: t - within, by: 1) {
                best = max(best, min(asked[s], -(answered[s...t].max()!)))
            }
            return best
        }
    }

    /// The value before the latest change between known values.
    private func previous<Value: Equatable>(_ values: [Value?]) -> [Value?] {
        steps.map { t in
            var different: [Value] = []
            for case let value? in values[...t] where different.last != value {
                different.append(value)
            }
            return different.count < 2 ? nil : different[different.count - 2]
        }
    }

    private func count(_ point: [Int], _ f: Formula) -> [Int] {
        steps.map { t in
            let window = point[max(0, t - f.high! + 1)...t]
            let isKnown = t - f.high! >= 0 || isComplete
            return compare(window.count { $0 == 1 }, isKnown ? window.count { $0 >= 0 } : .max, f)
        }
    }

    /// A count between `surely` and `possibly`: any number between them is possible.
    private func compare(_ surely: Int, _ possibly: Int, _ f: Formula) -> Int {
        let outcomes = Set(
            (surely...min(possibly, 20)).map { Self.compare(Double($0), f.low, f.constant) })
        return outcomes.count == 2 ? 0 : outcomes.contains(true) ? 1 : -1
    }

    /// The points that came while the number had its present value: of the latest 16 points, and of
    /// the latest 16 possible ones.
    private func countWhere(_ point: [Int], _ x: [Double?], _ f: Formula) -> [Int] {
        // A count of at least 0 is true whatever the number is.
        let isTrivial = [0, 5].contains(f.low) && f.constant == 0
        return steps.map { t in
            guard let now = x[t] else { return isTrivial ? (f.low == 5 ? 1 : -1) : 0 }
            let window = max(0, t - f.high! + 1)...t
            let certain = window.filter { point[$0] == 1 }.suffix(16)
            let possible = window.filter { point[$0] >= 0 }
            let isKnown = (t - f.high! >= 0 || isComplete) && possible.count <= 16
            return compare(
                certain.count { x[$0] == now },
                isKnown ? possible.count { x[$0] == now || x[$0] == nil } : .max, f)
        }
    }

    /// The number of a step's day.
    private func day(_ t: Int) -> Int64 {
        (step * (t + origin)).nanoseconds / Duration.seconds(86_400).nanoseconds
    }

    /// nil: unknown.
    private func count(_ point: [Int], ofDay wanted: Int64, upTo now: Int) -> Int? {
        let its = (0...now).filter { day($0) == wanted }
        // The record began during this day, later than at midnight.
        let isPart =
            its.first == 0
            && (step * origin).nanoseconds % Duration.seconds(86_400).nanoseconds != 0
        if its.isEmpty || isPart && !isComplete || its.contains(where: { point[$0] == 0 }) {
            return nil
        }
        return its.count { point[$0] == 1 }
    }

    private func usual(_ point: [Int], _ days: Int) -> [Double?] {
        steps.map { t in
            let counts = (day(t) - Int64(days)..<day(t)).compactMap {
                count(point, ofDay: $0, upTo: t)
            }
            .filter { $0 > 0 }
            return 2 * counts.count < days
                ? nil : Double(counts.reduce(0, +)) / Double(counts.count)
        }
    }

    private func rise(_ values: [Int]) -> [Int] {
        steps.map { t in t > 0 && values[t - 1] == -1 && values[t] == 1 ? 1 : -1 }
    }

    private func extreme(_ x: [Double?], _ window: Int, _ choose: (Double, Double) -> Double)
        -> [Double?]
    {
        steps.map { t in
            if t - window < 0, !isComplete { return nil }
            let values = x[max(0, t - window)...t]
            return values.contains { $0 == nil }
                ? nil : values.compactMap { $0 }.reduce(values.first!!, choose)
        }
    }

    private func age(_ f: Formula) -> [Int] {
        let signal = Formula.numbers[f.constant]
        return steps.map { t in
            let reported = trace.rows.last {
                $0.step <= t && $0.samples.contains { $0.signal == signal }
            }
            guard let reported else { return 0 }
            return (t - reported.step >= f.high!) == (f.low == 0) ? 1 : -1
        }
    }

    private func silent(_ window: Int) -> [Int] {
        steps.map { t in t - (trace.rows.last { $0.step <= t }?.step ?? 0) >= window ? 1 : -1 }
    }
}
