import Elevator
import Encoding

/// What physically happened, a line a fact: `{"kind", "lift", "start", "decidable", "end"}` in seconds.
///
/// `decidable` is the moment from which what the lift had published, together with the time that passed, showed it.
struct TruthRow: Sendable {
    var kind: String
    var lift: String
    var start: Double
    var decidable: Double
    var end: Double
    /// People in the car, where that matters.
    var people: Int?
    /// off_level, at_level or silence, for a person who reads the file.
    var place: String?

    func write(to json: inout JSONWriter) {
        json.object {
            $0.put("kind", kind)
            $0.put("lift", lift)
            $0.put("start", start.rounded(toDecimals: 3))
            $0.put("decidable", decidable.rounded(toDecimals: 3))
            $0.put("end", end.rounded(toDecimals: 3))
            $0.put("people", people)
            $0.put("place", place)
        }
        json.line()
    }
}

extension Double {
    func rounded(toDecimals decimals: Int) -> Double {
        let scale = (0..<decimals).reduce(1.0) { p, _ in p * 10 }
        return (self * scale).rounded() / scale
    }
}
