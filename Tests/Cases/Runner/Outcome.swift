import FoundationEssentials

/// The result of `hoistway` for one file: its exit status, its output, and the alerts in the
/// output.
struct Outcome {
    /// One revision of an alert, as the centre would receive it.
    struct Revision: Decodable {
        struct Content: Decodable {
            var id: String
            var kind: String
            var state: String
            var reason: String
            var seconds: Double
            enum CodingKeys: String, CodingKey {
                case kind, state, reason
                case id = "alert_id"
                case seconds = "event_s"
            }
        }
        var subject: String
        var data: Content
        var json = ""
        enum CodingKeys: CodingKey { case subject, data }
    }

    var status: Int32
    var output: String
    var revisions: [Revision] = []
    /// The time of the trace's first row.
    var start = 0.0

    init(status: Int32, output: String, errors: String, trace: String?) {
        self.status = status
        self.output = output + errors
        guard let trace else { return }
        struct Row: Decodable { var t: Double }
        let decoder = JSONDecoder()
        // A case may have a damaged first row; its times then count from 1970.
        let first = trace.prefix { $0 != "\n" }
        if let row = try? decoder.decode(Row.self, from: Data(first.utf8)) { start = row.t }
        for line in output.split(separator: "\n") {
            // Lines that are no alerts are in `output` only, where a row with texts finds them.
            guard var revision = try? decoder.decode(Revision.self, from: Data(line.utf8)) else {
                continue
            }
            revision.json = String(line)
            revisions.append(revision)
        }
    }

    var lastLine: Substring { output.split(separator: "\n").last ?? "no output" }

    func seconds(_ revision: Revision) -> Double { revision.data.seconds - start }
}

extension Expectation {
    /// Whether the outcome is as expected, and a summary of the result.
    /// - Parameter other: the outcome of the run with which a row of `apart` is compared.
    func verdict(_ outcome: Outcome, other: Outcome?) -> (isMet: Bool, result: String) {
        // A program that a signal has ended counts neither as accepting nor as refusing.
        if outcome.status < 0 { return (false, "ended by signal \(-outcome.status)") }
        if case .exits(let accepted) = demand {
            let missing = texts.filter { !Self.holds($0, in: outcome.output) }
            let exit = outcome.status == 0 ? "accepted" : "refused (exit code \(outcome.status))"
            return (
                (outcome.status == 0) == accepted && missing.isEmpty,
                missing.isEmpty ? exit : "\(exit), not met: '\(missing.joined(separator: "; "))'"
            )
        }
        if outcome.status != 0 {
            return (false, "exit code \(outcome.status): \(outcome.lastLine)")
        }
        let fitting = outcome.revisions.filter(fits)
        switch demand {
        case .within(let window): return first(fitting, in: window, outcome)
        case .never:
            guard let first = fitting.first else { return (true, "none") }
            return (false, description(of: first, outcome))
        case .ids(let count):
            let ids = Set(fitting.map(\.data.id)).count
            return (ids == count, "\(ids) ids")
        case .atEnd(let isOpen):
            let last = Dictionary(fitting.map { ($0.data.id, $0) }, uniquingKeysWith: { $1 })
            let open = last.values.filter {
                ["suspected", "confirmed", "raised"].contains($0.data.state)
            }
            if last.isEmpty { return (false, "no alert") }
            return (open.isEmpty != isOpen, open.isEmpty ? "closed" : "open")
        case .apart:
            let ids = Set(fitting.map(\.data.id))
            let common = ids.intersection((other?.revisions ?? []).filter(fits).map(\.data.id))
            return (
                !ids.isEmpty && other?.revisions.isEmpty == false && common.isEmpty,
                "\(common.count) in common"
            )
        case .exits: return (false, "")
        }
    }

    private func first(
        _ fitting: [Outcome.Revision], in window: ClosedRange<Double>, _ outcome: Outcome
    ) -> (isMet: Bool, result: String) {
        guard let first = fitting.first else {
            let near = outcome.revisions.filter { revision in
                kinds.contains { Self.matches(revision.data.kind, $0) } && isOf(lift, revision)
            }
            let others = near.prefix(3).map { description(of: $0, outcome) }
            return (false, others.isEmpty ? "nothing" : "only " + others.joined(separator: ", "))
        }
        let missing = texts.filter { !Self.holds($0, in: first.json) }
        let isMet = window.contains(outcome.seconds(first)) && missing.isEmpty
        let unmet = missing.isEmpty ? "" : ", not met: '\(missing.joined(separator: "; "))'"
        return (isMet, description(of: first, outcome) + unmet)
    }

    private func fits(_ revision: Outcome.Revision) -> Bool {
        let data = revision.data
        // Rows about the end of the trace or about ids look at all states.
        let isEveryState: Bool =
            switch demand {
            case .atEnd, .ids, .apart: true
            default: states.contains("*")
            }
        if case .never = demand, !texts.allSatisfy({ Self.holds($0, in: revision.json) }) {
            return false
        }
        return kinds.contains { Self.matches(data.kind, $0) } && isOf(lift, revision)
            && (reasons.contains("*") || reasons.contains { $0 == data.reason })
            && (isEveryState || states.contains { $0 == data.state })
    }

    private func isOf(_ lift: Substring?, _ revision: Outcome.Revision) -> Bool {
        lift.map { revision.subject == $0 } ?? true
    }

    private func description(of revision: Outcome.Revision, _ outcome: Outcome) -> String {
        let data = revision.data
        let time = (outcome.seconds(revision) * 10).rounded() / 10
        return "\(data.kind) \(data.state) \(data.reason) \(time)"
    }

    private static func matches(_ kind: String, _ pattern: Substring) -> Bool {
        switch (pattern.hasPrefix("*"), pattern.hasSuffix("*")) {
        case (true, true): pattern.count < 2 || kind.contains(pattern.dropFirst().dropLast())
        case (true, false): kind.hasSuffix(pattern.dropFirst())
        case (false, true): kind.hasPrefix(pattern.dropLast())
        case (false, false): kind == pattern
        }
    }

    /// `!` negates; alternatives are separated by bars.
    private static func holds(_ text: Substring, in whole: String) -> Bool {
        if text.hasPrefix("!") { return !holds(text.dropFirst(), in: whole) }
        return text.split(separator: "|").contains { whole.contains($0) }
    }
}
