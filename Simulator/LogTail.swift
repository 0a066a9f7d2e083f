#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Follows a growing log.
final class LogTail {
    private let path: String
    private var descriptor: Int32 = -1
    private var rest: [UInt8] = []

    init(_ path: String) { self.path = path }
    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The number of whole lines with this text since the last call.
    func count(of text: String) -> Int {
        if descriptor < 0 { descriptor = open(path, O_RDONLY) }
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while descriptor >= 0 {
            let count = read(descriptor, &piece, piece.count)
            guard count > 0 else { break }
            rest += piece[0..<count]
        }
        guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { return 0 }
        let lines = String(decoding: rest[0...end], as: UTF8.self).split(separator: "\n")
        rest.removeSubrange(0...end)
        return lines.count { $0.contains(text) }
    }
}
