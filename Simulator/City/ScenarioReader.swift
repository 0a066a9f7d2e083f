import LiftModel
import PositionedYAML

/// Values that scenarios and the catalogue have.
extension YAMLReader {
    mutating func number(_ key: String, in range: ClosedRange<Double>) -> Double? {
        guard let node = optional(key), let number = number(of: node) else { return nil }
        return check(number, in: range, at: node)
    }

    func check(_ number: Double, in range: ClosedRange<Double>, at node: YAMLNode) -> Double {
        if !(range ~= number) {
            diagnostics.report(
                node,
                "found \(node.summary), expected a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return min(max(number, range.lowerBound), range.upperBound)
    }

    /// A number from 0 to 1.
    mutating func share(_ key: String) -> Double? {
        guard let node = optional(key), let share = number(of: node) else { return nil }
        if 0...1 ~= share { return share }
        diagnostics.report(node, "found \(node.summary), expected a share from 0 to 1")
        return nil
    }

    /// Seconds, more than none.
    mutating func longer(_ key: String) -> Double? {
        guard let node = optional(key), let seconds = duration(of: node)?.inSeconds else {
            return nil
        }
        if seconds > 0 { return seconds }
        diagnostics.report(node, "found \(node.summary), expected longer than 0s")
        return nil
    }

    /// Two durations, the shorter first; seconds.
    mutating func durations(_ key: String) -> ClosedRange<Double>? {
        guard let node = optional(key) else { return nil }
        let ends = items(key).compactMap { duration(of: $0)?.inSeconds }
        if ends.count == 2, 0 <= ends[0], ends[0] <= ends[1] { return ends[0]...ends[1] }
        diagnostics.report(node, "expected two durations, the shorter first: [5s, 20s]")
        return nil
    }

    /// A share beside others; their sum may be anything.
    func weight(of node: YAMLNode) -> Double? {
        number(of: node).map { check($0, in: 0...1e9, at: node) }
    }

    func expectWeight(_ shares: [Double], at node: YAMLNode) {
        if diagnostics.isEmpty, !shares.contains(where: { $0 > 0 }) {
            diagnostics.report(node, "expected shares, at least one of them above 0")
        }
    }
}
