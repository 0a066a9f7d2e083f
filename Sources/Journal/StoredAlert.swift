import Elevator

/// The alerts, for people who look into the journal.
extension Journal {
    public struct StoredAlert: Sendable {
        public var id: String
        public var revision: Int
        public var lift: String
        public var kind: String
        public var state: String
        public var time: Instant
        public var body: [UInt8]
        /// The centre has not yet said it stored it.
        public var isOwed: Bool
        /// A centre has refused it for good.
        public var isRefused: Bool
    }

    /// The last revisions of alerts, or of those about something, newest last; of the last thousand revisions.
    public func latestAlerts(about subject: String? = nil) throws(JournalError) -> [StoredAlert] {
        var latest: [String: StoredAlert] = [:]
        for alert in try alerts(limit: 1000) where subject == nil || alert.lift == subject {
            if alert.revision > latest[alert.id]?.revision ?? 0 { latest[alert.id] = alert }
        }
        return latest.values.sorted { $0.time < $1.time }
    }

    /// Alerts with all their revisions, the newest last.
    public func alerts(id prefix: String = "", limit: Int = 100) throws(JournalError) -> [StoredAlert] {
        var found: [StoredAlert] = []
        try database.run(
            """
            SELECT alert_id, revision, lift, kind, state, at, body, EXISTS(SELECT 1 FROM outbox WHERE event_id = alert_id || '/' || revision),
                EXISTS(SELECT 1 FROM dead_letter WHERE event_id = alert_id || '/' || revision)
            FROM alert \(prefix.isEmpty ? "NOT INDEXED" : "") WHERE alert_id >= ?1 AND alert_id < ?1 || char(0x10FFFF)
            ORDER BY place DESC LIMIT ?2
            """, .text(prefix), .integer(Int64(limit))
        ) {
            found.append(
                StoredAlert(
                    id: $0.text(0), revision: Int($0.integer(1)), lift: $0.text(2), kind: $0.text(3), state: $0.text(4),
                    time: Instant(nanoseconds: $0.integer(5)), body: $0.blob(6), isOwed: $0.integer(7) != 0,
                    isRefused: $0.integer(8) != 0))
        }
        return found.reversed()
    }
}
