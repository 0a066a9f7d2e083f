import Contract
import Delivery
import GatewayCore
import LiftModel
import Monitoring
import PositionedYAML
import Trace

/// One pass of a replay over a trace, row by row.
struct ReplayPass {
    /// Takes each alert's CloudEvent, a line of JSON without its line end.
    typealias Emit = (Alert, [UInt8]) -> Void

    private let replay: Replay
    /// The trace as mistakes name it.
    private let file: String
    private(set) var summary = Replay.Summary()
    /// nil before the first row.
    private(set) var intake: Intake?
    /// The rule to explain, until its lift is known.
    private var pending: (rule: String, lift: String, reasons: Set<String>)?
    /// The lines of operator actions about alerts that are not raised here.
    private(set) var strayActions: [Int] = []

    init(_ replay: Replay, file: String) {
        self.replay = replay
        self.file = file
        pending = replay.explained
    }

    mutating func take(
        topic: Span<UInt8>, payload: Span<UInt8>, isRetained: Bool, unread: Int?, arrival: Instant,
        emit: Emit
    ) throws {
        if intake == nil { try start(at: arrival, isObserving: true) }
        summary.messages += 1
        summary.to = arrival
        advance(to: arrival + .nanoseconds(-1), emit: emit)
        intake?.take(
            topic: topic, payload: payload, isRetained: isRetained, arrival: arrival, unread: unread
        )
        reportNewAlerts(at: arrival, emit)
        if let (rule, lift, reasons) = pending, intake?.detector.index(of: lift) != nil {
            pending = nil
            try intake?.explain(rule: rule, lift: lift, reasons: reasons)
        }
    }

    mutating func take(_ event: TraceEvent, line: Int, at time: Instant, emit: Emit) throws {
        if intake == nil { try start(at: time, isObserving: false) }
        summary.to = time
        // Timers had to wait for the messages that waited unread.
        if event != .connection(.behind) { advance(to: time, emit: emit) }
        guard let control = ControlEvent(event) else {
            throw InvalidFiles([
                Diagnostic(
                    file: file, line: line, column: 1,
                    message: "\"order\" is not an operator action as the daemon writes it")
            ])
        }
        if isStray(control) { strayActions.append(line) }
        intake?.apply(control, at: time)
        reportNewAlerts(at: time, emit)
    }

    /// Evaluates timers up to a time, alert by alert.
    mutating func advance(to time: Instant, emit: Emit) {
        var due: [(Alert, Instant)] = []
        intake?.advance(to: time) { due.append(($0, $1)) }
        for (alert, time) in due { report(alert, at: time, emit) }
    }

    /// Adds what is known at the trace's end.
    mutating func finishSummary() {
        guard let intake else { return }
        summary.lifts = intake.detector.liftCount
        for index in intake.detector.liftIndices {
            let counters = intake.detector.view(index).counters
            summary.pastMessages += counters.historical
            summary.duplicates += counters.duplicates
        }
        summary.badInput = intake.badInput
    }

    private mutating func start(at time: Instant, isObserving: Bool) throws {
        summary.from = time
        intake = try replay.freshIntake(at: time, isObserving: isObserving)
    }

    private mutating func reportNewAlerts(at time: Instant, _ emit: Emit) {
        for alert in (intake?.takeAlerts() ?? []) + (intake?.takeRefusalAlerts() ?? []) {
            report(alert, at: time, emit)
        }
    }

    private mutating func report(_ alert: Alert, at time: Instant, _ emit: Emit) {
        summary.alerts += 1
        let index = intake?.detector.index(of: alert.lift)
        let lift = index.flatMap { intake?.detector.lift($0) } ?? Lift(id: alert.lift)
        emit(alert, AlertEvent.json(alert, lift: lift, site: replay.site, recorded: time))
    }

    /// Whether a control event is an operator action about an alert that is not raised here.
    private func isStray(_ control: ControlEvent) -> Bool {
        guard let intake, case .action(let action) = control, let alert = action.alertID else {
            return false
        }
        return intake.detector.lane(ofAlert: alert) == nil
    }
}
