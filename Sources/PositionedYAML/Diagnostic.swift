/// One mistake in a file that a person wrote: its location, what was found, and what was expected.
public struct Diagnostic: Error, Equatable, Sendable, CustomStringConvertible {
    public var file: String
    /// Line and column count from 1; 0 when the mistake has no location (an unreadable file).
    public var line: Int
    public var column: Int
    public var message: String

    public init(file: String, line: Int = 0, column: Int = 0, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    public var description: String {
        line == 0 ? "\(file): \(message)" : "\(file):\(line):\(column): \(message)"
    }
}

/// All mistakes of a set of files. Reading continues after the first mistake, so that a person can
/// correct all of them at once.
public final class Diagnostics {
    public private(set) var all: [Diagnostic] = []
    public init() {}
    public func report(_ diagnostic: Diagnostic) { all.append(diagnostic) }
    public func report(_ node: YAMLNode, _ message: String) { all.append(node.diagnostic(message)) }
    public var isEmpty: Bool { all.isEmpty }
}

/// The mistakes that made a set of files unusable.
public struct InvalidFiles: Error, CustomStringConvertible {
    public var diagnostics: [Diagnostic]
    public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }
    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// " Did you mean 'x'?" for the candidate nearest to a name, or the list of candidates where none
/// is near. The name itself is never suggested.
public func suggestion(for name: String, among candidates: some Sequence<String>) -> String {
    let sorted = candidates.filter { $0 != name }.sorted()
    let ranked = sorted.map { ($0, editDistance(name, $0)) }.min { $0.1 < $1.1 }
    if let (nearest, distance) = ranked, distance <= max(2, name.count / 3) {
        return " Did you mean '\(nearest)'?"
    }
    return !sorted.isEmpty && sorted.count <= 24
        ? " Expected one of: \(sorted.joined(separator: ", "))." : ""
}

/// How many characters must be changed, added or removed to make one text of the other.
public func editDistance(_ a: String, _ b: String) -> Int {
    let b = Array(b)
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in b.enumerated() {
            let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (x == y ? 0 : 1))
            diagonal = row[j + 1]
            row[j + 1] = next
        }
    }
    return row[b.count]
}
