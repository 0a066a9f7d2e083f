import Elevator
import Encoding

/// The CloudEvents 1.0 form of an alert: the contract with the centre (`docs/contract/alert.schema.json`).
///
/// What is here is the same in every run and every route. Send time, attempt and boot id are added when it is sent.
public enum AlertEvent {
    public static let type = "org.hoistway.alert.v1"
    static let schema = "https://hoistway.org/contract/alert.v1.schema.json"

    /// The site, as its alerts name it.
    public struct Site: Sendable, Equatable {
        public var id: String
        public var name: String?
        public init(id: String, name: String? = nil) {
            self.id = id
            self.name = name
        }
    }

    /// The event's stable JSON, without a line end.
    public static func json(_ alert: Alert, lift: Lift, site: Site) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.put("specversion", "1.0")
            $0.put("id", "\(alert.id)/\(alert.revision)")
            $0.put("source", "/hoistway/\(site.id)")
            $0.put("type", type)
            $0.put("subject", alert.lift)
            $0.put("time", alert.time.rfc3339)
            $0.put("datacontenttype", "application/json")
            $0.put("dataschema", schema)
            $0.object("data") { data(alert, lift, site, &$0) }
        }
        return json.bytes
    }

    private static func data(_ alert: Alert, _ lift: Lift, _ site: Site, _ json: inout JSONWriter) {
        json.put("alert_id", alert.id)
        json.put("revision", alert.revision)
        json.put("kind", alert.kind)
        json.put("state", alert.state.rawValue)
        json.put("severity", alert.severity.rawValue)
        json.put("reason", alert.reason)
        json.put("onset", alert.onset.rfc3339)
        json.put("onset_s", seconds: alert.onset)
        json.put("event_s", seconds: alert.time)
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
                $0.put("from", window.lowerBound.rfc3339)
                $0.put("to", window.upperBound.rfc3339)
            }
        }
        json.put("occupancy", occupancy(alert))
        json.put("floor", alert.number("floor"))
        json.array("codes") { array in
            for case .codes(let codes) in alert.evidence.map(\.value) { for code in codes { array.item(code) } }
        }
        json.put("vendor_code", alert.vendorCode)
        json.object("evidence") { object in
            for evidence in alert.evidence {
                switch evidence.value {
                case .boolean(let value): object.put(evidence.signal, value)
                case .number(let value): object.put(evidence.signal, value)
                case .text(let value): object.put(evidence.signal, value)
                case .codes(let codes): object.array(evidence.signal) { for code in codes { $0.item(code) } }
                }
            }
        }
    }

    /// `yes`, `no`, or `unknown`, which the centre must treat as yes.
    private static func occupancy(_ alert: Alert) -> String {
        let said = alert.evidence.compactMap { evidence -> Bool? in
            guard evidence.signal.hasSuffix(".occupied"), case .boolean(let value) = evidence.value else { return nil }
            return value
        }
        return said.contains(true) ? "yes" : said.isEmpty ? "unknown" : "no"
    }
}

extension Alert {
    fileprivate func number(_ signal: String) -> Double? {
        for item in evidence where item.signal == signal { if case .number(let value) = item.value { return value } }
        return nil
    }
}
