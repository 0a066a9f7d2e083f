import Detection
import Elevator
import PositionedYAML
import Trace
import Uplink

/// Judges a recorded trace as the daemon would have: the same code, time taken from the trace, no broker.
public struct Replay {
    public var data: DeviceData
    public var site = AlertEvent.Site(id: "replay")
    /// The journal's, whose ids the alerts are to have.
    public var identity = AlertOrigin.replayed
    /// The register, by lift; nil lets whoever speaks speak.
    public var lifts: [(lift: Lift, profile: String)]?

    /// A rule whose parts are watched on a lift, for `rules explain`.
    var explained: (rule: String, lift: String, reasons: Set<String>)?
    /// Looks at the intake when all is read.
    var atEnd: (Intake) -> Void = { _ in }

    public struct Summary: Sendable {
        public var messages = 0
        public var alerts = 0
        public var lifts = 0
        /// Messages that told of the past and had no effect, and those that had been heard before.
        public var pastMessages = 0
        public var duplicates = 0
        public var badInput = BadInput()
        /// In what the daemon may have judged otherwise, each as a sentence.
        public var differences: [String] = []
        public var from: Instant?
        public var to: Instant?
    }

    public init(data: DeviceData) { self.data = data }

    /// Replays a file, or standard input for `-`.
    /// - Parameters:
    ///   - until: judge timers up to this time, at least the last row's.
    ///   - emit: takes each alert's CloudEvent, a line of JSON without its end.
    public func run(_ path: String, until: Instant? = nil, emit: (Alert, [UInt8]) -> Void) throws -> Summary {
        var summary = Summary()
        var intake: Intake?
        var pending = explained
        var strayWords: [Int] = []
        let name = path == "-" ? "standard input" : path
        var reader = TraceReader(file: name)
        func tell(_ alert: Alert, at time: Instant) {
            summary.alerts += 1
            let index = intake?.detector.index(of: alert.lift)
            let lift = index.flatMap { intake?.detector.lift($0) } ?? Lift(id: alert.lift)
            emit(alert, AlertEvent.json(alert, lift: lift, site: site, recorded: time))
        }
        func advance(to time: Instant) {
            var decided: [(Alert, Instant)] = []
            intake?.advance(to: time) { decided.append(($0, $1)) }
            for (alert, time) in decided { tell(alert, at: time) }
        }
        func drain(at time: Instant) {
            for alert in (intake?.takeAlerts() ?? []) + (intake?.refusedLifts.takeAlerts() ?? []) {
                tell(alert, at: time)
            }
        }
        func begin(_ time: Instant, isListening: Bool) throws {
            if intake != nil { return }
            summary.from = time
            intake = try freshIntake(at: time, isListening: isListening)
        }
        try LineReader(path).visitLines { line, number in
            var failure: (any Error)?
            try reader.read(line, number: number) { topic, payload, isRetained, arrival in
                do { try begin(arrival, isListening: true) } catch { failure = error }
                summary.messages += 1
                summary.to = arrival
                advance(to: arrival + .nanoseconds(-1))
                intake?.take(topic: topic, payload: payload, isRetained: isRetained, arrival: arrival)
                drain(at: arrival)
                if let (rule, lift, reasons) = pending, intake?.detector.index(of: lift) != nil {
                    do { try intake?.explain(rule: rule, lift: lift, reasons: reasons) } catch { failure = error }
                    pending = nil
                }
            } event: { event, time in
                do { try begin(time, isListening: false) } catch { failure = error }
                summary.to = time
                // What was due while words waited unread had to wait for them.
                if event != .connection(.behind) { advance(to: time) }
                if let control = Control(event) {
                    if let intake, Self.isStray(control, intake) { strayWords.append(number) }
                    intake?.follow(control, at: time)
                    drain(at: time)
                } else {
                    failure = InvalidFiles([
                        Diagnostic(
                            file: name, line: number, column: 1,
                            message: "\"order\" is not an order as the daemon writes it")
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
            summary.pastMessages += counters.tooLate
            summary.duplicates += counters.duplicates
        }
        if let intake { summary.badInput = intake.badInput }
        summary.differences = Self.differences(reader.doubts, strayWords)
        return summary
    }

    private func freshIntake(at start: Instant, isListening: Bool) throws -> Intake {
        var intake = Intake(
            data: data, origin: AlertOrigin(site: site.id, journal: identity),
            admission: lifts == nil ? .anyone : .registered, start: start, isListening: isListening)
        for (lift, profile) in lifts ?? [] { try intake.register(lift, profile: profile, at: start) }
        return intake
    }

    /// What a person said about an alert that is not raised here.
    private static func isStray(_ control: Control, _ intake: borrowing Intake) -> Bool {
        guard case .order(let order) = control, let alert = order.alertID else { return false }
        return intake.detector.lane(ofAlert: alert) == nil
    }

    /// - Parameter strayWords: by their lines.
    private static func differences(_ doubts: TraceReader.Doubts, _ strayWords: [Int]) -> [String] {
        var found: [String] = []
        if let line = strayWords.first {
            found.append(
                "line \(line): a person's word is about an alert that has another id here (\(strayWords.count) such words). Give the gateway's --config, and as --identity what stands in its journal.db.identity"
            )
        }
        if let (line, count, most) = doubts.backwards {
            found.append(
                "line \(line): \"t\" goes back (\(count) times, by \(most.written) at most). Those rows are judged at the time of the row before them; after a step of more than a minute all that follows is later by that"
            )
        }
        if let (line, count) = doubts.sessions {
            found.append(
                "line \(line): another session begins (\(count) in all), and no \"disconnected\" and \"drained\" say when nobody listened. The daemon held no silence in that time against a lift; here it counts"
            )
        }
        return found
    }
}
