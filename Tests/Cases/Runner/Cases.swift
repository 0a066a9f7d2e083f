import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Replays and checks the files of `Tests/Cases`, and compares the results with `expected.tsv`.
@main
struct Cases: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cases",
        abstract:
            "Compares the recorded cases with expected.tsv; exit code 1 when a row is not as expected.",
        discussion:
            "Run it from the repository's root, so that the shipped profiles and rules are found.")

    @Option(help: "The program under test; by default hoistway beside this one.") var hoistway:
        String?
    @Option(help: "The folder of the cases.") var folder = "Tests/Cases"
    @Flag(help: "Print only the rows that are not as expected.") var failures = false
    @Argument(help: "Only files whose name contains one of these.") var names: [String] = []

    func run() throws {
        let program = hoistway ?? Self.sibling("hoistway")
        guard let text = read("\(folder)/expected.tsv") else {
            throw ValidationError(
                "\(folder)/expected.tsv cannot be read; run this from the repository's root")
        }
        var rows: [Expectation]
        do { rows = try Expectation.table(text) } catch {
            throw ValidationError("\(folder)/expected.tsv:\(error.line): \(error.message)")
        }
        if !names.isEmpty { rows = rows.filter { row in names.contains { row.file.contains($0) } } }
        let failed = try evaluate(rows, program)
        print("\(rows.count - failed) passed, \(failed) failed")
        if failed > 0 || rows.isEmpty { throw ExitCode.failure }
    }

    /// Runs each file with its options once, several at a time, and prints the verdicts in the
    /// table's order.
    private func evaluate(_ rows: [Expectation], _ program: String) throws -> Int {
        var template = Array("/tmp/hoistway-cases.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ValidationError("no folder can be made in /tmp")
        }
        let scratch = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var bench = Bench(program: program, scratch: scratch)
        defer { bench.clean() }
        try bench.run(rows.flatMap { [arguments($0), others($0)].compactMap(\.self) })
        var failed = 0
        for row in rows {
            guard let outcome = bench.outcomes[arguments(row)] else { continue }
            let verdict = row.verdict(outcome, other: others(row).flatMap { bench.outcomes[$0] })
            if !verdict.isMet { failed += 1 }
            if !failures || !verdict.isMet { Self.report(row, verdict) }
        }
        return failed
    }

    /// The command line of the run with which a row of `apart` is compared.
    private func others(_ row: Expectation) -> [String]? {
        guard case .apart(let options) = row.demand else { return nil }
        return arguments(row, options: options)
    }

    /// The command line of a row. A trace is replayed; a profile, a rule file or a configuration is
    /// checked.
    private func arguments(_ row: Expectation, options: [String]? = nil) -> [String] {
        let path = "\(folder)/\(row.file)"
        let options = (options ?? row.options).map {
            $0.hasSuffix(".yaml") ? "\(folder)/\($0)" : $0
        }
        if path.hasSuffix(".ndjson") { return ["replay", path] + options }
        let option =
            path.contains("/configurations/")
            ? "--config" : path.contains("rules") ? "--rules" : "--profiles"
        return ["check"] + options + [option, path]
    }

    /// Prints one line for a row, and a second line with the result where the row is not met.
    private static func report(_ row: Expectation, _ verdict: (isMet: Bool, result: String)) {
        let name = row.file.split(separator: "/").last.map(String.init) ?? row.file
        let options = row.options.filter { !$0.hasPrefix("--") }.map {
            " +" + ($0.split(separator: "/").last ?? "")
        }
        let head = padded(verdict.isMet ? "ok" : "FAIL", 6) + padded(name + options.joined(), 44)
        print(head + padded(row.summary, 62) + (verdict.isMet ? verdict.result : ""))
        if !verdict.isMet { print("      result: \(verdict.result)  (expected.tsv:\(row.line))") }
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    /// The path of a program in the folder of this program.
    private static func sibling(_ name: String) -> String {
        let own = CommandLine.arguments[0]
        guard let slash = own.lastIndex(of: "/") else { return ".build/release/\(name)" }
        return own[...slash] + name
    }
}
