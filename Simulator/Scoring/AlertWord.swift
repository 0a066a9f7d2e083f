import Elevator

/// One revision of an alert, as far as a score needs it.
package struct AlertWord: Sendable {
    package var alertID: String
    package var revision: Int
    package var lift: String
    package var kind: String
    /// `AlertState`'s word.
    package var state: String
    /// When the gateway decided it, seconds since 1970.
    package var time: Double
    /// What the rule waits before it tells, and again before it confirms; seconds.
    package var holds: Double

    package init(
        alertID: String, revision: Int, lift: String, kind: String, state: String, time: Double, holds: Double
    ) {
        (self.alertID, self.revision, self.lift, self.kind) = (alertID, revision, lift, kind)
        (self.state, self.time, self.holds) = (state, time, holds)
    }

    package init(_ alert: Alert) {
        alertID = alert.id
        revision = alert.revision
        lift = alert.lift
        kind = alert.kind
        state = alert.state.rawValue
        time = alert.time.seconds
        holds = alert.hold.inSeconds + (alert.confirmationHold?.inSeconds ?? 0)
    }
}

/// As the contract writes it: a CloudEvent.
extension AlertWord: Decodable {
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
        var data: Body
    }

    private struct UnknownState: Error, CustomStringConvertible { let description: String }

    package init(from decoder: any Decoder) throws {
        let event = try Event(from: decoder)
        alertID = event.data.alertId
        revision = event.data.revision
        lift = event.subject
        kind = event.data.kind
        state = event.data.state
        if AlertState(rawValue: state) == nil { throw UnknownState(description: "data.state: '\(state)' is none") }
        time = event.data.eventS
        holds = event.data.rule.holdS + (event.data.rule.confirmationHoldS ?? 0)
    }
}
