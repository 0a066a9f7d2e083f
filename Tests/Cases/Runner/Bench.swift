#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Runs the program under test with each command line, several at a time.
struct Bench {
    let program: String
    /// The folder for the outputs; `clean` removes it.
    let scratch: String
    private(set) var outcomes: [[String]: Outcome] = [:]
    private var started: [(arguments: [String], command: Command)] = []
    private var files = 0

    /// The number of programs that run at once.
    private static let width = 4
    /// In a trace, the placeholder for the id of its first entrapment in operator actions.
    private static let placeholder = "{alert}"

    init(program: String, scratch: String) {
        self.program = program
        self.scratch = scratch
    }

    mutating func run(_ runs: [[String]]) throws(CommandError) {
        for arguments in runs where outcomes[arguments] == nil {
            outcomes[arguments] = Outcome(status: -1, output: "", errors: "", trace: nil)
            try start(arguments, as: arguments)
            if started.count == Self.width { try finishOne() }
        }
        while !started.isEmpty { try finishOne() }
    }

    private mutating func start(_ arguments: [String], as name: [String]) throws(CommandError) {
        files += 1
        started.append(
            (name, try Command([program] + arguments, folder: scratch, name: "\(files)")))
    }

    private mutating func finishOne() throws(CommandError) {
        let (arguments, command) = started.removeFirst()
        let isFirst = outcomes[arguments]?.status == -1
        let (status, output, errors) = command.finish()
        let trace = arguments[0] == "replay" ? read(arguments[1]) : nil
        let outcome = Outcome(status: status, output: output, errors: errors, trace: trace)
        outcomes[arguments] = outcome
        guard isFirst, let trace, trace.contains(Self.placeholder),
            let alert = outcome.revisions.first(where: { $0.data.kind.hasPrefix("entrapment") })
        else { return }
        // An operator action for an unknown alert does nothing. So the first run shows the id, and
        // the second run has it in its operator actions.
        let path = "\(scratch)/\(files).ndjson"
        write(
            trace.split(separator: Self.placeholder, omittingEmptySubsequences: false).joined(
                separator: alert.data.id),
            path)
        try start([arguments[0], path] + arguments[2...], as: arguments)
    }

    func clean() {
        for file in 0...files {
            for end in ["out", "err", "ndjson"] { unlink("\(scratch)/\(file).\(end)") }
        }
        rmdir(scratch)
    }
}

private func write(_ text: String, _ path: String) {
    guard let file = fopen(path, "w") else { return }
    defer { fclose(file) }
    fputs(text, file)
}
