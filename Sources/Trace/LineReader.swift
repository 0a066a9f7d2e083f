import PositionedYAML

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads a file, or standard input for `-`, line by line without holding it in memory. A file that
/// zstd has compressed is decompressed.
public struct LineReader: ~Copyable {
    /// A longer line is an error: no trace has one.
    static let maximumLine = 4 << 20
    private let source: ByteSource
    private let name: String

    public init(_ path: String) throws(InvalidFiles) {
        name = path == "-" ? "standard input" : path
        let descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            throw InvalidFiles([
                Diagnostic(
                    file: path, message: "cannot be opened: \(String(cString: strerror(errno)))")
            ])
        }
        source = ByteSource(descriptor)
    }

    /// Visits each line without its line feed, and skips empty lines. Line numbers count from 1.
    public borrowing func visitLines(_ body: (Span<UInt8>, Int) throws -> Void) throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var filled = 0
        var number = 0
        while true {
            if filled == buffer.count {
                guard buffer.count < Self.maximumLine else {
                    throw InvalidFiles([
                        Diagnostic(
                            file: name, line: number + 1, column: 1,
                            message: "the line is longer than 4 MiB")
                    ])
                }
                buffer.append(contentsOf: [UInt8](repeating: 0, count: buffer.count))
            }
            // Into the array's own storage, after the unfinished line.
            let room = filled..<buffer.count
            let result = buffer.withUnsafeMutableBytes { bytes in
                Result { () throws(ByteSource.Failure) in
                    try source.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[room]))
                }
            }
            let count: Int
            do { count = try result.get() } catch {
                throw InvalidFiles([Diagnostic(file: name, line: number, message: error.reason)])
            }
            if count == 0 { break }
            let end = filled + count
            var start = 0
            var position = filled
            while let found = Self.newline(in: buffer, from: position, to: end) {
                number += 1
                if found > start { try body(buffer.span.extracting(start..<found), number) }
                start = found + 1
                position = start
            }
            buffer.replaceSubrange(0..<(end - start), with: buffer[start..<end])
            buffer.append(contentsOf: repeatElement(0, count: max(0, (1 << 18) - buffer.count)))
            filled = end - start
        }
        if filled > 0 { try body(buffer.span.extracting(0..<filled), number + 1) }
    }

    private static func newline(in buffer: [UInt8], from start: Int, to end: Int) -> Int? {
        // libc's search is many times faster than a loop. It reads within the array, during the
        // call.
        buffer.withUnsafeBytes { bytes in
            guard start < end, let base = bytes.baseAddress,
                let found = memchr(base + start, 10, end - start)
            else {
                return nil
            }
            return UnsafeRawPointer(found) - base
        }
    }
}
