import ArgumentParser
import LiftModel
import Platform

/// The chance and the rules of a judgement.
struct JudgedOptions: ParsableArguments {
    @Option(help: "The seed of chance.") var seed: UInt64 = 1
    @Option(help: "The rules, a file or folder.") var rules = "Devices/rules"
}

/// How a long work is done.
struct WorkOptions: ParsableArguments {
    @Option(help: "Threads.") var threads = 2
    @Option(help: "A file that keeps finished pieces, so that an interrupted run can continue.")
    var keep: String?
    @Option(
        help: "With --keep: what else decides the results, such as a hash of the program's sources."
    )
    var key = ""
    @Option(
        help:
            "Start no piece of work later than this: 50m. Exit code 75 when some are left; with --keep the next run continues."
    )
    var limit: String?

    func validate() throws {
        if threads < 1 { throw ValidationError("--threads: expected 1 or more") }
        if let limit, Duration(written: limit) == nil {
            throw ValidationError("--limit: expected 50m, 2h")
        }
    }

    /// When the last piece may start.
    var deadline: MonotonicTime {
        let span = limit.flatMap { Duration(written: $0) }
        return span.map { MonotonicClock.now + $0 } ?? .never
    }

    /// - Parameters:
    ///   - work: its name, for a person.
    ///   - question: what decides the results.
    func kept(_ work: String, _ question: @autoclosure () -> String) throws -> KeptPieces? {
        try keep.map { try KeptPieces(file: $0, work: work, question: question() + key) }
    }
}
