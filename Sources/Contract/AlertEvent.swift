import Encoding
import LiftModel

/// An alert as the contract with the centre has it (`docs/contract/alert.v1.schema.json`).
public enum AlertEvent {
    /// The site in its alerts.
    public struct Site: Sendable, Equatable {
        public var id: String
        public var name: String?
        /// The journal's identity; nil where there is no journal. It is part of ids only.
        public var journal: String?
        public init(id: String, name: String? = nil) {
            self.id = id
            self.name = name
        }
    }

    /// The event's stable JSON, without a line end.
    /// - Parameters:
    ///   - recorded: when the gateway decided it. That is after `alert.time` where readings came
    ///     late, or where the gateway did not observe.
    ///   - calendarOffset: from the times of the time line to the calendar times in the event.
    ///   - isTest: an alert of the gateway's self-test: no person is trapped.
    public static func json(
        _ alert: Alert, lift: Lift, site: Site, recorded: Instant, calendarOffset: Duration = .zero,
        isTest: Bool = false
    ) -> [UInt8] {
        CloudEvent.json(
            "alert", id: "\(alert.id)/\(alert.revision)", site: site, subject: alert.lift,
            time: alert.time + calendarOffset, recorded: max(alert.time, recorded) + calendarOffset
        ) {
            if isTest { $0.put("test", true) }
            data(alert, lift, site, calendarOffset, &$0)
        }
    }

    // Over 60 lines: one line a member of the event.
    private static func data(
        _ alert: Alert, _ lift: Lift, _ site: Site, _ calendarOffset: Duration,
        _ json: inout JSONWriter
    ) {
        let onset = alert.onset + calendarOffset
        json.put("alert_id", alert.id)
        json.put("revision", alert.revision)
        json.put("kind", alert.kind)
        json.put("state", alert.state.rawValue)
        json.put("severity", alert.severity.rawValue)
        json.put("reason", alert.reason)
        json.put("branch", alert.branch)
        if let statement = alert.statement {
            json.object("statement") {
                $0.put("by", statement.by)
                if let people = statement.people { $0.put("people", people) }
                $0.put("condition", statement.condition)
                $0.put("known_by", statement.knownBy?.rawValue)
                $0.put("remark", statement.remark)
                $0.put("until", statement.until.map { ($0 + calendarOffset).rfc3339 })
            }
        }
        if !alert.alsoNotAccepted.isEmpty {
            json.array("also_not_accepted") { for id in alert.alsoNotAccepted { $0.item(id) } }
        }
        json.put("onset", onset.rfc3339)
        json.put("onset_s", seconds: onset)
        json.put("event_s", seconds: alert.time + calendarOffset)
        json.object("title") {
            $0.put("en", alert.title.en)
            $0.put("zh", alert.title.zh)
        }
        json.object("site") {
            $0.put("id", site.id)
            $0.put("name", site.name)
        }
        json.object("lift") {
            $0.put("id", lift.id)
            $0.put("registration_code", lift.registrationCode)
            $0.put("rescue_code", lift.rescueCode)
            $0.put("place", lift.place)
            $0.put("equipment", lift.equipmentClass.rawValue)
        }
        json.object("rule") {
            $0.put("name", alert.rule)
            $0.put("version", alert.ruleVersion)
            $0.put("hold_s", alert.hold.inSeconds)
            $0.put("confirmation_hold_s", alert.confirmationHold?.inSeconds)
        }
        if let gap = alert.gap {
            json.object("gap") {
                $0.put("policy", gap.policy.rawValue)
                $0.put("seconds", gap.duration.inSeconds)
            }
        }
        if let window = alert.evidenceWindow {
            json.object("evidence_window") {
                $0.put("from", (window.lowerBound + calendarOffset).rfc3339)
                $0.put("to", (window.upperBound + calendarOffset).rfc3339)
            }
        }
        let inside = alert.occupancy ?? occupancy(alert)
        json.put("occupancy", inside.verdict.rawValue)
        json.put("occupancy_source", inside.source.rawValue)
        json.put("floor", alert.number("floor") ?? alert.lastKnown.floor?.value)
        json.array("codes") { array in
            for case .codes(let codes) in alert.evidence.map(\.value) {
                for code in codes { array.item(code) }
            }
        }
        json.put("vendor_code", alert.vendorCode)
        json.object("evidence") { $0.put(alert.evidence) }
        if !alert.disbelieved.isEmpty { json.object("disbelieved") { $0.put(alert.disbelieved) } }
        if alert.lastKnown != LastKnown() { json.object("last_known") { lastKnown(alert, &$0) } }
    }

    private static func lastKnown(_ alert: Alert, _ json: inout JSONWriter) {
        func item<Value>(
            _ name: String, _ item: LastKnown.Item<Value>?, _ put: (inout JSONWriter, Value) -> Void
        ) {
            guard let item else { return }
            json.object(name) {
                put(&$0, item.value)
                // Whole milliseconds: a longer fraction is not meaningful.
                $0.put(
                    "age_s", Double(max(0, (alert.time - item.time).nanoseconds) / 1_000_000) / 1000
                )
            }
        }
        item("floor", alert.lastKnown.floor) { $0.put("value", $1) }
        item("mode", alert.lastKnown.mode) { $0.put("value", $1.rawValue) }
        item("occupied", alert.lastKnown.occupied) { $0.put("value", $1) }
    }

    /// The occupancy by the sensors, for an alert that no rule has raised.
    private static func occupancy(_ alert: Alert) -> Occupancy {
        let values = alert.evidence.compactMap { evidence -> Bool? in
            guard evidence.signal.hasSuffix(".occupied"), case .boolean(let value) = evidence.value
            else { return nil }
            return value
        }
        return values.contains(true)
            ? Occupancy(.yes, .sensor)
            : values.isEmpty ? Occupancy(.unknown, .none) : Occupancy(.no, .sensor)
    }
}

extension JSONWriter {
    fileprivate mutating func put(_ evidence: [Evidence]) {
        for item in evidence {
            switch item.value {
            case .boolean(let value): put(item.signal, value)
            case .number(let value): put(item.signal, value)
            case .text(let value): put(item.signal, value)
            case .codes(let codes): array(item.signal) { for code in codes { $0.item(code) } }
            }
        }
    }
}

extension Alert {
    fileprivate func number(_ signal: String) -> Double? {
        for item in evidence where item.signal == signal {
            if case .number(let value) = item.value { return value }
        }
        return nil
    }
}
