import LiftModel

/// One revision of an alert, as far as a score needs it.
package struct AlertRevision: Sendable {
    package var alertID: String
    package var revision: Int
    package var lift: String
    /// All branches of an entrapment are one kind.
    package var kind: String
    /// The raw value of an `AlertState`.
    package var state: String
    /// The time for which it stands, seconds since 1970.
    package var time: Double
    /// When the gateway recorded it: later than `time` where the gateway had to wait for messages.
    package var recorded: Double
    /// The holds of the rule before it raises and before it confirms, together; seconds.
    package var holds: Double

    package init(
        alertID: String, revision: Int, lift: String, kind: String, state: String, time: Double,
        recorded: Double? = nil, holds: Double
    ) {
        (self.alertID, self.revision, self.lift, self.kind) = (
            alertID, revision, lift, Self.family(kind)
        )
        (self.state, self.time, self.recorded, self.holds) = (state, time, recorded ?? time, holds)
    }

    /// - Parameter recorded: seconds since 1970; not before the alert's own time.
    package init(_ alert: Alert, recorded: Double) {
        alertID = alert.id
        revision = alert.revision
        lift = alert.lift
        kind = Self.family(alert.kind)
        state = alert.state.rawValue
        time = alert.time.seconds
        self.recorded = max(time, recorded)
        holds = alert.hold.inSeconds + (alert.confirmationHold?.inSeconds ?? 0)
    }

    private static func family(_ kind: String) -> String {
        kind.hasPrefix("entrapment.") ? "entrapment" : kind
    }
}

/// Decoded from the contract's CloudEvent.
extension AlertRevision: Decodable {
    private struct Event: Decodable {
        struct Body: Decodable {
            struct Rule: Decodable {
                var holdS: Double
                var confirmationHoldS: Double?
            }
            var alertId: String
            var revision: Int
            var kind: String
            var state: String
            var eventS: Double
            var rule: Rule
        }
        var subject: String
        var recordedtime: String?
        var data: Body
    }

    private struct Nonsense: Error, CustomStringConvertible { let description: String }

    package init(from decoder: any Decoder) throws {
        let event = try Event(from: decoder)
        alertID = event.data.alertId
        revision = event.data.revision
        lift = event.subject
        kind = Self.family(event.data.kind)
        state = event.data.state
        if AlertState(rawValue: state) == nil {
            throw Nonsense(description: "data.state: '\(state)' is no state")
        }
        if revision < 1 {
            throw Nonsense(description: "data.revision: found \(revision), expected 1 or more")
        }
        time = event.data.eventS
        recorded = time
        if let text = event.recordedtime {
            guard let instant = Instant(rfc3339: text) else {
                throw Nonsense(
                    description: "recordedtime: '\(text)' is no time as RFC 3339 writes it")
            }
            // It is rounded to thousandths of a second.
            recorded = max(time, instant.seconds)
        }
        holds = event.data.rule.holdS + (event.data.rule.confirmationHoldS ?? 0)
    }
}
