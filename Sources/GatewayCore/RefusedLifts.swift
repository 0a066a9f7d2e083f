import Journal
import LiftModel
import Monitoring

/// Finds registered lifts whose every message is refused: for the rules they are merely silent, and
/// without this alert nobody would learn why.
///
/// A lift counts as refused when, since its last message that was read, `messages` were refused
/// over `least` or longer, or some over `atMost` or longer. So a burst of rubbish on its topic is
/// not enough, nor one bad message among good ones. An adapter that reports every second is found
/// after 20 s, one that reports every 10 s after a minute. A last will counts neither way.
///
/// Evaluated at a message's arrival, so that it needs no timer and a replay finds the same. No part
/// of the detector's state: after a restart the journal has the open alerts, and the counting
/// starts anew.
package struct RefusedLifts {
    static let kind = GatewayKind.liftRefused.rawValue
    static let messages = 20
    static let least = Duration.seconds(10)
    static let atMost = Duration.seconds(60)

    private struct Refusals {
        var count = 0
        /// When the first of them arrived.
        var since = Instant(nanoseconds: 0)
    }
    /// Grows with the register.
    private var refusals = Table<LiftIndex, Refusals>()
    /// Alerts of lifts that were refused at least once, by the lift's id.
    private var alerts: [String: SiteAlert] = [:]
    private var openCount = 0
    private var pending: [Alert] = []
    private let origin: AlertOrigin

    init(_ origin: AlertOrigin) { self.origin = origin }

    /// A message of the lift was refused.
    /// - Parameter reason: the kind of bad input.
    mutating func noteRefused(
        _ lift: LiftIndex, id: String, because reason: String, at arrival: Instant
    ) {
        refusals.grow(toHold: lift, Refusals())
        if refusals[lift].count == 0 { refusals[lift].since = arrival }
        refusals[lift].count += 1
        let lasting = arrival - refusals[lift].since
        guard
            lasting >= Self.atMost || lasting >= Self.least && refusals[lift].count >= Self.messages
        else { return }
        var alert = alerts[id] ?? newAlert(id)
        guard
            let raised = alert.raise(
                onset: refusals[lift].since, at: arrival, hold: lasting, because: reason)
        else {
            return
        }
        alerts[id] = alert
        openCount += 1
        pending.append(raised)
    }

    /// A message of the lift was read.
    mutating func noteRead(_ lift: LiftIndex, id: @autoclosure () -> String, at arrival: Instant) {
        if lift < refusals.endIndex { refusals[lift].count = 0 }
        // Usually no lift is refused, and the lift's id is not needed.
        if openCount == 0 { return }
        guard
            let cleared = alerts[id()]?.clear(at: arrival, because: GatewayKind.liftRefused.cleared)
        else { return }
        openCount -= 1
        pending.append(cleared)
    }

    package mutating func takeAlerts() -> [Alert] {
        if pending.isEmpty { return [] }
        defer { pending.removeAll() }
        return pending
    }

    /// The open alerts, as the centre knows them.
    package var open: [OpenAlert] { alerts.values.compactMap(\.view).sorted { $0.lift < $1.lift } }

    /// Resumes the alerts that the last run had open, and drops those of the replay.
    /// - Parameter isRegistered: whether a lift is still registered at the site.
    mutating func resume(_ stored: [Journal.StoredAlert], isRegistered: (String) -> Bool) {
        pending.removeAll()
        alerts.removeAll()
        let open = Set(stored.filter { $0.kind == Self.kind && $0.isOpen }.map(\.lift)).filter(
            isRegistered)
        openCount = open.count
        for lift in open {
            var alert = newAlert(lift)
            alert.resume(stored.filter { $0.lift == lift }, .liftRefused)
            alerts[lift] = alert
        }
    }

    private func newAlert(_ lift: String) -> SiteAlert {
        SiteAlert(
            origin, lift: lift, .liftRefused,
            title: Title(
                en: "Every message of the lift is refused: it is not watched",
                zh: "电梯消息全部无法识别,该梯未受监测"))
    }
}
