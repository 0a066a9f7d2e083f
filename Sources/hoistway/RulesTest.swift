import ArgumentParser
import Encoding
import Gateway
import GatewayCore
import PositionedYAML
import RuleLanguage
import RuleTools

struct RulesTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the tests of rules: the examples in their files, and files of tests.",
        discussion: """
            A rule carries its own tests under `examples:`. A file with `tests:` has more, for the whole set:

              tests:
                - name: stops between floors with nobody known to be out
                  interval: 5s
                  series: { moving: "true false x9", in_door_zone: "false x10", compartments.main.occupied: "? x10" }
                  expect: [{ at: 15s, kind: entrapment, state: suspected }]

            In a series `v x9` is v and nine more of it, `0x3` is 0 three times, `_` is no value, `?` is unknown; codes are
            joined by +. Exit code 3 when a test fails.
            """)

    @Argument(help: "Rule files, test files, or folders. Default: the shipped rules.")
    var paths: [String] = []

    @Option(help: "Write the results as JUnit XML into this file.")
    var junit: String?

    @Flag(help: "List the transitions of each rule that no test has reached.")
    var coverage = false

    @OptionGroup var output: FormatOptions

    func run() throws {
        try reporting {
            let nodes = try DeviceData.nodes(paths)
            let tests = nodes.filter { $0.hasKey("tests") }
            let ruleFiles = nodes.filter { !$0.hasKey("tests") }
            let rules =
                ruleFiles.isEmpty
                ? try DeviceData.rules([DeviceData.shippedFolder() + "/rules"])
                : try RuleSet(ruleFiles)
            let report = try rules.runTests(tests)
            if let junit { try write(JUnit.xml(report), to: junit) }
            if output.format == .json { printJSON(report) } else { printText(report) }
            if !report.failed.isEmpty { throw ExitCode.testsFailed }
        }
    }

    private func write(_ text: String, to path: String) throws {
        guard Files.replace(path, with: Array(text.utf8)) else {
            throw InvalidFiles([Diagnostic(file: path, message: "cannot be written")])
        }
    }

    private func printJSON(_ report: RuleTestReport) {
        for result in report.results {
            var json = JSONWriter()
            json.object {
                $0.put("rule", result.rule)
                $0.put("example", result.example)
                $0.put("passed", result.failure == nil)
                $0.put("failure", result.failure)
            }
            print(json: json.text)
        }
        for rule in report.coverage {
            var json = JSONWriter()
            json.object {
                $0.put("rule", rule.rule)
                $0.put("transitions", rule.possible.count)
                $0.array("missing") { array in for name in rule.missing { array.item(name) } }
            }
            print(json: json.text)
        }
    }

    private func printText(_ report: RuleTestReport) {
        for result in report.failed {
            print(
                "\(result.file):\(result.line): \(result.rule): \(result.example)\n    \(result.failure ?? "")"
            )
        }
        let possible = report.coverage.reduce(0) { $0 + $1.possible.count }
        let missing = report.coverage.reduce(0) { $0 + $1.missing.count }
        if coverage {
            for rule in report.coverage where !rule.missing.isEmpty {
                print(
                    column(rule.rule, 32) + "not reached: " + rule.missing.joined(separator: ", "))
            }
        }
        print(
            "\(report.results.count - report.failed.count) passed, \(report.failed.count) failed; "
                + "\(possible - missing) of \(possible) transitions reached")
    }
}

/// Test results in the JUnit format of other tools.
enum JUnit {
    static func xml(_ report: RuleTestReport) -> String {
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text +=
            "<testsuite name=\"rules\" tests=\"\(report.results.count)\" failures=\"\(report.failed.count)\">\n"
        for result in report.results {
            text +=
                "  <testcase classname=\"\(result.rule.escapedForMarkup)\" name=\"\(result.example.escapedForMarkup)\""
            text += " file=\"\(result.file.escapedForMarkup)\" line=\"\(result.line)\""
            if let failure = result.failure {
                text += "><failure message=\"\(failure.escapedForMarkup)\"/></testcase>\n"
            } else {
                text += "/>\n"
            }
        }
        return text + "</testsuite>\n"
    }
}
