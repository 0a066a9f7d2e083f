import Contract
import LiftModel
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Writes a line to standard error. It gives up on a reader that takes nothing for two seconds,
/// because the daemon must be able to end.
func printError(_ text: String) {
    let deadline = MonotonicClock.now + .seconds(2)
    var rest = Array((steady(text) + "\n").utf8)[...]
    while !rest.isEmpty, MonotonicClock.now < deadline {
        var entry = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
        guard poll(&entry, 1, 100) == 1 else { continue }
        // A writable pipe takes a page without waiting; `write` takes a pointer only.
        let count = rest.withUnsafeBytes { write(2, $0.baseAddress, min($0.count, 4096)) }
        guard count > 0 || errno == EINTR || errno == EAGAIN else { return }
        rest = rest.dropFirst(max(0, count))
    }
}

/// Prints text for a person. Text from other sources in it cannot control the terminal.
func print(_ text: String, terminator: String = "\n") {
    Swift.print(steady(text), terminator: terminator)
}

/// Prints a JSON text for a program.
func print(json: String, terminator: String = "\n") {
    Swift.print(printable(json: json), terminator: terminator)
}

/// Lines without control characters except the colours of `styled`.
func steady(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.isTerminalControl && $0 != "\n" }) else {
        return text
    }
    return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        var safe = ""
        var rest = line
        while let next = rest.first {
            if isTerminal, let colour = colours.first(where: { rest.hasPrefix($0) }) {
                safe += colour
                rest = rest.dropFirst(colour.count)
            } else {
                safe += printable(String(next))
                rest = rest.dropFirst()
            }
        }
        return safe
    }.joined(separator: "\n")
}

/// Collects output and writes it in large pieces.
struct OutputBuffer: ~Copyable {
    private var bytes: [UInt8] = []

    mutating func line(_ text: [UInt8]) { append(text + [10]) }
    mutating func append(_ text: [UInt8]) {
        bytes.append(contentsOf: text)
        if bytes.count > 1 << 16 { flush() }
    }
    mutating func line(_ text: String) { line(Array(text.utf8)) }

    mutating func flush() {
        // A file or a pipe gets the unchanged bytes.
        if isTerminal {
            bytes = Array(printable(json: String(decoding: bytes, as: UTF8.self)).utf8)
        }
        var offset = 0
        while offset < bytes.count {
            // `write` copies the bytes.
            let count = bytes.withUnsafeBytes {
                write(1, $0.baseAddress! + offset, $0.count - offset)
            }
            // A reader that has enough (head, less) closes the pipe; that is no failure.
            if count < 0, errno == EPIPE { exit(0) }
            if count <= 0, errno != EINTR {
                printError("standard output cannot be written: \(String(cString: strerror(errno)))")
                exit(1)
            }
            offset += max(0, count)
        }
        bytes.removeAll(keepingCapacity: true)
    }

    deinit {}
}

let isTerminal = isatty(1) == 1

/// The width of the terminal; nil where the output goes elsewhere.
var terminalColumns: Int? {
    var size = winsize()
    guard isTerminal, ioctl(1, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
    return max(40, size.ws_col == 0 ? 80 : Int(size.ws_col))
}

/// Colours on a terminal only.
func styled(_ text: String, _ code: String) -> String {
    isTerminal ? "\u{1B}[\(code)m\(printable(text))\u{1B}[0m" : text
}
private func uncoloured(_ text: String) -> String {
    colours.reduce(text) { $0.split(separator: $1).joined() }
}
/// Plain, bold, red, green, yellow: the only codes of `styled`.
private let colours = ["0", "1", "31", "32", "33"].map { "\u{1B}[\($0)m" }

/// Pads a text to a width in columns of the terminal; a longer text is cut, with a `…`.
func column(_ text: String, _ width: Int) -> String {
    let short = cut(text, width - 1)
    return short + String(repeating: " ", count: width - short.terminalColumns)
}

/// Aligns rows in columns. Only the last column may be coloured.
func table(_ rows: [[String]]) -> String {
    var widths: [Int] = []
    for row in rows {
        for (index, cell) in row.enumerated() {
            if index == widths.count { widths.append(0) }
            widths[index] = max(widths[index], printable(cell).terminalColumns)
        }
    }
    return rows.map { row in
        row.enumerated().map { index, cell in
            index == row.count - 1 ? cell : column(cell, widths[index] + 2)
        }.joined()
    }.joined(separator: "\n")
}

/// Cuts a text to a width in columns of the terminal; a longer one ends with a `…`.
func cut(_ text: String, _ width: Int) -> String {
    let text = printable(text)
    if text.terminalColumns <= width { return text }
    var prefix = ""
    for character in text {
        if prefix.terminalColumns + String(character).terminalColumns > width - 1 { break }
        prefix.append(character)
    }
    return prefix + "…"
}

/// Wraps a text at a width; further lines are indented by two more columns. No word is cut.
/// - Parameter columns: nil for one line.
func wrapped(_ text: String, to columns: Int?) -> [String] {
    guard let columns else { return [text] }
    let indent = String(text.prefix { $0 == " " })
    var lines: [String] = []
    var line = ""
    for word in text.dropFirst(indent.count).split(separator: " ", omittingEmptySubsequences: false)
    {
        let longer: String =
            line.isEmpty ? (lines.isEmpty ? indent : indent + "  ") + word : line + " " + word
        // A colour takes no column.
        if !line.isEmpty, uncoloured(longer).terminalColumns > columns {
            lines.append(line)
            line = indent + "  " + word
        } else {
            line = longer
        }
    }
    return lines + [line]
}

/// "1 lift", "2 lifts".
func counted(_ count: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
}

extension String {
    /// The width in columns of the terminal: two for a Chinese character (East Asian Wide), none
    /// for a combining mark.
    var terminalColumns: Int {
        unicodeScalars.reduce(0) { sum, scalar in
            switch scalar.properties.generalCategory {
            case .nonspacingMark, .enclosingMark, .format: return sum
            default: return sum + (Self.wide.contains { $0 ~= scalar.value } ? 2 : 1)
            }
        }
    }
    /// Unicode's East Asian Wide and Fullwidth, by blocks.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xAC00...0xD7A3,
        0xF900...0xFAFF,
        0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF,
        0x20000...0x3FFFD,
    ]
}

extension Instant {
    /// The wall clock of this box, right or wrong.
    static var wallClock: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// Whether a process of any user with this id runs. A zombie does not: where no process collects
/// it, as in some containers, it keeps its id.
func isProcessAlive(_ pid: Int) -> Bool {
    guard let id = Int32(exactly: pid), kill(id, 0) == 0 || errno == EPERM else { return false }
    // Without the file, as outside of Linux, the signal has answered.
    guard let file = fopen("/proc/\(pid)/stat", "r") else { return true }
    defer { fclose(file) }
    var text = [UInt8](repeating: 0, count: 256)
    let count = fread(&text, 1, text.count, file)
    // `PID (NAME) STATE …`; the name may hold anything.
    guard let end = text[..<count].lastIndex(of: UInt8(ascii: ")")), end + 2 < count else {
        return true
    }
    return text[end + 2] != UInt8(ascii: "Z")
}
