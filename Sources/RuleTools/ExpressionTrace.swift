import LiftModel
import RuleEngine
import RuleLanguage

/// A hand-written trace for one expression, for `hoistway rules eval`.
///
/// Only the signals that the expression names are stored. Rows may come in any order. They are
/// evaluated in the order of their times; of two at one time the later row in the trace wins.
public struct ExpressionTrace: Sendable {
    public enum Value: Sendable, Equatable {
        case boolean(Bool)
        case number(Double)
        case text(String)
        /// Written `null`.
        case unknown
    }
    /// A value of a row has another type than values of the same signal before.
    public struct Mismatch: Error {
        public var message: String
        public init(message: String) { self.message = message }
    }
    private enum Kind: UInt8 {
        case unknown, boolean, number, text, codes

        var name: String {
            switch self {
            case .unknown: "null"
            case .boolean: "true or false"
            case .number: "a number"
            case .text: "a text"
            case .codes: "a list of codes"
            }
        }
    }
    private struct Column {
        var name: String
        /// `.unknown` until a value was seen.
        var kind = Kind.unknown
    }

    private let expression: Expression
    /// Where the expression names each signal or value.
    private var offsets: [String: Int] = [:]
    private var columns: [Column] = []
    /// Names that stand for values; one list for all signals, so that two signals can be compared.
    private var texts: [String]
    private var textBytes: [[UInt8]]
    private var rows = SignalRows()
    private let lateness: Int64
    /// Rows that were late by more than the lateness, and were left out.
    public private(set) var lateRows = 0

    /// The most signals that one expression may name, and the most texts that it can tell apart.
    static let maximumColumns = 48
    static let maximumTexts = 64

    /// - Parameter lateness: rows that are late by more than this are left out; nil keeps all.
    /// - Throws: `ExpressionError` for a mistake in the text.
    public init(_ text: String, lateness: Duration? = nil) throws(ExpressionError) {
        expression = try ExpressionParser.parse(text)
        var offsets: [String: Int] = [:]
        expression.walk { if let text = $0.nameOrText { offsets[text] = $0.offset } }
        self.offsets = offsets
        self.lateness = lateness?.nanoseconds ?? .max
        guard offsets.count < Self.maximumTexts else {
            throw ExpressionError(
                offset: offsets.values.sorted()[Self.maximumTexts - 1],
                message:
                    "names \(offsets.count) signals and values, expected at most \(Self.maximumTexts - 1). Split it into several expressions"
            )
        }
        texts = offsets.keys.sorted()
        textBytes = texts.map { Array($0.utf8) }
    }

    // MARK: Rows

    /// The column of a signal; nil if the expression does not name the signal.
    public mutating func column(named name: String) throws(ExpressionError) -> Int? {
        if let known = columns.firstIndex(where: { $0.name == name }) { return known }
        guard offsets[name] != nil || offsets[SignalTable.family(of: name)] != nil else {
            return nil
        }
        guard columns.count < Self.maximumColumns else {
            throw ExpressionError(
                offset: 0, message: "names more than \(Self.maximumColumns) signals")
        }
        columns.append(Column(name: name))
        return columns.count - 1
    }

    /// Starts a row; the values added until the next one belong to it.
    /// - Returns: whether the row counts, and is not too late.
    public mutating func beginRow(_ time: Int64) -> Bool {
        if rows.newest > time, rows.newest &- time > lateness {
            lateRows += 1
            return false
        }
        rows.begin(time)
        return true
    }

    public mutating func add(_ column: Int, _ flag: Bool) throws(Mismatch) {
        try add(column, .boolean, flag ? 1 : 0)
    }
    public mutating func add(_ column: Int, _ number: Double) throws(Mismatch) {
        try add(column, .number, number.bitPattern)
    }
    /// - Parameter codes: a set, as `FaultCode.bit` numbers them.
    public mutating func add(_ column: Int, codes: UInt64) throws(Mismatch) {
        try add(column, .codes, codes)
    }
    public mutating func addUnknown(_ column: Int) { rows.addUnknown(column) }
    public mutating func add(_ column: Int, text: Span<UInt8>) throws(Mismatch) {
        for i in textBytes.indices where Self.equal(text, textBytes[i]) {
            return try add(column, .text, UInt64(i))
        }
        // The texts of the expression are in the list from the start. The expression cannot tell
        // others apart, so they need no entry.
        if texts.count < Self.maximumTexts {
            let bytes = text.array
            texts.append(String(decoding: bytes, as: UTF8.self))
            textBytes.append(bytes)
        }
        try add(column, .text, UInt64(texts.count - 1))
    }

