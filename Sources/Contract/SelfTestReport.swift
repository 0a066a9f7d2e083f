import Encoding
import LiftModel

/// The state of a self-test, while it runs and after.
package struct SelfTestReport: Sendable {
    /// On the gateway's time line.
    package var started: Instant
    /// Seconds from the start.
    package var received: Double?
    package var raised: Double?
    package var stored: [(centre: String, seconds: Double)] = []
    package var ended: Double?
    /// Why it failed; nil while it runs and when it passed.
    package var problem: String?
    package var passed: Bool { ended != nil && problem == nil }

    package init(started: Instant) { self.started = started }

    /// The report as its event and the status file have it.
    package struct Row: Codable, Sendable {
        /// RFC 3339, by the gateway's calendar.
        package var started: String
        package var passed: Bool
        /// Why it failed; nil while it runs and when it passed.
        package var problem: String?
        package var heardSeconds: Double?
        package var raisedSeconds: Double?
        package var endedSeconds: Double?
        package var stored: [Stored]

        /// A centre that has stored the alert.
        package struct Stored: Codable, Sendable {
            package var centre: String
            package var seconds: Double
        }

        enum CodingKeys: String, CodingKey {
            case started, passed, problem
            case heardSeconds = "heard_s"
            case raisedSeconds = "raised_s"
            case endedSeconds = "ended_s"
            case stored
        }

        /// - Parameter calendarOffset: the offset from the gateway's time line to the calendar.
        package init(_ report: SelfTestReport, calendarOffset: Duration) {
            started = (report.started + calendarOffset).rfc3339
            passed = report.passed
            problem = report.problem
            heardSeconds = report.received
            raisedSeconds = report.raised
            endedSeconds = report.ended
            stored = report.stored.map { Stored(centre: $0.centre, seconds: $0.seconds) }
        }
    }
}
