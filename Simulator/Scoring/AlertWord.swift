import Elevator

/// One revision of an alert, as far as a score needs it.
package struct AlertWord: Sendable {
    package var alertID: String
    package var revision: Int
    package var lift: String
    /// Entrapments are one kind, whatever branch tells of them.
    package var kind: String
    /// `AlertState`'s word.
    package var state: String
    /// For when it stands, seconds since 1970; and when the gateway said so, which is later where it had to wait for words.
    package var time: Double
    package var said: Double
    /// What the rule waits before it tells, and again before it confirms; seconds.
    package var holds: Double

    package init(
        alertID: String, revision: Int, lift: String, kind: String, state: String, time: Double, said: Double? = nil,
        holds: Double
    ) {
        (self.alertID, self.revision, self.lift, self.kind) = (alertID, revision, lift, Self.family(kind))
        (self.state, self.time, self.said, self.holds) = (state, time, said ?? time, holds)
    }

    /// - Parameter said: seconds since 1970; the gateway says nothing before it is so.
    package init(_ alert: Alert, said: Double) {
        alertID = alert.id
        revision = alert.revision
        lift = alert.lift
        kind = Self.family(alert.kind)
        state = alert.state.rawValue
        time = alert.time.seconds
        self.said = max(time, said)
        holds = alert.hold.inSeconds + (alert.confirmationHold?.inSeconds ?? 0)
    }

    private static func family(_ kind: String) -> String { kind.hasPrefix("entrapment.") ? "entrapment" : kind }
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
        if AlertState(rawValue: state) == nil { throw Nonsense(description: "data.state: '\(state)' is none") }
        if revision < 1 { throw Nonsense(description: "data.revision: found \(revision), expected 1 or more") }
        time = event.data.eventS
        said = time
        if let recorded = event.recordedtime {
            guard let recorded = Instant(rfc3339: recorded) else {
                throw Nonsense(description: "recordedtime: '\(recorded)' is no time as RFC 3339 writes it")
            }
            // It has thousandths of a second.
            said = max(time, recorded.seconds)
        }
        holds = event.data.rule.holdS + (event.data.rule.confirmationHoldS ?? 0)
    }
}
