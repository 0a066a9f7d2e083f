import Journal

/// The topics of one site at a centre's broker (docs/contract):
///
///     {prefix}/{site}/alert/{entrapment|fault|info}   ▶ CloudEvents, QoS 1: alerts
///     {prefix}/{site}/event/{type}                    ▶ CloudEvents, QoS 1: other events
///     {prefix}/{site}/heartbeat                       ▶ retained: the gateway's health
///     {prefix}/{site}/state                           ▶ retained: the site's state (`SiteState`)
///     {prefix}/{site}/link                            ▶ retained, last will: online true or false
///     {prefix}/{site}/receipt                         ◀ `CentreAnswer`: receipts and refusals
///     {prefix}/{site}/word                            ◀ `CentreAnswer`: centre commands
struct CentreTopics {
    private let root: String

    /// - Parameter prefix: the first levels of the centre's topics.
    init(prefix: String, site: String) { root = "\(prefix)/\(site)/" }

    /// - Parameter name: the levels after the site's.
    func topic(_ name: String) -> String { root + name }

    var receipts: String { topic("receipt") }
    var commands: String { topic("word") }
    var link: String { topic("link") }
    var state: String { topic("state") }

    /// The last will, and what the gateway publishes as its connection comes and goes.
    static func linkBody(isOnline: Bool) -> [UInt8] { Array("{\"online\":\(isOnline)}".utf8) }

    /// The name of an event's topic.
    func name(of row: Journal.OutboxRow) -> String {
        row.type == "alert" ? "alert/\(row.lane)" : "event/\(row.type)"
    }

    /// Whether a topic carries events, which must arrive.
    func isEssential(_ topic: String) -> Bool {
        topic.hasPrefix(root + "alert/") || topic.hasPrefix(root + "event/")
    }
}
