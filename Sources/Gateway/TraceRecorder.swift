import GatewayCore
import LiftModel
import Logging
import PositionedYAML
import Trace

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Writes the daemon's messages and control events into a trace, for `hoistway replay`.
final class TraceRecorder {
    private var writer = TraceWriter()
    private let descriptor: Int32
    private let log: Logger
    private var hasFailed = false

    init(_ path: String, log: Logger) throws(InvalidFiles) {
        self.log = log
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        if descriptor < 0 {
            throw InvalidFiles([
                Diagnostic(
                    file: path, message: "cannot be written: \(String(cString: strerror(errno)))")
            ])
        }
    }

    func message(
        topic: Span<UInt8>, payload: Span<UInt8>, isRetained: Bool, qos: Int, session: Int,
        at arrival: Instant
    ) {
        writer.message(
            topic: topic, payload: payload, isRetained: isRetained, qos: qos, session: session,
            at: arrival)
    }
    func event(_ event: ControlEvent, session: Int, at time: Instant) {
        writer.event(event.traced, session: session, at: time)
    }

    /// A trace is a convenience: if it cannot be written, the daemon continues without it.
    func flush() {
        let bytes = writer.take()
        var offset = 0
        while offset < bytes.count {
            // `write` copies the bytes.
            let count = bytes.withUnsafeBytes {
                write(descriptor, $0.baseAddress! + offset, $0.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 {
                if !hasFailed {
                    log.error("the trace is not complete: \(String(cString: strerror(errno)))")
                }
                hasFailed = true
                return
            }
            offset += count
        }
    }

    func close() { flush() }

    deinit { _ = Self.closeDescriptor(descriptor) }
    private static func closeDescriptor(_ descriptor: Int32) -> Int32 {
        #if canImport(Glibc)
            Glibc.close(descriptor)
        #else
            Musl.close(descriptor)
        #endif
    }
}
