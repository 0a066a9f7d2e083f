import ArgumentParser
import City
import Encoding
import FoundationEssentials
import LiftModel
import PositionedYAML
import Scoring
import Trace

enum ScoreFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

struct Score: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare alerts with the truth.",
        discussion: """
            For each kind: how often it happened, and was detected, missed, or raised without cause; and how long after it happened.

            An entrapment with evidence must be suspected, and one whose evidence the definition confirms must be confirmed: within
            the definition's holds and 2 s, or later but within 180 s (then it is also counted as late). It is false when it is
            confirmed and nobody is trapped; of the false ones `cautious` are those of an empty car that really is stuck shut while
            no sensor says that it is empty.

            What happened and what arrived decide which alerts are required, whatever was raised. For other kinds the alerts
            themselves state their holds.

            Counted apart: what was over before the holds had passed (BRIEF), what no message that arrived had shown (UNKNOWN), and
            silences that a power cut in the area explains (EXPLAINED), raised or not; entrapments for which an earlier alert was
            still open; suspicions that are never confirmed; lifts whose occupancy sensor is stuck. Suppressed alerts are not counted.

            docs/detection.md explains it in full. Files may be compressed by zstd; - is standard input.

            Exit code 4 when an entrapment was missed, not even suspected or lost, or one was confirmed without cause
            (a cautious one counts where nothing broke).
            """)

    @Option(help: "The truth, as `run --truth` writes it.")
    var truth: String

    @Option(
        help:
            "The alerts: CloudEvents, a line each, as `hoistway replay` and `hoistway-sim centre` write them."
    )
    var alerts: String

    @Option(help: "How many seconds later than its holds an alert may come.")
    var grace = EntrapmentHolds.lateness

    @Option(help: "text for a person, json for a program.")
    var format = ScoreFormat.text

    @Flag(help: "Also print each wrong result.")
    var list = false

    @Option(
        help:
            "Write a page for a person here: tables, delays, alerts by truth, timelines of single lifts."
    )
    var report: String?

    @Option(help: "With --report: the trace, so that the timelines show the lifts' signals.")
    var trace: String?

    @Option(
        help:
            "With --report: show the timelines of this lift (the first five), instead of those with wrong results."
    )
    var lift: String?

    @Option(help: "With --trace: the folder with the profiles by which the lifts publish.")
    var profiles = ShippedData.profiles

    func run() throws {
        guard 0...60 ~= grace else {
            throw ValidationError("--grace: expected seconds, from 0 to 60")
        }
        if truth == "-", alerts == "-" {
            throw ValidationError("standard input is --truth or --alerts, not both")
        }
        if report == nil, trace != nil || lift != nil {
            throw ValidationError("--trace and --lift go with --report")
        }
        let (truth, alerts) = (try Self.truth(truth), try Self.alerts(alerts))
        if let lift, !truth.contains(where: { $0.lift == lift }),
            !alerts.contains(where: { $0.lift == lift })
        {
            throw ValidationError("--lift: neither truth nor alerts name '\(lift)'")
        }
        if let run = truth.first(where: { $0.kind == "run" }), !alerts.isEmpty,
            !alerts.contains(where: { run.start...run.end ~= $0.time })
        {
            throw InvalidFiles([
                Diagnostic(
                    file: self.alerts,
                    message: "none of these alerts lies within the run of \(self.truth)")
            ])
        }
        let card = ScoreCard(truth: truth, alerts: alerts, grace: grace)
        if let report {
            let page = try ReportPage(
                card, truth: truth, alerts: alerts, grace: grace, trace: trace, lift: lift,
                profiles: trace == nil ? [] : try CityFiles.checkedProfiles(profiles))
            let file = try OutputFile(
                report, reading: [self.truth, self.alerts] + (trace.map { [$0] } ?? []))
            file.write(Array(page.html.utf8))
            file.flush()
        }
        switch format {
        case .text:
            print(card.tableWithLegend)
            if list { for finding in card.findings { print(finding.line) } }
        case .json: print(card.json)
        }
        if !card.isGood { throw ExitCode(4) }
    }

    /// The truth of a file. It must have one run.
    static func truth(_ path: String) throws -> [TruthRow] {
        let rows: [TruthRow] = try lines(path)
        if let index = rows.firstIndex(where: { $0.end < $0.start }) {
            let row = rows[index]
            throw InvalidFiles([
                Diagnostic(
                    file: path, line: index + 1, column: 1,
                    message: "'\(row.kind)' ends at \(row.end), before it begins")
            ])
        }
        let runs = rows.indices.filter { rows[$0].kind == "run" }
        guard let run = runs.first else {
            throw InvalidFiles([
                Diagnostic(
                    file: path,
                    message:
                        "no row of the kind 'run'; expected the truth of `hoistway-sim run --truth`"
                )
            ])
        }
        if runs.count > 1 {
            throw InvalidFiles([
                Diagnostic(
                    file: path, line: runs[1] + 1, column: 1,
                    message:
                        "a second run begins here, the first one at line \(run + 1); score them one by one"
                )
            ])
        }
        if rows[run].lifts ?? 0 < 1 {
            throw InvalidFiles([
                Diagnostic(
                    file: path, line: run + 1, column: 1,
                    message:
                        "found \(rows[run].lifts.map { "\($0) lifts" } ?? "no number of lifts"), expected 1 or more in 'lifts'"
                )
            ])
        }
        return rows
    }

    /// The alerts of a file. The gateway's own events and self-tests are left out.
    static func alerts(_ path: String) throws -> [AlertRevision] {
        struct Event: Decodable {
            struct Body: Decodable { var test: Bool? }
            var type: String
            var data: Body
        }
        return try lines(path) { line in
            let event = try decodeJSON(Event.self, line)
            return event.type.hasSuffix(".alert.v1") && event.data.test != true
        }
    }

    /// The lines of a file as decoded JSON.
    static func lines<Row: Decodable>(
        _ path: String, where isWanted: (Data) throws -> Bool = { _ in true }
    ) throws -> [Row] {
        var rows: [Row] = []
        try LineReader(path).visitLines { bytes, number in
            let line = Data(bytes.array)
            do {
                if try isWanted(line) { rows.append(try decodeJSON(Row.self, line)) }
            } catch {
                let isList = line.first == UInt8(ascii: "[")
                throw InvalidFiles([
                    Diagnostic(
                        file: path, line: number, column: 1,
                        message: isList
                            ? "a list; expected one object a line (jq -c '.[]')"
                            : Self.reason(error))
                ])
            }
        }
        return rows
    }
}

extension Score {
    /// A decoder's error as a person reads it.
    private static func reason(_ error: any Error) -> String {
        func path(_ keys: [any CodingKey]) -> String {
            keys.map(\.stringValue).joined(separator: ".")
        }
        switch error as? DecodingError {
        case .keyNotFound(let key, let context)?:
            return "\(path(context.codingPath + [key])) is missing"
        case .valueNotFound(_, let context)?: return "\(path(context.codingPath)) is null"
        case .typeMismatch(_, let context)? where context.codingPath.isEmpty:
            return "expected an object"
        case .typeMismatch(let type, let context)?:
            return "\(path(context.codingPath)): expected \(type), found something else"
        case .dataCorrupted?: return "not JSON"
        default: return "\(error)"
        }
    }
}

/// Reads JSON whose keys are in snake_case, as the contract's are.
func decodeJSON<Value: Decodable>(_ type: Value.Type, _ bytes: Data) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: bytes)
}
