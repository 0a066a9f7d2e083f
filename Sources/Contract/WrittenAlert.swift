import FoundationEssentials
import LiftModel

/// What a restart needs of the JSON of `AlertEvent`: alerts that are no part of the detector's
/// state are resumed from it.
package struct WrittenAlert {
    /// Calendar times, as the event has them.
    package var time: Instant?
    package var onset: Instant?
    /// nil for a severity that this version does not know.
    package var severity: Severity?
    package var title: Title
    /// The rule's name.
    package var rule: String
    package var remark: String?

    private struct Event: Decodable {
        struct Content: Decodable {
            struct Title: Decodable { var en, zh: String }
            struct Rule: Decodable { var name: String }
            struct Statement: Decodable { var remark: String? }
            var onset: String
            var severity: String
            var title: Title
            var rule: Rule
            var statement: Statement?
        }
        var time: String
        var data: Content
    }

    /// nil where the gateway has not written the event in this form.
    package init?(_ event: [UInt8]) {
        // The form is known from here; what the decoder says would not help.
        guard let event = try? JSONDecoder().decode(Event.self, from: Data(event)) else {
            return nil
        }
        time = Instant(rfc3339: event.time)
        onset = Instant(rfc3339: event.data.onset)
        severity = Severity(rawValue: event.data.severity)
        title = Title(en: event.data.title.en, zh: event.data.title.zh)
        rule = event.data.rule.name
        remark = event.data.statement?.remark
    }
}
