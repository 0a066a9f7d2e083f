import FoundationEssentials

/// One row of `expected.tsv`: the result that a replay or a check of a file must have or not have.
struct Expectation {
    /// What the row requires.
    enum Demand {
        /// The first revision that fits has an event time in this range, in seconds after the
        /// trace's first row.
        case within(ClosedRange<Double>)
        /// No revision fits.
        case never
        /// At the end of the trace an alert of this kind is open, or none is.
        case atEnd(isOpen: Bool)
        /// The revisions that fit have so many different ids.
        case ids(Int)
        /// No id also occurs in the run with these options.
        case apart(options: [String])
        /// `hoistway replay` or `hoistway check` exits with 0, or with another code.
        case exits(accepted: Bool)
    }

    let line: Int
    let file: String
    let options: [String]
    /// Alternatives; each may begin and end with `*` for any letters.
    let kinds: [Substring]
    /// nil for every lift of the trace.
    let lift: Substring?
    let reasons: [Substring]
    let states: [Substring]
    let demand: Demand
    /// The event (or the output) must contain each, or must not where the text begins with `!`.
    let texts: [Substring]
    /// The row's cells, for the printed table.
    let summary: String

    /// - Throws: a sentence that names the mistake.
    init(_ row: Substring, line: Int) throws(TableMistake) {
        let cells = row.split(separator: "\t", omittingEmptySubsequences: false)
        guard cells.count == 7 || cells.count == 8 else {
            throw TableMistake(line: line, "has \(cells.count) cells between tabs, expected 7 or 8")
        }
        self.line = line
        file = String(cells[0])
        options = cells[1] == "-" ? [] : cells[1].split(separator: " ").map(String.init)
        let named = cells[2].split(separator: "@", maxSplits: 1)
        kinds = named.first.map { $0.split(separator: "|") } ?? []
        lift = named.count == 2 ? named[1] : nil
        reasons = cells[3].split(separator: "|")
        states = cells[4].split(separator: "|")
        texts = cells.count == 8 ? cells[7].split(separator: ";").map { $0.trimmed } : []
        summary = cells[2...].filter { $0 != "-" && $0 != "*" }.joined(separator: " ")
        demand =
            cells[4] == "apart"
            ? .apart(options: cells.last?.split(separator: " ").map(String.init) ?? [])
            : try Self.demand(state: cells[4], from: cells[5], to: cells[6], line: line)
    }

    private static func demand(
        state: Substring, from: Substring, to: Substring, line: Int
    ) throws(TableMistake) -> Demand {
        switch (state, from) {
        case ("accepted", "-"): return .exits(accepted: true)
        case ("refused", "-"): return .exits(accepted: false)
        case ("open", "-"): return .atEnd(isOpen: true)
        case ("closed", "-"): return .atEnd(isOpen: false)
        case ("ids", _):
            if let count = Int(from) { return .ids(count) }
        case (_, "none"): return .never
        default:
            if let from = Double(from), let to = Double(to), from <= to {
                return .within(from...to)
            }
        }
        throw TableMistake(
            line: line,
            "asks for '\(state) \(from) \(to)', expected a state with two times or 'none'")
    }

    /// Reads the table; `#` begins a comment.
    static func table(_ text: String) throws(TableMistake) -> [Expectation] {
        var rows: [Expectation] = []
        for (index, row) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        where !row.isEmpty && !row.hasPrefix("#") {
            rows.append(try Expectation(row, line: index + 1))
        }
        return rows
    }
}

struct TableMistake: Error {
    let line: Int
    let message: String
    init(line: Int, _ message: String) {
        self.line = line
        self.message = message
    }
}

extension Substring {
    var trimmed: Substring {
        let rest = drop { $0 == " " }
        return rest[
            ..<(rest.lastIndex { $0 != " " }.map { rest.index(after: $0) } ?? rest.startIndex)]
    }
}
