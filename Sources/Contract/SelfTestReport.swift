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

    /// The members of a report, in an event and in the status.
    /// - Parameter calendarOffset: the offset from the gateway's time line to the calendar.
    package func write(to json: inout JSONWriter, _ calendarOffset: Duration) {
        json.put("started", (started + calendarOffset).rfc3339)
        json.put("passed", passed)
        json.put("problem", problem)
        json.put("heard_s", received)
        json.put("raised_s", raised)
        json.put("ended_s", ended)
        json.array("stored") { array in
            for (centre, seconds) in stored {
                array.object {
                    $0.put("centre", centre)
                    $0.put("seconds", seconds)
                }
            }
        }
    }
}
