import LiftModel

/// The alerts, for the commands that show them and for a restart.
extension Journal {
    public struct StoredAlert: Sendable {
        public var id: String
        public var revision: Int
        public var lift: String
        public var kind: String
        public var state: String
        public var time: Instant
        public var body: [UInt8]
        /// Some centre has not stored it yet.
        public var isPending: Bool
        /// A centre has refused it for good.
        public var isRefused: Bool
    }

    /// The last revisions of alerts, or of those about one subject, oldest first: of every open
    /// alert, and of the alerts among the last thousand revisions.
    public func latestAlerts(about subject: String? = nil) throws(JournalError) -> [StoredAlert] {
        var latest: [String: StoredAlert] = [:]
        let open = try read("FROM alert WHERE \(Self.isOpenAlert)")
        for alert in try open + alerts(limit: Self.retainedAlerts)
        where subject == nil || alert.lift == subject {
            if alert.revision > latest[alert.id]?.revision ?? 0 { latest[alert.id] = alert }
        }
        return latest.values.sorted { ($0.time, $0.id) < ($1.time, $1.id) }
    }

    /// An SQL condition on a row of `alert`: it is the alert's last revision, and the alert is
    /// open.
    static let isOpenAlert = """
        state IN (\(AlertState.allCases.filter(\.isOpen).map { "'\($0.rawValue)'" }.joined(separator: ", "))) AND NOT EXISTS
            (SELECT 1 FROM alert AS later WHERE later.alert_id = alert.alert_id AND later.revision > alert.revision)
        """

    /// The revisions of alerts, the newest last.
    /// - Parameter prefix: the beginning of the alerts' ids; empty for all.
    public func alerts(id prefix: String = "", limit: Int = 100) throws(JournalError)
        -> [StoredAlert]
    {
        try read(
            """
            FROM alert \(prefix.isEmpty ? "NOT INDEXED" : "") WHERE alert_id >= ?1 AND alert_id < ?1 || char(0x10FFFF)
            ORDER BY place DESC LIMIT ?2
            """, .text(prefix), .integer(Int64(limit))
        ).reversed()
    }

    private func read(_ source: String, _ values: Database.Value...) throws(JournalError)
        -> [StoredAlert]
    {
        var found: [StoredAlert] = []
        try database.run(
            """
            SELECT alert_id, revision, lift, kind, state, at, body, EXISTS(SELECT 1 FROM outbox WHERE event_id = alert_id || '/' || revision),
                EXISTS(SELECT 1 FROM dead_letter WHERE event_id = alert_id || '/' || revision)
            \(source)
            """, values: values
        ) {
            found.append(
                StoredAlert(
                    id: $0.text(0), revision: Int($0.integer(1)), lift: $0.text(2),
                    kind: $0.text(3), state: $0.text(4),
                    time: Instant(nanoseconds: $0.integer(5)), body: $0.blob(6),
                    isPending: $0.integer(7) != 0,
                    isRefused: $0.integer(8) != 0))
        }
        return found
    }
}
