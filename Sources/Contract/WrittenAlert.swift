import FoundationEssentials
import LiftModel

/// The JSON of `AlertEvent`, read again from the journal: by a restart, for alerts that are no part
/// of the detector's state, and by the commands that show an alert. Nothing else reads this JSON.
package struct WrittenAlert: Decodable {
    package struct Title: Decodable { package var en, zh: String }
    package struct Lift: Decodable { package var place, rescueCode: String? }
    package struct Rule: Decodable {
        package var name: String
        package var version: String?
    }
    package struct Statement: Decodable {
        package var by: String
        package var people: Int?
        package var condition, knownBy, remark: String?
    }
    package struct Content: Decodable {
        package var severity, reason: String
        fileprivate var onset: String
        package var title: Title
        package var lift: Lift?
        package var rule: Rule
        package var occupancy: String?
        package var floor: Double?
        package var codes: [String]?
        package var vendorCode: String?
        package var statement: Statement?
        fileprivate var test: Bool?
    }
    private var time: String
    /// The members of the event's `data`.
    package let data: Content

    /// On the calendar; nil where it is no time.
    package var calendarTime: Instant? { Instant(rfc3339: time) }
    /// On the calendar; nil where it is no time.
    package var onset: Instant? { Instant(rfc3339: data.onset) }
    /// nil for a severity that this version does not know.
    package var severity: Severity? { Severity(rawValue: data.severity) }
    /// An alert of the gateway's self-test: nobody is trapped.
    package var isTest: Bool { data.test ?? false }

    /// nil where the gateway has not written the event in this form: it was damaged, or another
    /// version wrote it.
    package init?(_ event: [UInt8]) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        // The form is known from here; what the decoder says would not help.
        guard let alert = try? decoder.decode(Self.self, from: Data(event)) else { return nil }
        self = alert
    }
}
