import Detection
import Elevator
import Encoding
import FoundationEssentials
import Journal
import Uplink

/// Alerts over a restart that are no part of the fold: the gateway's own (`broker_lost`, a failed self-test, the self-test's virtual
/// lift), and those of lifts and rules that are gone. The journal's alerts themselves say what was open.
extension Journal.StoredAlert {
    private struct Body: Decodable {
        struct Inner: Decodable {
            struct Title: Decodable { var en, zh: String }
            struct Rule: Decodable { var name: String }
            var onset: String
            var severity: String
            var title: Title
            var rule: Rule
        }
        var data: Inner
    }

    private var content: Body.Inner? { (try? JSONDecoder().decode(Body.self, from: Data(body)))?.data }

    /// Its next revision, which says that it is over.
    func ended(because reason: AlertReason, at now: Instant) -> Alert? {
        guard let content, let onset, let severity = Severity(rawValue: content.severity) else { return nil }
        return Alert(
            id: id, revision: revision + 1, lift: lift, kind: kind, state: .cleared, severity: severity,
            rule: content.rule.name, ruleVersion: "", onset: onset, time: now, reason: reason.rawValue, hold: .zero,
            confirmationHold: nil, evidence: [], vendorCode: nil,
            title: Title(en: content.title.en, zh: content.title.zh))
    }

    var isOpen: Bool { AlertState(rawValue: state)?.isOpen ?? false }

    /// When it began, to the millisecond in which every revision names it.
    var onset: Instant? { content.flatMap { Instant(rfc3339: $0.onset) } }
}

extension SiteAlert {
    /// Goes on with what the last run had open.
    mutating func resume(_ alerts: [Journal.StoredAlert], _ kind: GatewayKind) {
        let own = alerts.filter { $0.kind == kind.rawValue }
        guard let last = own.last(where: \.isOpen), let onset = last.onset else { return }
        resume(id: last.id, onset: onset, told: own.count)
    }
}

extension SelfTest {
    /// A test that a restart has cut off is over: nobody is to look for its lift.
    static func closing(_ alerts: [Journal.StoredAlert], at now: Instant) -> [Alert] {
        alerts.filter(\.isOpen).compactMap { open in
            var alert = open.ended(because: .endOfAlarm, at: now)
            alert?.title = Title(en: "The self-test was cut off by a restart", zh: "自检因重启中断")
            alert?.statement = Statement(by: "self-test")
            return alert
        }
    }
}
