import Connectivity
import Encoding
import Gateway
import LiftModel

/// The status as a text for a person: failed checks first. Times are those of the file.
extension StatusSnapshot {
    /// - Parameter columns: the width of the terminal; nil where the output goes elsewhere and a
    ///   row is a line.
    func text(columns: Int?) -> String {
        let failures = failures(columns)
        var lines = failures + (failures.isEmpty ? [] : [""])
        lines += wrapped(headline, to: columns)
        for route in routes {
            let state = state(
                isConnected: route.isConnected, hasProblems: !route.problems.isEmpty)
            lines += wrapped("  \(route.name) \(route.url)   \(state)", to: columns)
        }
        lines += incidentLines + liftLines + badInputLines(columns)
        return lines.joined(separator: "\n")
    }

    /// The failed checks, each with what to do; then the checks without a verdict, which are no
    /// failures.
    private func failures(_ columns: Int?) -> [String] {
        checks(.failed).flatMap { row($0, "31", columns) }
            + checks(.unknown).flatMap { row($0, "33", columns) }
    }

    private func row(_ check: CheckRow, _ colour: String, _ columns: Int?) -> [String] {
        func sentence(_ text: some StringProtocol) -> String {
            String(text) + (text.last.map { ".?".contains($0) } == true ? "" : ".")
        }
        let found = check.finding.split(separator: "\n")
        let advice = check.advice.map { " " + $0 } ?? ""
        guard found.count > 1 else {
            return wrapped(
                styled("\(check.title): ", colour) + sentence(check.finding) + advice, to: columns)
        }
        // Several findings of one check have a line each.
        return [styled("\(check.title):", colour)]
            + found.flatMap { wrapped("  " + sentence($0), to: columns) }
            + (advice.isEmpty ? [] : wrapped(" " + advice, to: columns))
    }

    private var headline: String {
        let brokerState =
            broker.isConnected && !broker.isDrained
            ? "draining the backlog"
            : state(isConnected: broker.isConnected, hasProblems: !broker.problems.isEmpty)
        let receipt = centre.lastReceiptAgeSeconds.map { " (receipt \(Self.span($0)) ago)" } ?? ""
        let centreState =
            state(
                isConnected: centre.isConnected,
                hasProblems: checks(.failed).contains { Self.aboutDelivery.contains($0.subject) })
            + (centre.isConnected ? receipt : "")
        let clock =
            abs(wallOffsetSeconds) < 1
            ? "steady" : "stepped by \(Self.span(abs(wallOffsetSeconds)))"
        return
            "\(siteName ?? site)   up \(Self.span(upSeconds))   broker \(brokerState)   centre \(centreState)   backlog \(centre.backlog)   clock \(clock)"
    }

    private static let aboutDelivery = Set(
        [Gateway.Check.Subject.routes, .receipts, .refusals].map(\.rawValue))

    /// A connection that stands may still deliver nothing: then a row above says why.
    private func state(isConnected: Bool, hasProblems: Bool) -> String {
        if isConnected { return hasProblems ? styled("see above", "33") : styled("ok", "32") }
        return upSeconds < Self.settlingSeconds ? "connecting" : styled("DOWN", "31")
    }
    /// The first connections of a start take their time.
    private static let settlingSeconds = 5.0

    /// The table of lifts; those with open alerts come first.
    private var liftLines: [String] {
        let sorted = lifts.sorted {
            ($0.alerts.isEmpty ? 1 : 0, $0.id) < ($1.alerts.isEmpty ? 1 : 0, $1.id)
        }
        let work = sorted.compactMap { lift in
            lift.maintenanceSeconds.map {
                "Work is announced on \(name(lift)): \(Self.span($0)) left."
            }
        }
        return [
            "",
            table(
                [["LIFT", "FLOOR", "STATE", "DOORS", "OCCUPIED", "HEARD", "OPEN"]] + sorted.map(row)
            ),
        ] + work
    }

    private func name(_ lift: Lift) -> String {
        let end = (lift.id.count > 8 ? "…" : "") + lift.id.suffix(8)
        return lift.place.map { "\(cut($0, 9)) (…\(lift.id.suffix(4)))" } ?? end
    }

    private func row(_ lift: Lift) -> [String] {
        func flag(_ name: String) -> Bool? {
            if case .flag(let value)? = lift.signals[name] { value } else { nil }
        }
        func number(_ name: String) -> Double? {
            if case .number(let value)? = lift.signals[name] { value } else { nil }
        }
        func text(_ name: String) -> String? {
            if case .text(let value)? = lift.signals[name] { value } else { nil }
        }
        let isFar = flag("in_door_zone") == false
        let motion =
            flag("moving").map { $0 ? "moving \(text("direction") ?? "")" : "stopped" } ?? "-"
        let mode = text("mode").flatMap { $0 == "normal" ? nil : $0 }
        let doors =
            flag("doors.front.fully_open") == true
            ? "open" : flag("doors.front.locked").map { $0 ? "closed" : "not closed" } ?? "-"
        // If every message is refused, the time of the last one says nothing.
        let isRefused = lift.alerts.contains { $0.kind == "lift_refused" }
        return [
            name(lift),
            number("floor").map {
                (isFar ? "~" : "") + (Int(exactly: $0).map(String.init) ?? String($0))
            } ?? "-",
            cut([motion, mode].compactMap { $0 }.joined(separator: ", "), 19),
            doors, lift.occupancy,
            isRefused ? "refused" : lift.lastWordSeconds.map { Self.span($0) } ?? "never",
            lift.alerts.isEmpty ? "" : styled("\(lift.alerts.count)", "31"),
        ]
    }

    private func badInputLines(_ columns: Int?) -> [String] {
        if badInput.counts.all.isEmpty { return [] }
        let counts = badInput.counts.all.map { "\($0.name) \($0.value)" }
        var lines = [""]
        lines += wrapped(
            "Bad input (\(counted(badInput.refused, "message")) refused, the others used except for the parts named here): \(counts.joined(separator: ", "))",
            to: columns)
        for value in badInput.values.sorted(by: { $0.count > $1.count }).prefix(10) {
            lines += wrapped(
                "  \(value.kind): `\(value.field)` \(value.value), \(counted(value.count, "time")) (profile \(value.profile))",
                to: columns)
        }
        // The newest specimen of each topic and kind.
        var seen: Set<String> = []
        let examples = badInput.last.reversed().filter {
            seen.insert($0.kind + " " + $0.topic).inserted
        }.prefix(5)
        for example in examples.reversed() {
            lines += wrapped(
                "  \(example.topic): \(example.kind): \(example.explanation)", to: columns)
        }
        return lines
    }

    static func span(_ seconds: Double) -> String { Duration.seconds(seconds).spanText }
}
