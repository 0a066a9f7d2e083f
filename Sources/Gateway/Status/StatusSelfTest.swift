import Encoding
import LiftModel

extension StatusSnapshot {
    /// The report of a self-test, also the content of its event for the centres. Seconds count from
    /// its start.
    package struct SelfTestRow: Codable, Sendable {
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
    }
}

extension StatusSnapshot.SelfTestRow {
    /// - Parameter calendarOffset: the offset from the gateway's time line to the calendar.
    init(_ report: SelfTest.Report, calendarOffset: Duration) {
        started = (report.started + calendarOffset).rfc3339
        passed = report.passed
        problem = report.problem
        heardSeconds = report.received
        raisedSeconds = report.raised
        endedSeconds = report.ended
        stored = report.stored.map { Stored(centre: $0.centre, seconds: $0.seconds) }
    }
}
