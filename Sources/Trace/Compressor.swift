import CZstd

/// Compresses a stream by zstd (RFC 8878), piece by piece.
package final class Compressor {
    /// Repeating telemetry comes to a twentieth at this level; higher ones cost more time than they save.
    private static let level: Int32 = 3
    /// zstd's; owned, freed in deinit.
    private let context: OpaquePointer

    package init() {
        guard let context = ZSTD_createCCtx() else { preconditionFailure("no memory for a compressor") }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Self.level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    }

    deinit { ZSTD_freeCCtx(context) }

    /// - Returns: bytes from which all that went in so far can be read.
    package func compress(_ bytes: [UInt8]) -> [UInt8] { run(bytes, ZSTD_e_flush) }

    /// - Returns: the end of the stream. What is compressed afterwards begins another, which may follow in the same file.
    package func finish() -> [UInt8] { run([], ZSTD_e_end) }

    private func run(_ bytes: [UInt8], _ directive: ZSTD_EndDirective) -> [UInt8] {
        var packed: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: ZSTD_CStreamOutSize())
        // zstd reads the one array and writes the other, while both are held.
        bytes.withUnsafeBytes { source in
            var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
            while true {
                let (left, written) = piece.withUnsafeMutableBytes { room in
                    var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                    return (ZSTD_compressStream2(context, &output, &input, directive), output.pos)
                }
                precondition(ZSTD_isError(left) == 0, "zstd refused a stream")
                packed += piece[..<written]
                if left == 0 { return }
            }
        }
        return packed
    }
}
