import FoundationEssentials

/// What the pieces of a long work came to, a file a piece: a work that was broken off goes on where it was.
struct KeptPieces: Sendable {
    private let folder: String

    /// - Parameter question: what decides the pieces. A folder that has answers to another one is refused.
    init(folder: String, question: String) throws {
        self.folder = folder
        let note = folder + "/question"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            if let kept = FileManager.default.contents(atPath: note) {
                if kept != Data(question.utf8) {
                    throw Problem(
                        description: "\(folder): was made with other arguments, rules or scenarios; name another")
                }
            } else {
                try Data(question.utf8).write(to: URL(fileURLWithPath: note))
            }
        } catch let problem as Problem { throw problem } catch {
            throw Problem(description: "\(folder): no folder to keep anything in")
        }
    }

    private func path(_ piece: Int) -> String { "\(folder)/\(piece).json" }

    /// - Returns: nil for a piece that has not been done.
    func load<Result: Decodable>(_ piece: Int) throws -> Result? {
        guard let bytes = FileManager.default.contents(atPath: path(piece)) else { return nil }
        do { return try JSONDecoder().decode(Result.self, from: bytes) } catch {
            throw Problem(description: "\(path(piece)): not what was kept there; remove it")
        }
    }

    func save(_ result: some Encodable, _ piece: Int) throws {
        try JSONEncoder().encode(result).write(to: URL(fileURLWithPath: path(piece)), options: .atomic)
    }

    struct Problem: Error, CustomStringConvertible { let description: String }
}
