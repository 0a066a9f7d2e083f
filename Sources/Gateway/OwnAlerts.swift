import Detection
import Elevator
import Encoding
import FoundationEssentials
import Journal
import Uplink

/// The gateway's own alerts (`broker_lost`, a failed self-test, the self-test's virtual lift) over a restart. They are no part of the
/// fold, so the journal's alerts themselves say what was open.
extension Journal.StoredAlert {
    private struct Body: Decodable {
        struct Inner: Decodable { var onset: String }
        var data: Inner
    }

    var isOpen: Bool { AlertState(rawValue: state)?.isOpen ?? false }

    /// When it began, to the millisecond in which every revision names it.
    var onset: Instant? {
        (try? JSONDecoder().decode(Body.self, from: Data(body))).flatMap { Instant(rfc3339: $0.data.onset) }
    }
}

extension SiteAlert {
    /// Goes on with what the last run had open.
    mutating func resume(_ alerts: [Journal.StoredAlert], kind: String) {
        guard let last = alerts.last(where: { $0.kind == kind && $0.isOpen }), let onset = last.onset else { return }
        resume(id: last.id, onset: onset, told: alerts.count { $0.kind == kind })
    }
}

extension SelfTest {
    /// A test that a restart has cut off is over: nobody is to look for its lift.
    static func closing(_ alerts: [Journal.StoredAlert], at now: Instant) -> [Alert] {
        alerts.filter(\.isOpen).compactMap { open in
            guard let onset = open.onset else { return nil }
            var alert = Alert(
                id: open.id, revision: open.revision + 1, lift: open.lift, kind: open.kind, state: .cleared,
                severity: .critical, rule: "self-test", ruleVersion: "", onset: onset, time: now,
                reason: "end_of_alarm",
                hold: .zero, confirmationHold: nil, evidence: [], vendorCode: nil,
                title: Title(en: "The self-test was cut off by a restart", zh: "自检因重启中断"))
            alert.statement = Statement(by: "self-test")
            return alert
        }
    }
}
