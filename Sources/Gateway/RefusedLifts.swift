import Detection
import Elevator
import Journal

/// Finds lifts of the register whose every message is refused: to the rules they are merely silent, and nobody would learn why.
///
/// A lift counts as refused when, since its last message that was read, `messages` were refused over `least` or longer, or some
/// over `atMost` or longer. So neither a burst of rubbish on its topic nor one bad message among good ones is enough, an adapter that
/// reports every second is found out after 20 s, one that reports every 10 s after a minute. Its last will counts neither way.
///
/// Judged at a message's arrival, so that it needs no timer and a replay finds the same. Not part of the fold: after a restart the
/// journal says which alerts are open, and the counting begins anew.
struct RefusedLifts {
    static let kind = GatewayKind.liftRefused.rawValue
    static let messages = 20
    static let least = Duration.seconds(10)
    static let atMost = Duration.seconds(60)

    private struct Refusals {
        var count = 0
        /// When the first of them arrived.
        var since = Instant(nanoseconds: 0)
    }
    /// By the lift's index; grows with the register.
    private var refusals: [Refusals] = []
    /// Of lifts that were refused once, by their ids.
    private var alerts: [String: SiteAlert] = [:]
    private var openCount = 0
    private var pending: [Alert] = []
    private let origin: AlertOrigin

    init(_ origin: AlertOrigin) { self.origin = origin }

    /// A message of the lift was refused.
    /// - Parameter reason: the kind of bad input it was.
    mutating func noteRefused(_ lift: Int, id: String, because reason: String, at arrival: Instant) {
        while refusals.count <= lift { refusals.append(Refusals()) }
        if refusals[lift].count == 0 { refusals[lift].since = arrival }
        refusals[lift].count += 1
        let lasting = arrival - refusals[lift].since
        guard lasting >= Self.atMost || lasting >= Self.least && refusals[lift].count >= Self.messages else { return }
        var alert = alerts[id] ?? newAlert(id)
        guard let raised = alert.raise(onset: refusals[lift].since, at: arrival, hold: lasting, because: reason) else {
            return
        }
        alerts[id] = alert
        openCount += 1
        pending.append(raised)
    }

    /// A message of the lift was read.
    mutating func noteRead(_ lift: Int, id: @autoclosure () -> String, at arrival: Instant) {
        if lift < refusals.count { refusals[lift].count = 0 }
        // No lift is refused: the usual case, and no look at a name.
        if openCount == 0 { return }
        guard let cleared = alerts[id()]?.clear(at: arrival, because: GatewayKind.liftRefused.cleared) else { return }
        openCount -= 1
        pending.append(cleared)
    }

    mutating func takeAlerts() -> [Alert] {
        if pending.isEmpty { return [] }
        defer { pending.removeAll() }
        return pending
    }

    /// Those that are open, as the centre knows them.
    var open: [OpenAlert] { alerts.values.compactMap(\.view).sorted { $0.lift < $1.lift } }

    /// Goes on with what the last run had open, and with nothing that the fold of the past has found again.
    /// - Parameter isRegistered: whether a lift is still one of the site's.
    mutating func resume(_ told: [Journal.StoredAlert], isRegistered: (String) -> Bool) {
        pending.removeAll()
        alerts.removeAll()
        let open = Set(told.filter { $0.kind == Self.kind && $0.isOpen }.map(\.lift)).filter(isRegistered)
        openCount = open.count
        for lift in open {
            var alert = newAlert(lift)
            alert.resume(told.filter { $0.lift == lift }, .liftRefused)
            alerts[lift] = alert
        }
    }

    private func newAlert(_ lift: String) -> SiteAlert {
        SiteAlert(
            origin, lift: lift, .liftRefused,
            title: Title(
                en: "Every message of the lift is refused: it is not watched", zh: "电梯消息全部无法识别,该梯未受监测"))
    }
}