    private static func equal(_ a: Span<UInt8>, _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        for i in 0..<b.count where a[i] != b[i] { return false }
        return true
    }

    @inline(__always)
    private mutating func add(_ column: Int, _ kind: Kind, _ bits: UInt64) throws(Mismatch) {
        if columns[column].kind != kind {
            guard columns[column].kind == .unknown else {
                throw Mismatch(
                    message:
                        "'\(columns[column].name)' is \(kind.name) here and was \(columns[column].kind.name) before"
                )
            }
            columns[column].kind = kind
        }
        if kind == .boolean { rows.add(column, bits != 0) } else { rows.add(column, bits: bits) }
    }

    // MARK: Verdicts

    /// The verdict at the first row and each change after it, up to and including `until` (by
    /// default the last row).
    /// - Throws: `ExpressionError` where the expression does not fit the trace.
    public func verdicts(until: Instant? = nil, history: History) throws(ExpressionError)
        -> [VerdictChange]
    {
        if rows.isEmpty { return [] }
        var rings = RingSizes()
        while true {
            let (program, root) = try program(rings)
            let changes = rows.verdicts(
                of: root, program, until: until?.nanoseconds, history: history)
            if let changes { return changes }
            // A window held more changes than its ring has entries: evaluate again with twice as
            // many.
            rings.start *= 2
        }
    }

    private func program(_ rings: RingSizes) throws(ExpressionError) -> (Program, Operand) {
        for column in columns
        where column.kind != .codes && column.kind != .unknown && kindByUse(column.name) == .codes {
            throw ExpressionError(
                offset: offsets[column.name] ?? 0,
                message:
                    "'\(column.name)' is \(column.kind.name) in the trace; codes are a list: \"\(column.name)\": [\"04\"]"
            )
        }
        let table = SignalTable(
            columns.map { column in
                let type: SignalType =
                    switch column.kind == .unknown ? kindByUse(column.name) : column.kind {
                    case .number: .number(unit: "")
                    case .text: .enumeration(texts)
                    case .codes: .codes
                    default: .boolean
                    }
                return SignalTable.Entry(name: column.name, type: type, goesStale: false)
            })
        var compiler = Compiler(signals: table, parameters: [:], lets: [:], rings: rings)
        let root = try compiler.condition(expression)
        return (compiler.finish([], staleAfter: .nanoseconds(Int64.max / 4)), root)
    }

    /// The type of a signal without a value is the type as which the expression uses it.
    private func kindByUse(_ name: String) -> Kind {
        func isThis(_ expression: Expression) -> Bool {
            switch expression.form {
            case .name(name): true
            case .call(let function, let arguments):
                (["last", "previous", "avg"].contains(function)
                    || Compiler.sampleFunctions[function] != nil)
                    && arguments.first.map(isThis) == true
            case .arithmetic(_, let a, let b): isThis(a) || isThis(b)
            default: false
            }
        }
        func kind(beside other: Expression) -> Kind {
            switch other.form {
            case .text: return .text
            case .set(let items): return items.first.map(kind(beside:)) ?? .text
            case .name(let name):
                guard let column = columns.first(where: { $0.name == name }) else { return .text }
                return column.kind == .unknown ? .boolean : column.kind
            default: return .number
            }
        }
        var found = Kind.boolean
        expression.walk { part in
            switch part.form {
            case .compare(_, let a, let b) where isThis(a), .member(let a, let b) where isThis(a):
                found = kind(beside: b)
            case .compare(_, let a, let b) where isThis(b): found = kind(beside: a)
            case .member(_, let b) where isThis(b): found = .codes
            case .call(let function, let arguments)
            where (function == "avg" || Compiler.sampleFunctions[function] != nil)
                && arguments.first.map(isThis) == true:
                found = .number
            case .call("count", let arguments) where arguments.count == 3 && isThis(arguments[2]):
                found = .number
            case .arithmetic(_, let a, let b) where isThis(a) || isThis(b): found = .number
            default: break
            }
        }
        return found
    }
}
