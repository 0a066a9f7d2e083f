import Contract
import FoundationEssentials
import LiftModel
import Logging
import Platform
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The daemon's log. A thread of its own writes it, so that an unread log never blocks the loop or
/// a route.
///
/// 1. `append` never waits for the reader. At most `capacity` bytes wait; further lines are
///    dropped, and the next line that is written has their number.
/// 2. One location in the code logs at most `linesPerMinute` lines; then one line has the number of
///    the further ones and the last one's text. So no client and no centre can fill the log.
/// 3. A line is one line: no control character of a message reaches it.
///
/// It is not a record. Decisions are in the journal.
public final class LogWriter: Sendable {
    static let capacity = 256 << 10
    static let linesPerMinute = 30
    /// The limit of a message, in Unicode scalars.
    private static let longestMessage = 4000
    private static let minute = Duration.seconds(60)

    /// The form of a line's beginning.
    enum Form: Sendable {
        /// `<4>`: journald takes the level from it and adds the time itself (sd-daemon(3)).
        case journald
        /// The local time and the level.
        case stamped
    }
    /// The location in the code that logs a line. One location logs one kind of line.
    struct CodeLocation: Hashable {
        var file: String
        var line: UInt
    }
    /// The lines of one location within a minute.
    private struct Window {
        var end: MonotonicTime
        var lines = 0
        var suppressed = 0
        var last = (level: Logger.Level.info, message: "")
    }
    private struct State {
        var queue: [UInt8] = []
        var isWriting = false
        var dropped = 0
        var windows: [CodeLocation: Window] = [:]
    }

    private let descriptor: Int32
    private let form: Form
    private let state = Mutex(State())
    private let wake = WakeUp()

    /// Starts the writing thread, which runs until the process ends.
    /// - Parameters:
    ///   - descriptor: standard error.
    ///   - journalStream: `device:inode` of the stream that systemd has connected to journald.
    public init(
        descriptor: Int32 = 2,
        journalStream: String? = ProcessInfo.processInfo.environment["JOURNAL_STREAM"]
    ) {
        self.descriptor = descriptor
        form = Self.form(of: descriptor, journalStream: journalStream)
        LoopThread { [self] in
            // This thread may start before `StopSignal`: the process's signals are not for it.
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            while true {
                _ = Poll.wait([wake.descriptor], for: .seconds(1))
                wake.clear()
                write(take(closing: { $0.end <= MonotonicClock.now }))
                state.withLock { $0.isWriting = false }
            }
        }.detach()
    }

    public var logger: Logger { Logger(label: "hoistway") { _ in LogQueueHandler(writer: self) } }

    /// Waits until all lines are written, or the time is over: there may be no reader.
    public func flush(for patience: Duration) {
        let deadline = MonotonicClock.now + patience
        state.withLock { state in close(&state) { _ in true } }
        wake.signal()
        while MonotonicClock.now < deadline,
            state.withLock({ $0.isWriting || !$0.queue.isEmpty })
        {
            usleep(5_000)
        }
    }

    func append(_ level: Logger.Level, _ message: String, from location: CodeLocation) {
        let now = MonotonicClock.now
        let message = printable(message, upTo: Self.longestMessage)
        let isQueued = state.withLock { state in
            close(&state) { $0.end <= now }
            var window = state.windows[location] ?? Window(end: now + Self.minute)
            let isOverLimit = window.lines == Self.linesPerMinute
            if isOverLimit {
                window.suppressed += 1
                window.last = (level, message)
            } else {
                window.lines += 1
                enqueue(level, message, &state)
            }
            state.windows[location] = window
            return !isOverLimit
        }
        if isQueued { wake.signal() }
    }

    /// Standard error may since have been redirected from journald.
    static func form(of descriptor: Int32, journalStream: String?) -> Form {
        var file = stat()
        guard let journalStream, fstat(descriptor, &file) == 0 else { return .stamped }
        return journalStream == "\(file.st_dev):\(file.st_ino)" ? .journald : .stamped
    }

    // MARK: Under the lock

    private func enqueue(_ level: Logger.Level, _ message: String, _ state: inout State) {
        let line = text(level, message)
        // After a dropped line all are dropped until the queue is taken: the count is then written
        // where they are missing.
        guard state.dropped == 0, state.queue.count + line.count <= Self.capacity else {
            state.dropped += 1
            return
        }
        state.queue += line
    }

    /// Ends the minutes that are over, and queues the number of suppressed lines.
    private func close(_ state: inout State, where isOver: (Window) -> Bool) {
        for (location, window) in state.windows where isOver(window) {
            state.windows[location] = nil
            guard window.suppressed > 0 else { continue }
            enqueue(
                window.last.level,
                "\(window.suppressed) more such lines in a minute are left out; the last: \(window.last.message)",
                &state)
        }
    }

    /// Takes the lines to write now.
    private func take(closing isOver: (Window) -> Bool) -> [UInt8] {
        state.withLock { state in
            close(&state, where: isOver)
            var lines = state.queue
            state.queue = []
            if state.dropped > 0 {
                lines += text(
                    .warning,
                    "the log was not read in time: \(state.dropped) lines are missing here")
                state.dropped = 0
            }
            state.isWriting = !lines.isEmpty
            return lines
        }
    }

    private func text(_ level: Logger.Level, _ message: String) -> [UInt8] {
        let beginning =
            switch form {
            case .journald: "<\(level.systemdPriority)>"
            case .stamped:
                "\(Instant(nanoseconds: MonotonicClock.wallNanoseconds).localMilliseconds) \(level): "
            }
        return Array((beginning + message + "\n").utf8)
    }

    // MARK: The log's own thread

    private func write(_ lines: [UInt8]) {
        var rest = lines[...]
        while !rest.isEmpty {
            // `write` takes bytes as a pointer only.
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                _ = Poll.wait([], writer: descriptor, for: .seconds(1))
            } else if errno != EINTR {
                // The reader is gone. Another may come (a full disk that is emptied) and gets the
                // number of missing lines.
                let lost = rest.count { $0 == 10 }
                return state.withLock { $0.dropped += lost }
            }
        }
    }
}

/// `write`(2) under a name that differs from the writer's own method.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

/// Passes the lines of swift-log to a `LogWriter`. Metadata are not written: the daemon's messages
/// are whole sentences.
private struct LogQueueHandler: LogHandler {
    let writer: LogWriter
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
        writer.append(
            event.level, event.message.description,
            from: LogWriter.CodeLocation(file: event.file, line: event.line))
    }
}

extension Logger.Level {
    /// As in syslog(3): 2 critical to 7 debug.
    fileprivate var systemdPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
