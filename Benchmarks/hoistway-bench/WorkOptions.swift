import ArgumentParser

/// How a long work is done.
struct WorkOptions: ParsableArguments {
    @Option(help: "Threads.") var threads = 2
    @Option(help: "A folder in which what is done is kept, so that a run that was broken off goes on.")
    var keep: String?

    func validate() throws { if threads < 1 { throw ValidationError("--threads: expected 1 or more") } }

    /// - Parameters:
    ///   - question: what decides the pieces.
    ///   - part: a folder of its own within the named one.
    func kept(_ question: String, part: String = "") throws -> KeptPieces? {
        try keep.map { try KeptPieces(folder: part.isEmpty ? $0 : "\($0)/\(part)", question: question) }
    }
}
