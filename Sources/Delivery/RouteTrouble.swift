import Connectivity
import LiftModel
import MQTT
import Platform

/// Why a route does not reach its centre: looks for the cause, and logs each reason once and again
/// after a while.
struct RouteTrouble {
    private let centre: String
    private let context: RouteContext
    private let diagnosis = LinkDiagnosis()
    private var lines = TroubleLog()

    init(of centre: String, _ context: RouteContext) {
        self.centre = centre
        self.context = context
    }

    /// The cause of the failure where it is known, otherwise the given reason.
    func cause(or reason: String) -> String { diagnosis.finding?.description ?? reason }

    /// Logs a failed attempt.
    /// - Parameter reason: a whole sentence.
    mutating func log(_ reason: String, nextIn pause: Duration, at now: MonotonicTime) {
        if let line = lines.line(cause(or: reason), nextIn: pause, at: now) {
            context.log.warning("\(centre): \(line)")
        }
    }

    /// Looks for the cause of a failed connection, on a thread of its own.
    func diagnose(_ probe: ServerProbe) { diagnosis.start(probe) }

    /// The server has answered: what was found before is out of date.
    func serverAnswered() { diagnosis.reset() }

    /// The centre is reached: each later failure is new.
    mutating func reached() {
        diagnosis.reset()
        lines.reset()
    }

    /// Logs the cause of a failure, once it is found.
    /// - Returns: the cause, the first time.
    mutating func takeNewCause() -> String? {
        guard let cause = diagnosis.takeNewFinding() else { return nil }
        context.log.error("\(centre): \(cause)")
        lines.note(cause.description, at: MonotonicClock.now)
        return cause.description
    }
}
