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

    package init(from decoder: any Decoder) throws {
        let event = try Event(from: decoder)
        alertID = event.data.alertId
        revision = event.data.revision
        lift = event.subject
        kind = event.data.kind
        state = event.data.state
        time = event.data.eventS
        holds = event.data.rule.holdS + (event.data.rule.confirmationHoldS ?? 0)
    }
}

/// One alert with all its revisions.
struct Story {
    var lift: String
    var kind: String
    /// Of the first word.
    var holds: Double
    var revisions: Set<Int> = []
    /// When it was first merely suspected.
    var suspected: Double?
    /// Each time it was said in earnest: an alert that was over and goes on says so again.
    var told: [Double] = []
    /// Each time it was said to be over.
    var ended: [Double] = []

    init(_ word: AlertWord) {
        lift = word.lift
        kind = word.kind
        holds = word.holds
    }

    mutating func add(_ word: AlertWord) {
        revisions.insert(word.revision)
        switch word.state {
        case "suspected": suspected = min(suspected ?? .infinity, word.time)
        case "raised", "confirmed": told.append(word.time)
        case "cleared", "presumed_released": ended.append(word.time)
        default: break
        }
    }

    var firstTold: Double? { told.min() }
    /// It had been told in earnest before this moment, and nobody had said that it was over.
    func isOpen(at time: Double) -> Bool {
        let lastTold = told.filter { $0 <= time }.max() ?? .infinity
        return lastTold <= time && !ended.contains { lastTold < $0 && $0 <= time }
    }
    /// The last word about it was that it is over.
    var isOver: Bool { (ended.max() ?? -.infinity) >= max(told.max() ?? -.infinity, suspected ?? -.infinity) }
}
