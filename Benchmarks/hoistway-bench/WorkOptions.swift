import ArgumentParser

/// What is judged, and by which rules.
struct JudgedOptions: ParsableArguments {
    @Option(help: "What chance draws from.") var seed: UInt64 = 1
    @Option(help: "The rules, a file or folder.") var rules = "Devices/rules"
}

/// How a long work is done.
struct WorkOptions: ParsableArguments {
    @Option(help: "Threads.") var threads = 2
    @Option(help: "A folder in which what is done is kept, so that a run that was broken off goes on.")
    var keep: String?

    func validate() throws { if threads < 1 { throw ValidationError("--threads: expected 1 or more") } }

    /// - Parameters:
    ///   - question: what decides the pieces.
    ///   - part: a folder of its own within the named one.
    func kept(_ question: @autoclosure () -> String, part: String = "") throws -> KeptPieces? {
        try keep.map { try KeptPieces(folder: part.isEmpty ? $0 : "\($0)/\(part)", question: question()) }
    }
}
