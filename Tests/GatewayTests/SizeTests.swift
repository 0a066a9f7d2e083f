import Foundation
import Testing

/// A file is one idea, a function fits on a page, and a type has few properties. A table of cases
/// may be longer where the reason stands beside it (CONTRIBUTING.md).
@Suite struct SizeTests {
    private static let maxFileLines = 400
    private static let maxFunctionLines = 60
    private static let maxProperties = 20
    private static let maxColumns = 100

    /// All sources of the package, read once.
    private static let sources = Result { try SwiftSource.all() }

    private func expectNone(_ found: [String]) {
        #expect(found.isEmpty, "\(found.count):\n\(found.joined(separator: "\n"))")
    }

    @Test func noFileIsTooLong() throws {
        let files = try Self.sources.get()
        #expect(files.count > 200, "sources were found")
        expectNone(
            files.filter { $0.lines.count > Self.maxFileLines && !$0.hasReason }
                .map { "\($0.path):1: \($0.lines.count) lines" })
    }

    @Test func noFunctionIsTooLong() throws {
        expectNone(
            try Self.sources.get().flatMap { file in
                file.functions.filter { $0.size > Self.maxFunctionLines && !$0.hasReason }
                    .map { "\(file.path):\($0.line): \($0.name) has \($0.size) lines" }
            })
    }

    @Test func noTypeHasTooManyProperties() throws {
        expectNone(
            try Self.sources.get().filter { !$0.path.hasPrefix("Tests/") }.flatMap { file in
                file.types.filter { $0.size > Self.maxProperties && !$0.hasReason }
                    .map { "\(file.path):\($0.line): \($0.name) has \($0.size) stored properties" }
            })
    }

    @Test func noLineIsTooLong() throws {
        expectNone(
            try Self.sources.get().filter { !$0.path.contains("/Fixtures/") }.flatMap { file in
                file.longLines(beyond: Self.maxColumns).map {
                    "\(file.path):\($0.line): \($0.size) columns"
                }
            })
    }

    // MARK: The measure itself

    private static let example = """
        import LiftModel

        /// A type.
        struct Example {
            private let a: [(x: Int, y: Int)], b: Dictionary<Int, Int>
            var (c, d) = (1, 2)
            var e: Int { a.count }
            @Option(help: "One (of many).") var f = 0 { didSet { g = f } }
            static let none = 0
            struct Inner { var h = 1 }

            func short() -> Int { 1 }

            // Over 60 lines: one line a case.
            @discardableResult
            func long(
                _ x: Int
            ) -> Int {
                x
            }
            init() {
                let text = \"\"\"
            }
                    func none() {
                    \"\"\"
            }
        }
        """

    @Test func functionsAreMeasuredToTheirBrace() {
        let functions = SwiftSource(path: "", Self.example).functions
        #expect(functions.map(\.name) == ["long", "init"])
        #expect(functions.map(\.size) == [5, 6])
        #expect(functions.map(\.line) == [16, 21])
        #expect(functions.map(\.hasReason) == [true, false])
    }

    @Test func storedPropertiesAreCounted() {
        let types = SwiftSource(path: "", Self.example).types
        #expect(types.map(\.name) == ["Example"])
        #expect(types.map(\.size) == [5], "a, b, c, d and f")
    }

    @Test func aLongLineIsFoundUnlessItIsAText() {
        let long = String(repeating: "x", count: 81)
        let source = SwiftSource(
            path: "", "\(long)\n\"\(long)\"\n// https://\(long)\n\(long.dropLast())")
        #expect(source.longLines(beyond: 80).map(\.line) == [1])
    }

    @Test func theReasonForALongFileStandsAtItsBeginning() {
        #expect(
            SwiftSource(path: "", "import A\n\n// Over 400 lines: one table.\n/// B\nstruct B {}")
                .hasReason)
        #expect(
            !SwiftSource(path: "", "import A\n\nstruct B {}\n// Over 400 lines: one table.")
                .hasReason)
    }
}
