#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Writes a line to standard error.
func printError(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
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
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { write(1, $0.baseAddress! + offset, $0.count - offset) }
            // A reader that has seen enough (head, less) closes the pipe; that is no failure of ours.
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

var isTerminal: Bool { isatty(1) == 1 }

/// Colours on a terminal only.
func styled(_ text: String, _ code: String) -> String {
    isTerminal ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
}

/// Pads to a width in characters.
func column(_ text: String, _ width: Int) -> String {
    text.count >= width
        ? String(text.prefix(max(0, width - 1))) + " " : text + String(repeating: " ", count: width - text.count)
}

/// The clock by which the status file is stamped.
enum MonotonicSeconds {
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// A process of any user with this number runs.
func isProcessAlive(_ pid: Int32) -> Bool { kill(pid, 0) == 0 || errno == EPERM }
