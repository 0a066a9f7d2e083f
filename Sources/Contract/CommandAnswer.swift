import Encoding
import LiftModel

/// The answer to a centre command: whether it was applied, and if not, why. Every centre receives
/// it, as every centre receives the alert's revision.
package enum CommandAnswer {
    /// - Parameters:
    ///   - centre: the centre that sent the command.
    ///   - understood: the command as the gateway has read it; a sentence.
    ///   - problem: why it was not applied; nil where it was.
    package static func json(
        of centre: String, commandID: String?, alertID: String?, understood: String,
        problem: String?, id: String,
        site: AlertEvent.Site, at time: Instant
    ) -> [UInt8] {
        CloudEvent.json("word", id: id, site: site, subject: site.id, time: time) {
            $0.put("centre", centre)
            $0.put("word_id", commandID)
            $0.put("alert_id", alertID)
            $0.put("understood", understood)
            $0.put("followed", problem == nil)
            $0.put("problem", problem)
        }
    }

    /// The answer to a command that could not be read.
    package static func json(
        _ command: RefusedCommand, of centre: String, id: String, site: AlertEvent.Site,
        at time: Instant
    ) -> [UInt8] {
        CloudEvent.json("word", id: id, site: site, subject: site.id, time: time) {
            $0.put("centre", centre)
            $0.put("word_id", command.commandID)
            $0.put("alert_id", command.alertID ?? "")
            $0.put("understood", "")
            $0.put("followed", false)
            $0.put("problem", command.problem)
            if command.unanswered > 0 { $0.put("unanswered", command.unanswered) }
        }
    }
}
