import Contract
import Journal
import LiftModel
import Monitoring

/// The virtual lift of the self-test, which is no lift of the site.
package enum SelfTestLift {
    package static let lift = Lift(id: "hoistway-selftest", place: "self-test")
    package static let topicPrefix = Array("hoistway/selftest/".utf8)

    package static func topic(_ site: String) -> String { "hoistway/selftest/\(site)/state" }

    /// Clears the alerts of a test that a restart has interrupted, because the centre must not look
    /// for its lift.
    static func closing(_ alerts: [Journal.StoredAlert], at now: Instant) -> [Alert] {
        alerts.filter { $0.lift == lift.id && $0.isOpen }.compactMap { open in
            var alert = open.clearedRevision(because: .endOfAlarm, at: now)
            alert?.title = Title(en: "The self-test was cut off by a restart", zh: "自检因重启中断")
            alert?.statement = Statement(by: "self-test")
            return alert
        }
    }
}

extension GatewayCore {
    /// Raises or clears the alert about the self-test.
    mutating func noteSelfTest(
        _ failure: String?, started: Instant, at moment: Moment, into effects: inout Effects
    ) {
        guard let failure else {
            let cleared = siteAlerts.selfTestFailed.clear(
                at: moment.time, because: GatewayKind.selfTestFailed.cleared)
            if let cleared { enqueue(cleared, at: moment, into: &effects) }
            return
        }
        let raised = siteAlerts.selfTestFailed.raise(
            onset: started, at: moment.time, hold: .zero,
            because: GatewayKind.selfTestFailed.raised)
        guard var raised else { return }
        raised.statement = Statement(by: "self-test", remark: failure)
        enqueue(raised, at: moment, into: &effects)
    }
}
