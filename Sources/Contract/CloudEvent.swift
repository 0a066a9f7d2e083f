// The contract with the centres (docs/contract).
//
// This module guarantees that nothing else writes or reads the contract's JSON, and that equal
// facts give equal bytes: an event that is sent again, or decided again after a restart, is the
// same event. It has no clock, no journal and no transport. Ids and times come from the caller, and
// each type of message has one function that writes it (`json`) or one initialiser that reads it.
// What a centre sends is not trusted: a part that cannot be read is reported and does not
// invalidate the others.

import Encoding
import LiftModel

/// The CloudEvents 1.0 envelope of every event, with the members that are the same in every run and
/// on every route. `Envelope` adds the send time, attempt, sequence number and boot id to each
/// copy.
package enum CloudEvent {
    /// The content type of one event in structured mode, over every transport.
    package static let contentType = "application/cloudevents+json"

    /// - Parameters:
    ///   - name: the event's type, as in `org.hoistway.NAME.v1`.
    ///   - subject: the lift; the site, where the event is about the gateway.
    ///   - recorded: CloudEvents' extension `recordedtime`: when the gateway decided it; nil where
    ///     it is the same as `time`.
    package static func json(
        _ name: String, id: String, site: AlertEvent.Site, subject: String, time: Instant,
        recorded: Instant? = nil,
        data: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.put("specversion", "1.0")
            $0.put("id", id)
            $0.put("source", "/hoistway/\(site.id)")
            $0.put("type", "org.hoistway.\(name).v1")
            $0.put("subject", subject)
            $0.put("time", time.rfc3339)
            $0.put("recordedtime", recorded?.rfc3339)
            $0.put("datacontenttype", "application/json")
            $0.put("dataschema", "https://hoistway.org/contract/\(name).v1.schema.json")
            $0.object("data", data)
        }
        return json.bytes
    }
}
