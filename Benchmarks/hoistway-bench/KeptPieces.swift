import FoundationEssentials
import Synchronization

/// The results of a long work, a line a piece in one text file, so that an interrupted work can
/// continue, also on another machine. The first line identifies what decides the results; a file of
/// another work starts anew.
final class KeptPieces: Sendable {
    private let path: String
    private let head: Head
    /// By piece: its line of the file.
    private let lines: Mutex<[Int: Data]>

    private struct Head: Codable, Equatable {
        /// The work's name for a person, and a hash of everything that decides its results.
        var work: String
        var key: String
    }
    private struct Line<Result: Codable>: Codable {
        var piece: Int
        var result: Result
    }
    private struct Number: Decodable { var piece: Int }

    init(file path: String, work: String, question: String) throws {
        self.path = path
        head = Head(work: work, key: Self.hash(question))
        var found: [Int: Data] = [:]
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            let rows = (FileManager.default.contents(atPath: path) ?? Data()).split(
                separator: UInt8(ascii: "\n"))
            if let first = rows.first,
                try JSONDecoder().decode(Head.self, from: Data(first)) == head
            {
                for row in rows.dropFirst() {
                    found[try JSONDecoder().decode(Number.self, from: Data(row)).piece] = Data(row)
                }
            }
        } catch { throw Problem(description: "\(path): cannot be read or created: \(error)") }
        lines = Mutex(found)
    }

    /// FNV-1a, 64 bits. No attacker chooses the text.
    private static func hash(_ text: String) -> String {
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        return String(hash, radix: 16)
    }

    /// - Returns: nil for a piece without a result.
    func load<Result: Codable>(_ piece: Int) throws -> Result? {
        guard let line = lines.withLock({ $0[piece] }) else { return nil }
        do { return try JSONDecoder().decode(Line<Result>.self, from: line).result } catch {
            throw Problem(
                description: "\(path): piece \(piece) is not what was stored there; remove its line"
            )
        }
    }

    func save(_ result: some Codable, _ piece: Int) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let line = try encoder.encode(Line(piece: piece, result: result))
        try lines.withLock {
            $0[piece] = line
            try write($0)
        }
    }

    /// Writes the whole file in the order of the pieces, which are few: it does not depend on who
    /// did them and when.
    private func write(_ lines: [Int: Data]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var text = try encoder.encode(head) + [UInt8(ascii: "\n")]
        for (_, line) in lines.sorted(by: { $0.key < $1.key }) {
            text += line + [UInt8(ascii: "\n")]
        }
        try text.write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    struct Problem: Error, CustomStringConvertible { let description: String }
}
