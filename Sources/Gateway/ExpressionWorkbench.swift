import DeviceProfiles
import Encoding
import LiftModel
import PositionedYAML
import RuleLanguage
import RuleTools
import Trace

/// Reads traces of lines `{"t": seconds, "SIGNAL": value, …}` for `hoistway rules eval`.
public struct ExpressionWorkbench {
    /// A key as the lines contain it, and the column of its values.
    private struct Key {
        var bytes: [UInt8]
        var column: Int?
        var isTime = false
        var text: String { String(decoding: bytes, as: UTF8.self) }
    }
    /// The limit of remembered keys; any further key is looked up by name each time.
    private static let rememberedKeys = 256

    private var trace: ExpressionTrace
    private var keys: [Key] = []
    /// The key of each member of the last line: most lines have the same keys in the same order.
    private var guesses: [Int] = []
    private var members: [JSONMember] = []

    private init(_ trace: ExpressionTrace) { self.trace = trace }

    /// - Throws: `InvalidFiles` with the line, or the location in the expression.
    public static func trace(_ path: String, for expression: String, lateness: Duration?) throws
        -> ExpressionTrace
    {
        let name = path == "-" ? "standard input" : path
        var workbench: ExpressionWorkbench
        do throws(ExpressionError) {
            workbench = ExpressionWorkbench(try ExpressionTrace(expression, lateness: lateness))
        } catch { throw mistake(error) }
        try LineReader(path).visitLines { line, number in
            do throws(JSONError) { try workbench.members.scan(line) } catch {
                throw InvalidFiles([
                    Diagnostic(
                        file: name, line: number, column: error.offset + 1,
                        message: "not JSON here: expected \(error.expected)")
                ])
            }
            var hasTime = false
            do {
                hasTime = try workbench.add(line)
            } catch let error as ExpressionError {
                throw mistake(error)
            } catch let error as ExpressionTrace.Mismatch {
                throw InvalidFiles([
                    Diagnostic(file: name, line: number, column: 1, message: error.message)
                ])
            }
            if !hasTime {
                throw InvalidFiles([
                    Diagnostic(
                        file: name, line: number, column: 1,
                        message:
                            "expected \"t\": seconds as a decimal number with at most nine decimals, within 4e9 of 1970"
                    )
                ])
            }
        }
        return workbench.trace
    }

    public static func mistake(_ error: ExpressionError) -> InvalidFiles {
        InvalidFiles([
            Diagnostic(
                file: "expression", line: 1, column: error.offset + 1, message: error.message)
        ])
    }

    /// - Returns: whether the line has a time.
    private mutating func add(_ line: Span<UInt8>) throws -> Bool {
        var time: Int64?
        for index in members.indices {
            let key = try key(of: members[index], index, line)
            if guesses.count <= index { guesses.append(key) } else { guesses[index] = key }
            guard keys[key].isTime else { continue }
            let value = members[index].value
            time =
                value.kind == .number ? DecimalText.nanoseconds(line, value.start, value.end) : nil
        }
        guard let time, time.magnitude <= UInt64(TraceReader.maximumTime) else { return false }
        guard trace.beginRow(time) else { return true }
        for index in members.indices {
            guard let column = keys[guesses[index]].column else { continue }
            let value = members[index].value
            switch value.kind {
            case .true: try trace.add(column, true)
            case .false: try trace.add(column, false)
            case .null: trace.addUnknown(column)
            case .number:
                if let number = DecimalText.double(line, value.start, value.end) {
                    try trace.add(column, number)
                }
            case .string where value.hasEscapes:
                let text = Array(JSONScanner(line).unescaped(value).utf8)
                try trace.add(column, text: text.span)
            case .string: try trace.add(column, text: line.extracting(value.start..<value.end))
            case .array: try trace.add(column, codes: try codes(value, line, keys[guesses[index]]))
            default:
                throw ExpressionTrace.Mismatch(
                    message:
                        "'\(keys[guesses[index]].text)' is an object; expected a number, a word, true, false, null "
                        + "or a list of codes")
            }
        }
        return true
    }

    /// A list of the standard's codes, as `codes` has them.
    private func codes(_ list: JSONToken, _ line: Span<UInt8>, _ key: Key) throws(ExpressionTrace
        .Mismatch) -> UInt64
    {
        var set: UInt64 = 0
        var text = ""
        for index in list.start + 1..<list.end - 1 {
            text.unicodeScalars.append(UnicodeScalar(line[index]))
        }
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let item = item.trimmingPrefix(while: \.isWhitespace).reversed().drop(
                while: \.isWhitespace
            ).reversed()
            let element = String(item)
            if element.isEmpty, set == 0, text.allSatisfy(\.isWhitespace) { continue }
            guard element.count > 2, element.hasPrefix("\""), element.hasSuffix("\""),
                let code = FaultCode(rawValue: String(element.dropFirst().dropLast()))
            else {
                throw ExpressionTrace.Mismatch(
                    message:
                        "'\(key.text)' holds \(element), which is no code of GB/T 24476 such as \"04\""
                )
            }
            set |= code.bit
        }
        return set
    }

    private mutating func key(
        of member: JSONMember, _ index: Int, _ line: Span<UInt8>
    ) throws(ExpressionError) -> Int {
        if index < guesses.count, Self.isSame(line, member.key, keys[guesses[index]].bytes) {
            return guesses[index]
        }
        if let known = keys.indices.first(where: { Self.isSame(line, member.key, keys[$0].bytes) })
        {
            return known
        }
        let name = JSONScanner(line).unescaped(member.key)
        var bytes: [UInt8] = []
        for i in member.key.start..<member.key.end { bytes.append(line[i]) }
        let key = Key(
            bytes: bytes, column: name == "t" ? nil : try trace.column(named: name),
            isTime: name == "t")
        if keys.count < Self.rememberedKeys {
            keys.append(key)
        } else {
            keys[Self.rememberedKeys - 1] = key
        }
        return keys.count - 1
    }

    private static func isSame(_ line: Span<UInt8>, _ key: JSONToken, _ bytes: [UInt8]) -> Bool {
        guard key.end - key.start == bytes.count else { return false }
        for i in 0..<bytes.count where line[key.start + i] != bytes[i] { return false }
        return true
    }
}
