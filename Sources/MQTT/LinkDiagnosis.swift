import Connectivity
import LiftModel
import Platform
import Synchronization

/// Finds out why a connection fails, on a thread of its own, so that no route and no loop waits.
public final class LinkDiagnosis: Sendable {
    private struct State {
        var isRunning = false
        var startedAt: MonotonicTime?
        var finding: ServerProblem?
        var isNew = false
        /// Counts the calls of `reset`: a finding from before the last one is out of date.
        var epoch = 0
    }

    /// At most one probe in this time.
    private static let interval = Duration.seconds(20)

    private let state = Mutex(State())
    /// The process makes one probe at a time: in an outage all routes fail at once.
    private static let isBusy = Atomic(false)

    public init() {}

    /// Looks for the cause of a failed connection, unless the last probe was less than `interval`
    /// ago.
    public func start(_ probe: ServerProbe) {
        let now = MonotonicClock.now
        let epoch: Int? = state.withLock { state in
            if state.isRunning { return nil }
            if let started = state.startedAt, now - started < Self.interval {
                return nil
            }
            state.isRunning = true
            state.startedAt = now
            return state.epoch
        }
        guard let epoch else { return }
        guard !Self.isBusy.exchange(true, ordering: .acquiring) else { return postpone() }
        let thread = LoopThread.attempt { [self] in
            let finding = probe.problem(at: Instant(nanoseconds: MonotonicClock.wallNanoseconds))
            Self.isBusy.store(false, ordering: .releasing)
            state.withLock { state in
                state.isRunning = false
                guard state.epoch == epoch else { return }
                state.isNew = finding != nil && finding != state.finding
                state.finding = finding
            }
        }
        if let thread { return thread.detach() }
        Self.isBusy.store(false, ordering: .releasing)
        postpone()
    }

    /// The next failure starts a probe.
    private func postpone() {
        state.withLock { state in
            state.isRunning = false
            state.startedAt = nil
        }
    }

    /// Discards the finding: the connection stands, or the server has given a reason itself.
    public func reset() {
        state.withLock { state in
            state.epoch += 1
            state.startedAt = nil
            state.finding = nil
            state.isNew = false
        }
    }

    /// The cause of the failure; nil where none was found.
    public var finding: ServerProblem? { state.withLock { $0.finding } }

    /// The finding, where it is new since the last call.
    public func takeNewFinding() -> ServerProblem? {
        state.withLock { state in
            defer { state.isNew = false }
            return state.isNew ? state.finding : nil
        }
    }
}
