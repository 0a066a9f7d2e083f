import Contract
import GatewayCore
import LiftModel
import Monitoring
import PositionedYAML
import Trace

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
    public func run(_ path: String, until: Instant? = nil, emit: (Alert, [UInt8]) -> Void) throws
        -> Summary
    {
        let name = path == "-" ? "standard input" : path
        var pass = ReplayPass(self, file: name)
        var reader = TraceReader(file: name)
        try LineReader(path).visitLines { line, number in
            var failure: (any Error)?
            try reader.read(line, number: number) { topic, payload, isRetained, unread, arrival in
                do {
                    try pass.take(
                        topic: topic, payload: payload, isRetained: isRetained, unread: unread,
                        arrival: arrival,
                        emit: emit)
                } catch { failure = error }
            } event: { event, time in
                do { try pass.take(event, line: number, at: time, emit: emit) } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
        }
        if let to = pass.summary.to { pass.advance(to: max(to, until ?? to), emit: emit) }
        if let intake = pass.intake { atEnd(intake) }
        pass.finishSummary()
        var summary = pass.summary
        summary.differences = Self.differences(reader.irregularities, pass.strayActions)
        return summary
    }

    func freshIntake(at start: Instant, isObserving: Bool) throws -> Intake {
        var intake = Intake(
            data: data, origin: AlertOrigin(site: site.id, journal: identity),
            admission: lifts == nil ? .anyone : .registered, start: start, isObserving: isObserving)
        for (lift, profile) in lifts ?? [] {
            try intake.register(lift, profile: profile, at: start)
        }
        return intake
    }

    /// - Parameter strayActions: their line numbers.
    private static func differences(
        _ irregularities: TraceReader.Irregularities, _ strayActions: [Int]
    ) -> [String] {
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
