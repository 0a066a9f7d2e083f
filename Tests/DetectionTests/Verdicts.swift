import LiftModel

@testable import RuleEngine
@testable import RuleTools

/// Evaluates over a trace written as "t:p,q" with T, F and ? for `p` and `q`, a number `x` where
/// given, and codes as [04+90].
func verdicts(
    _ expression: String, _ rows: String, until: Double? = nil, _ history: History = .unknown
)
    throws -> String
{
    var trace = try ExpressionTrace(expression)
    for row in rows.split(separator: " ") {
        let parts = row.split(separator: ":")
        _ = trace.beginRow(Instant(seconds: Double(parts[0])!).nanoseconds)
        for (name, letter) in zip(["p", "q", "x", "y"], parts[1].split(separator: ",")) {
            guard letter != "-", let column = try trace.column(named: name) else { continue }
            switch letter {
            case "T": try trace.add(column, true)
            case "F": try trace.add(column, false)
            case "?": trace.addUnknown(column)
            case _ where letter.first == "[":
                let codes = letter.dropFirst().dropLast().split(separator: "+")
                try trace.add(
                    column, codes: codes.reduce(0) { $0 | FaultCode(rawValue: String($1))!.bit })
            case _ where letter.first!.isLetter:
                try trace.add(column, text: Array(letter.utf8).span)
            default: try trace.add(column, Double(letter)!)
            }
        }
    }
    let end = until.map { Instant(seconds: $0) }
    return try trace.verdicts(until: end, history: history).map {
        "\(JSONNumber.text($0.time.seconds)):\($0.value.map { $0 ? "T" : "F" } ?? "?")"
    }.joined(separator: " ")
}

private enum JSONNumber {
    static func text(_ x: Double) -> String { x == x.rounded() ? String(Int(x)) : String(x) }
}
