import CZstd

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The bytes of an open file, decompressed where the file begins as a zstd frame (RFC 8878).
///
/// Unsafe pointers: the kernel and zstd write straight into the caller's buffer, which is valid
/// during the call.
final class ByteSource {
    struct Failure: Error { var reason: String }

    private let descriptor: Int32
    /// zstd's decompression context; owned, freed in deinit. nil where the file is not compressed.
    private var context: OpaquePointer?
    /// Bytes that were read from the file; those from `next` on are not used yet.
    private var pending: [UInt8] = []
    private var next = 0
    private var hasStarted = false
    private var isInFrame = false

    /// Takes ownership of the descriptor.
    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit {
        ZSTD_freeDCtx(context)
        if descriptor > 0 { close(descriptor) }
    }

    /// Reads at most as many bytes as the buffer holds.
    /// - Returns: the number of bytes read; 0 at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        if !hasStarted { try start() }
        guard context == nil else { return try unpack(into: buffer) }
        if next < pending.count {
            let count = min(buffer.count, pending.count - next)
            buffer.copyBytes(from: pending[next..<next + count])
            next += count
            return count
        }
        return try readFile(into: buffer)
    }

    /// Detects zstd by the first bytes of the file.
    private func start() throws(Failure) {
        hasStarted = true
        while pending.count < 4 { if try refill(retaining: pending.count) == 0 { return } }
        guard pending.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) else { return }
        context = ZSTD_createDCtx()
        if context == nil { throw Failure(reason: "no memory to unpack it") }
    }

    private func unpack(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while true {
            if next == pending.count, try refill(retaining: 0) == 0 {
                guard !isInFrame else {
                    throw Failure(
                        reason:
                            "the compressed file ends in the middle: its recorder was probably killed. All lines before this one were read"
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
                throw Failure(
                    reason: "cannot be unpacked: \(String(cString: ZSTD_getErrorName(result)))")
            }
            next = read
            isInFrame = result != 0
            if written > 0 { return written }
        }
    }

    /// Replaces `pending` by its first `retained` bytes and more of the file.
    /// - Returns: the number of bytes read; 0 at the end of the file.
    private func refill(retaining retained: Int) throws(Failure) -> Int {
        var fresh = [UInt8](repeating: 0, count: 1 << 17)
        for i in 0..<retained { fresh[i] = pending[i] }
        let result = fresh.withUnsafeMutableBytes { bytes in
            Result { () throws(Failure) in
                try readFile(into: UnsafeMutableRawBufferPointer(rebasing: bytes[retained...]))
            }
        }
        let count = try result.get()
        fresh.removeLast(fresh.count - retained - count)
        pending = fresh
        next = 0
        return count
    }

    private func readFile(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while true {
            #if canImport(Glibc)
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #else
                let count = Musl.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
            if count >= 0 { return count }
            if errno != EINTR {
                throw Failure(reason: "cannot be read: \(String(cString: strerror(errno)))")
            }
        }
    }
}
