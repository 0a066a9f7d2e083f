import LiftModel
import PositionedYAML

/// The bounds of a parameter, as a rule file states them: `off_level_hold: { is: 10s, at_least: 1s,
/// at_most: 10m }`.
///
/// Bounds decide no verdict, so they are no part of a rule's version.
struct ParameterBounds: Sendable {
    private enum Range {
        case durations(ClosedRange<Duration>)
        case numbers(ClosedRange<Double>)
    }
    private let range: Range
    /// `1s to 10m`, as the file writes them.
    let written: String
    /// `00-definitions.yaml:7:19`.
    let location: String

    /// Reads a parameter that is written with its bounds.
    init?(_ node: YAMLNode, _ diagnostics: Diagnostics) {
        var reader = YAMLReader(node, diagnostics)
        // `RuleSet.read` reports mistakes of the value itself.
        let standard = reader.required("is").flatMap { ParameterValue($0, Diagnostics()) }
        let (low, high) = (reader.required("at_least"), reader.required("at_most"))
        reader.finish()
        guard let standard, let low, let high,
            let lowValue = ParameterValue(low, like: standard, diagnostics),
            let highValue = ParameterValue(high, like: standard, diagnostics)
        else { return nil }
        switch (lowValue, highValue) {
        case (.duration(let from), .duration(let to)) where from <= to:
            range = .durations(from...to)
        case (.number(let from), .number(let to)) where from <= to: range = .numbers(from...to)
        default:
            diagnostics.report(
                low,
                "at_least: found \(low.summary), which is more than at_most: \(high.summary). Exchange them"
            )
            return nil
        }
        written = "\(low.text ?? "") to \(high.text ?? "")"
        location = "\(node.file):\(node.line):\(node.column)"
    }

    /// A value of another type lies outside the bounds.
    func contains(_ value: ParameterValue) -> Bool {
        switch (range, value) {
        case (.durations(let range), .duration(let value)): range.contains(value)
        case (.numbers(let range), .number(let value)): range.contains(value)
        default: false
        }
    }
}

extension ParameterValue {
    init?(_ node: YAMLNode, _ diagnostics: Diagnostics) {
        if let number = node.text.flatMap(Double.init) {
            self = .number(number)
        } else if let duration = node.text.flatMap(Duration.init(written:)) {
            self = .duration(duration)
        } else {
            diagnostics.report(
                node, "found \(node.summary), expected a number or a duration such as 10s")
            return nil
        }
    }

    /// A further value of a parameter, which must have the same type.
    init?(_ node: YAMLNode, like current: ParameterValue, _ diagnostics: Diagnostics) {
        guard let value = ParameterValue(node, diagnostics) else { return nil }
        switch (current, value) {
        case (.duration, .number):
            diagnostics.report(node, "found \(node.summary), expected a duration such as 10s")
        case (.number, .duration):
            diagnostics.report(node, "found \(node.summary), expected a number")
        default:
            self = value
            return
        }
        return nil
    }
}
