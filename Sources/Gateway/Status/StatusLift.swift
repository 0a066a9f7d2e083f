import Encoding
import LiftModel
import Monitoring

extension StatusSnapshot {
    package struct Lift: Codable, Sendable {
        package var id: String
        package var place: String?
        /// Since its last sign of life; nil before the first.
        package var lastWordSeconds: Double?
        /// What is to be added to its times.
        package var clockOffsetSeconds: Double?
        /// What is left of the announced maintenance window.
        package var maintenanceSeconds: Double?
        package var occupancy: String
        package var occupancySource: String
        /// Those that are known, by their names.
        package var signals: OrderedMembers<Signal>
        package var counters: LiftCounters
        package var alerts: [OpenAlert]

        enum CodingKeys: String, CodingKey {
            case id, place
            case lastWordSeconds = "last_word_s"
            case clockOffsetSeconds = "clock_offset_s"
            case maintenanceSeconds = "maintenance_s"
            case occupancy
            case occupancySource = "occupancy_source"
            case signals, counters, alerts
        }
    }

    /// An open alert in the list of its lift.
    package struct OpenAlert: Codable, Sendable {
        package var id: String
        package var kind: String
        package var state: String
        package var sinceSeconds: Double
        package var acceptedBy: String?

        enum CodingKeys: String, CodingKey {
            case id, kind, state
            case sinceSeconds = "since_s"
            case acceptedBy = "accepted_by"
        }
    }
}

extension StatusSnapshot {
    /// A lift is not heard that has sent nothing for this long, or ever.
    private static let heardWithin = 60.0

    /// That some lifts are not heard, after a self-test that passed: a sentence without its full
    /// stop; nil where all are.
    package var unheardLifts: String? {
        let unheard = lifts.count {
            ($0.lastWordSeconds ?? .infinity) >= Self.heardWithin && $0.maintenanceSeconds == nil
        }
        guard unheard > 0, checks.contains(where: { $0.isUnwell(.liftsHeard) }) else { return nil }
        return
            "\(unheard) of \(lifts.count) lifts \(unheard == 1 ? "is" : "are") not heard; the test uses a topic of its own. See: hoistway status"
    }
}

extension StatusSnapshot.CheckRow {
    func isUnwell(_ subject: Check.Subject) -> Bool {
        self.subject == subject.rawValue && verdict != Check.Verdict.ok.rawValue
    }
}

extension StatusSnapshot.Lift {
    /// - Parameter further: open alerts of the lift that are not the detector's.
    init(_ view: LiftView, with further: [OpenAlert], _ now: Instant) {
        id = view.lift.id
        place = view.lift.place
        lastWordSeconds = view.lastSignOfLife.map { max(0, (now - $0).inSeconds) }
        clockOffsetSeconds = view.clockOffset?.inSeconds
        maintenanceSeconds = view.maintenanceUntil.map { max(0, ($0 - now).inSeconds) }
        occupancy = view.occupancy.verdict.rawValue
        occupancySource = view.occupancy.source.rawValue
        signals = OrderedMembers(view.signals.map { ($0.signal, StatusSnapshot.Signal($0.value)) })
        counters = StatusSnapshot.LiftCounters(view.counters)
        alerts = (view.openAlerts + further).map {
            StatusSnapshot.OpenAlert(
                id: $0.id, kind: $0.kind, state: $0.state.rawValue,
                sinceSeconds: (now - $0.onset).inSeconds,
                acceptedBy: $0.acceptedBy)
        }
    }
}
