import Trace

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A file, or standard output for `-`, written in large pieces; compressed by zstd where its name
/// ends in `.zst`.
final class OutputFile {
    private let descriptor: Int32
    private var bytes: [UInt8] = []
    private let compressor: Compressor?

    /// - Parameter reading: files that it must not overwrite, by whatever name.
    init(_ path: String, appending: Bool = false, reading: [String] = []) throws {
        if let other = reading.first(where: { isOneFile(path, $0) }) {
            throw OutputError(
                path: path, reason: "is also read or written as \(other); give another name")
        }
        if appending, path.hasSuffix(".zst") {
            throw OutputError(
                path: path, reason: "is appended to, and stays plain: expected a name without .zst")
        }
        descriptor =
            path == "-"
            ? 1 : open(path, O_WRONLY | O_CREAT | (appending ? O_APPEND : O_TRUNC), 0o644)
        if descriptor < 0 {
            throw OutputError(path: path, reason: String(cString: strerror(errno)))
        }
        compressor = path.hasSuffix(".zst") ? Compressor() : nil
        bytes.reserveCapacity(1 << 17)
    }

    deinit {
        flush()
        if let compressor { write(through: compressor.finish()) }
        if descriptor > 2 { close(descriptor) }
    }

    func write(_ piece: [UInt8]) {
        bytes.append(contentsOf: piece)
        if bytes.count > 1 << 16 { flush() }
    }

    func flush() {
        if bytes.isEmpty { return }
        write(through: compressor?.compress(bytes) ?? bytes)
        bytes.removeAll(keepingCapacity: true)
    }

    private func write(through bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Self.system(descriptor, $0.baseAddress! + offset, $0.count - offset)
            }
            if count < 0, errno == EPIPE { exit(0) }
            if count < 0, errno != EINTR {
                StandardError.write(
                    "hoistway-sim: cannot write: \(String(cString: strerror(errno)))")
                exit(1)
            }
            offset += max(0, count)
        }
    }

    /// Everything written is on disk when this returns.
    func sync() {
        guard !bytes.isEmpty else { return }
        flush()
        fdatasync(descriptor)
    }

    private static func system(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int
    {
        #if canImport(Glibc)
            return Glibc.write(descriptor, bytes, count)
        #else
            return Musl.write(descriptor, bytes, count)
        #endif
    }
}

/// Whether two names are one existing file.
private func isOneFile(_ a: String, _ b: String) -> Bool {
    var (one, other) = (stat(), stat())
    return a != "-" && stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev
        && one.st_ino == other.st_ino && one.st_mode & S_IFMT == S_IFREG
}

struct OutputError: Error, CustomStringConvertible {
    var path: String
    var reason: String
    var description: String { "\(path): \(reason)" }
}

enum StandardError {
    static func write(_ line: String) { writeLine(line) }
}

private func writeLine(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}
