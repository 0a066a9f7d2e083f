import Foundation
import Testing

/// A document that names a type, a function, a test or a source file names one that exists: a
/// newcomer follows the names.
@Suite struct NameTests {
    private static let folders = ["Sources", "Simulator", "Tests", "Benchmarks"]
    private static let documents = [
        "ARCHITECTURE.md", "CONTRIBUTING.md", "Benchmarks/README.md", "Tests/Cases/README.md",
        "docs/detection.md", "docs/format/journal.md", "docs/reliability.md", "docs/rules.md",
        "docs/simulator.md",
    ]
    /// Swift's own, and words that only look like a name.
    private static let foreign: Set<String> = ["Encodable", "Lifetimes", "Package", "Span"]

    /// Every declared name, and the names of source files and folders.
    private static func declared() throws -> Set<String> {
        let declaration =
            /\b(?:struct|class|enum|protocol|actor|typealias|func|case|var|let)\s+`?(\w+)/
        let furtherCase = /, (\w+)/
        var names = Set(folders)
        for folder in folders {
            let root = "\(Site.root)/\(folder)"
            for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
                names.formUnion(path.split(separator: "/").map { String($0.prefix { $0 != "." }) })
                guard path.hasSuffix(".swift") else { continue }
                let text = try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)
                names.formUnion(text.matches(of: declaration).map { String($0.output.1) })
                for line in text.split(separator: "\n") where line.contains("case ") {
                    names.formUnion(line.matches(of: furtherCase).map { String($0.output.1) })
                }
            }
        }
        return names
    }

    /// The names in backquotes that look like one of a type (with members), a function or a test. A
    /// test's name may end with `…`.
    private static func names(in text: String) -> [String] {
        let quoted = /`([^`\n]+)`/
        let type = /[A-Z][A-Z0-9]*[a-z][A-Za-z0-9]+(\.[A-Za-z]+)*/
        let function = /[a-z]+[0-9]*[A-Z][a-z][A-Za-z0-9]+…?/
        return text.matches(of: quoted).map { String($0.output.1).replacing("()", with: "") }
            .filter { $0.wholeMatch(of: type) != nil || $0.wholeMatch(of: function) != nil }
    }

    @Test func documentsNameWhatExists() throws {
        let declared = try Self.declared().union(Self.foreign)
        var missing: [String] = []
        var checked = 0
        for document in Self.documents {
            let text = try String(contentsOfFile: "\(Site.root)/\(document)", encoding: .utf8)
            for name in Self.names(in: text) {
                checked += 1
                let isThere =
                    name.hasSuffix("…")
                    ? declared.contains { $0.hasPrefix(name.dropLast()) }
                    : name.split(separator: ".").allSatisfy {
                        $0 == "swift" || declared.contains(String($0))
                    }
                if !isThere { missing.append("\(document): \(name)") }
            }
        }
        #expect(missing == [])
        #expect(checked > 300)
    }

    @Test func documentsNameSourceFilesWhereTheyAre() throws {
        var files = ["/Package.swift"]
        for folder in Self.folders {
            files += try FileManager.default.subpathsOfDirectory(atPath: "\(Site.root)/\(folder)")
                .filter { $0.hasSuffix(".swift") }.map { "/\(folder)/\($0)" }
        }
        let path = /`([A-Za-z-]+(?:\/[A-Za-z-]+)*\.swift)/
        var (missing, checked): ([String], Int) = ([], 0)
        for document in Self.documents {
            let text = try String(contentsOfFile: "\(Site.root)/\(document)", encoding: .utf8)
            for name in text.matches(of: path).map({ String($0.output.1) }) {
                checked += 1
                if !files.contains(where: { $0.hasSuffix("/" + name) }) {
                    missing.append("\(document): \(name)")
                }
            }
        }
        #expect(missing == [])
        #expect(checked > 80)
    }
}
