import Detection
import DeviceProfiles
import Elevator
import Encoding
import PositionedYAML

/// Reads traces of lines `{"t": seconds, "SIGNAL": value, …}` for `hoistway rules eval`.
public enum ExpressionWorkbench {
    /// - Throws: `InvalidFiles` that names the line.
    public static func trace(_ path: String) throws -> ExpressionTrace {
        let name = path == "-" ? "standard input" : path
        var rows: [ExpressionTrace.Row] = []
        try LineReader(path).visitLines { line, number in
            var entries: [(String, ExpressionTrace.Value)] = []
            var time: Int64?
            var scanner = JSONScanner(line)
            do throws(JSONError) {
                try scanner.forEachMember { scanner, key, token in
                    let key = scanner.unescaped(key)
                    if key == "t" {
                        time = token.kind == .number ? DecimalText.nanoseconds(line, token.start, token.end) : nil
                        return
                    }
                    switch token.kind {
                    case .true: entries.append((key, .boolean(true)))
                    case .false: entries.append((key, .boolean(false)))
                    case .null: entries.append((key, .unknown))
                    case .string: entries.append((key, .word(scanner.unescaped(token))))
                    case .number:
                        if let number = DecimalText.double(line, token.start, token.end) {
                            entries.append((key, .number(number)))
                        }
                    default: break
                    }
                }
            } catch {
                throw InvalidFiles([
                    Diagnostic(
                        file: name, line: number, column: error.offset + 1,
                        message: "not JSON here: expected \(error.expected)")
                ])
            }
            guard let time, time.magnitude <= UInt64(TraceReader.farthest) else {
                throw InvalidFiles([
                    Diagnostic(
                        file: name, line: number, column: 1,
                        message: "expected \"t\": seconds as a decimal number with at most nine decimals")
                ])
            }
            rows.append(ExpressionTrace.Row(time: Instant(nanoseconds: time), values: entries))
        }
        return ExpressionTrace(rows)
    }
}
