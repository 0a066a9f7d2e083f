import CZstd

/// Compresses a stream with zstd (RFC 8878), piece by piece.
package final class Compressor {
    /// This level compresses repeating telemetry to a twentieth. Higher levels cost more time than
    /// they save.
    private static let level: Int32 = 3
    /// zstd's compression context; owned, freed in deinit.
    private let context: OpaquePointer

    package init() {
        guard let context = ZSTD_createCCtx() else {
            preconditionFailure("no memory for a compressor")
        }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Self.level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    }

    deinit { ZSTD_freeCCtx(context) }

    /// - Returns: compressed bytes. All input so far can be read from them and the earlier ones.
    package func compress(_ bytes: [UInt8]) -> [UInt8] { run(bytes, ZSTD_e_flush) }

    /// - Returns: the end of the stream. A later `compress` begins another stream, which may follow
    ///   in the same file.
    package func finish() -> [UInt8] { run([], ZSTD_e_end) }

    private func run(_ bytes: [UInt8], _ directive: ZSTD_EndDirective) -> [UInt8] {
        var packed: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: ZSTD_CStreamOutSize())
        // zstd reads `source` and writes `room` during the call only.
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
