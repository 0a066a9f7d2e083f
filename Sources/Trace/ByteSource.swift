import CZstd

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The bytes of an open file, unpacked where they begin as zstd's do (RFC 8878).
///
/// Unsafe pointers: the kernel and zstd write straight into the caller's buffer, which is theirs during the call.
final class ByteSource {
    struct Failure: Error { var reason: String }

    private let descriptor: Int32
    /// zstd's; owned, freed in deinit. nil where the file is plain.
    private var context: OpaquePointer?
    /// What was read and is not handed on yet.
    private var pending: [UInt8] = []
    private var next = 0
    private var hasBegun = false
    private var isInFrame = false

    /// Takes the descriptor over.
    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit {
        ZSTD_freeDCtx(context)
        if descriptor > 0 { close(descriptor) }
    }

    /// Fills the buffer as far as bytes are at hand.
    /// - Returns: how many came; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        if !hasBegun { try begin() }
        guard context == nil else { return try unpack(into: buffer) }
        if next < pending.count {
            let count = min(buffer.count, pending.count - next)
            buffer.copyBytes(from: pending[next..<next + count])
            next += count
            return count
        }
        return try system(buffer)
    }

    /// Looks whether the first bytes are zstd's.
    private func begin() throws(Failure) {
        hasBegun = true
        while pending.count < 4 { if try refill(keeping: pending.count) == 0 { return } }
        guard pending.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) else { return }
        context = ZSTD_createDCtx()
        if context == nil { throw Failure(reason: "no memory to unpack it") }
    }

    private func unpack(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while true {
            if next == pending.count, try refill(keeping: 0) == 0 {
                guard !isInFrame else {
                    throw Failure(
                        reason:
                            "the compressed file ends in the middle, as of a recorder that was killed; all before this line was read"
                    )
                }
                return 0
            }
            let (result, read, written) = pending.withUnsafeBytes { bytes in
                var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: next)
                var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
                let result = ZSTD_decompressStream(context, &output, &input)
                return (result, input.pos, output.pos)
            }
            guard ZSTD_isError(result) == 0 else {
                throw Failure(reason: "cannot be unpacked: \(String(cString: ZSTD_getErrorName(result)))")
            }
            next = read
            isInFrame = result != 0
            if written > 0 { return written }
        }
    }

    /// Reads more behind the first so many pending bytes.
    private func refill(keeping kept: Int) throws(Failure) -> Int {
        var fresh = [UInt8](repeating: 0, count: 1 << 17)
        for i in 0..<kept { fresh[i] = pending[i] }
        let result = fresh.withUnsafeMutableBytes { bytes in
            Result { () throws(Failure) in try system(UnsafeMutableRawBufferPointer(rebasing: bytes[kept...])) }
        }
        let count = try result.get()
        fresh.removeLast(fresh.count - kept - count)
        pending = fresh
        next = 0
        return count
    }

    private func system(_ buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while true {
            #if canImport(Glibc)
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #else
                let count = Musl.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
            if count >= 0 { return count }
            if errno != EINTR { throw Failure(reason: "cannot be read: \(String(cString: strerror(errno)))") }
        }
    }
}
