import ArgumentParser
import Encoding
import Gateway
import LiftModel
import PositionedYAML
import RuleEngine
import RuleLanguage
import RuleTools

struct Rules: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The workbench for rules: try an expression, test, explain and compare rules.",
        subcommands: [
            Evaluate.self, RulesTest.self, RulesExplain.self, RulesShadow.self, RulesDecisions.self,
            RulesKinds.self,
        ])

    struct Evaluate: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "eval",
            abstract: "Evaluate one expression over a trace of signals.",
            discussion: """
                A trace has a line for each change: {"t": seconds, "SIGNAL": value, …}; a signal that is not mentioned
                keeps its value, null makes it unknown. Printed are the verdict at the first row and each change after
                it, also those that time alone brings: {"t": 12.5, "value": true}.

                  hoistway rules eval 'held(door == open, 10s)' trace.ndjson
                """)

        @Argument(help: "The expression. Bare words that are no key of the trace are values.")
        var expression: String

        @Argument(help: "The trace, or - for standard input.")
        var trace: String

        @Option(help: "Evaluate up to this time, inclusive; by default the last row's.")
        var until: String?

        @Option(
            help:
                "unknown: the time before the first row is not known, as in the daemon. complete: nothing happened then."
        )
        var history = History.unknown

        @Option(
            help:
                "Leave out rows that come later than this after newer ones, and say how many. By default none are."
        )
        var lateness: String?

        func run() throws {
            try reporting {
                let end = try until.map { try Instant(argument: $0) }
                let lateness = try lateness.map { try Duration(argument: $0) }
                let trace = try ExpressionWorkbench.trace(
                    trace, for: expression, lateness: lateness)
                var output = OutputBuffer()
                do throws(ExpressionError) {
                    for verdict in try trace.verdicts(until: end, history: history) {
                        let value = verdict.value.map { $0 ? "true" : "false" } ?? "null"
                        output.line(
                            "{\"t\": \(JSONWriter.decimalSeconds(verdict.time.nanoseconds)), \"value\": \(value)}"
                        )
                    }
                } catch { throw ExpressionWorkbench.mistake(error) }
                output.flush()
                if trace.lateRows > 0 {
                    printError("\(trace.lateRows) rows came too late and were left out")
                }
            }
        }
    }
}

extension History: ExpressibleByArgument {}
