import LiftModel
import Monitoring
import PositionedYAML
import Trace
import Uplink

/// Evaluates a recorded trace as the daemon does: the same code, with the times of the trace and
/// without a broker.
public struct Replay {
    public var data: DeviceData
    public var site = AlertEvent.Site(id: "replay")
    /// The identity of the journal whose ids the alerts get.
    public var identity = AlertOrigin.replayed
    /// The registered lifts; nil for every lift on a topic of a profile.
    public var lifts: [(lift: Lift, profile: String)]?

    /// The rule and lift whose parts `rules explain` shows.
    var explained: (rule: String, lift: String, reasons: Set<String>)?
    /// Called with the intake when the trace is read.
    var atEnd: (Intake) -> Void = { _ in }

    public struct Summary: Sendable {
        public var messages = 0
        public var alerts = 0
        public var lifts = 0
        /// Messages that were too late to have an effect, and duplicates.
        public var pastMessages = 0
        public var duplicates = 0
        public var badInput = BadInput()
        /// The ways in which the daemon may have evaluated the trace otherwise, each as a sentence.
        public var differences: [String] = []
        public var from: Instant?
        public var to: Instant?
    }

    public init(data: DeviceData) { self.data = data }

    /// Replays a file, or standard input for `-`.
    /// - Parameters:
    /// - until: evaluate timers up to this time, at least the last row's.
    /// - emit: takes each alert's CloudEvent, a line of JSON without its line end.
    public func run(_ path: String, until: Instant? = nil, emit: (Alert, [UInt8]) -> Void) throws -> Summary {
        var summary = Summary()
        var intake: Intake?
        var pending = explained
        var strayActions: [Int] = []
        let name = path == "-" ? "standard input" : path
        var reader = TraceReader(file: name)
        func report(_ alert: Alert, at time: Instant) {
            summary.alerts += 1
            let index = intake?.detector.index(of: alert.lift)
            let lift = index.flatMap { intake?.detector.lift($0) } ?? Lift(id: alert.lift)
            emit(alert, AlertEvent.json(alert, lift: lift, site: site, recorded: time))
        }
        func advance(to time: Instant) {
            var due: [(Alert, Instant)] = []
            intake?.advance(to: time) { due.append(($0, $1)) }
            for (alert, time) in due { report(alert, at: time) }
        }
        func reportNewAlerts(at time: Instant) {
            for alert in (intake?.takeAlerts() ?? []) + (intake?.refusedLifts.takeAlerts() ?? []) {
                report(alert, at: time)
            }
        }
        func start(_ time: Instant, isObserving: Bool) throws {
            if intake != nil { return }
            summary.from = time
            intake = try freshIntake(at: time, isObserving: isObserving)
        }
        try LineReader(path).visitLines { line, number in
            var failure: (any Error)?
            try reader.read(line, number: number) { topic, payload, isRetained, unread, arrival in
                do { try start(arrival, isObserving: true) } catch { failure = error }
                summary.messages += 1
                summary.to = arrival
                advance(to: arrival + .nanoseconds(-1))
                intake?.take(
                    topic: topic, payload: payload, isRetained: isRetained, arrival: arrival, unread: unread)
                reportNewAlerts(at: arrival)
                if let (rule, lift, reasons) = pending, intake?.detector.index(of: lift) != nil {
                    do { try intake?.explain(rule: rule, lift: lift, reasons: reasons) } catch { failure = error }
                    pending = nil
                }
            } event: { event, time in
                do { try start(time, isObserving: false) } catch { failure = error }
                summary.to = time
                // Timers had to wait for the messages that waited unread.
                if event != .connection(.behind) { advance(to: time) }
                if let control = ControlEvent(event) {
                    if let intake, Self.isStray(control, intake) { strayActions.append(number) }
                    intake?.apply(control, at: time)
                    reportNewAlerts(at: time)
                } else {
                    failure = InvalidFiles([
                        Diagnostic(
                            file: name, line: number, column: 1,
                            message: "\"order\" is not an operator action as the daemon writes it")
                    ])
                }
            }
            if let failure { throw failure }
        }
        if let to = summary.to { advance(to: max(to, until ?? to)) }
        if let intake { atEnd(intake) }
        summary.lifts = intake?.detector.liftCount ?? 0
        for index in 0..<summary.lifts {
            guard let counters = intake?.detector.view(index).counters else { continue }
            summary.pastMessages += counters.historical
            summary.duplicates += counters.duplicates
        }
        if let intake { summary.badInput = intake.badInput }
        summary.differences = Self.differences(reader.irregularities, strayActions)
        return summary
    }

    private func freshIntake(at start: Instant, isObserving: Bool) throws -> Intake {
        var intake = Intake(
            data: data, origin: AlertOrigin(site: site.id, journal: identity),
            admission: lifts == nil ? .anyone : .registered, start: start, isObserving: isObserving)
        for (lift, profile) in lifts ?? [] { try intake.register(lift, profile: profile, at: start) }
        return intake
    }

    /// Whether a control event is an operator action about an alert that is not raised here.
    private static func isStray(_ control: ControlEvent, _ intake: borrowing Intake) -> Bool {
        guard case .action(let action) = control, let alert = action.alertID else { return false }
        return intake.detector.lane(ofAlert: alert) == nil
    }

    /// - Parameter strayActions: their line numbers.
    private static func differences(_ irregularities: TraceReader.Irregularities, _ strayActions: [Int]) -> [String] {
        var found: [String] = []
        if let line = strayActions.first {
            found.append(
                "line \(line): an operator action is about an alert that has another id here (\(strayActions.count) such actions). Give the gateway's --config, and as --identity the content of its journal.db.identity"
            )
        }
        if let (line, count, most) = irregularities.timeReversals {
            found.append(
                "line \(line): \"t\" goes back (\(count) times, by \(most.written) at most). Those rows are evaluated at the time of the row before them; after a step of more than a minute all that follows is later by that"
            )
        }
        if let (line, count) = irregularities.sessionChanges {
            found.append(
                "line \(line): another session begins (\(count) in all), and no \"disconnected\" and \"drained\" say when the gateway did not observe. In the daemon no silence in that time counted; here it counts"
            )
        }
        return found
    }
}
