import FoundationEssentials

/// What the pieces of a long work came to, a file a piece: a work that was broken off goes on where it was.
///
/// Who names the folder sees to it that the same pieces, programs and data are meant.
struct KeptPieces: Sendable {
    private let folder: String

    init(folder: String) throws {
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func path(_ piece: Int) -> String { "\(folder)/\(piece).json" }

    /// - Returns: nil for a piece that has not been done.
    func load<Result: Decodable>(_ piece: Int) throws -> Result? {
        guard let bytes = FileManager.default.contents(atPath: path(piece)) else { return nil }
        do { return try JSONDecoder().decode(Result.self, from: bytes) } catch {
            throw Unreadable(description: "\(path(piece)): not what was kept there (\(error)); remove the folder")
        }
    }

    func save(_ result: some Encodable, _ piece: Int) throws {
        try JSONEncoder().encode(result).write(to: URL(fileURLWithPath: path(piece)), options: .atomic)
    }

    struct Unreadable: Error, CustomStringConvertible { let description: String }
}
