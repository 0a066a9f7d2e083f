import Journal

/// What a start needs of the journal beside the state of the lifts.
public struct JournalFacts {
    package var counters: [String: Int]
    /// The last revisions of alerts; see `Journal.latestAlerts`.
    package var alerts: [Journal.StoredAlert]
    /// The committed messages that the broker may send again.
    var redeliveries: RedeliveryMemory

    /// Of a journal that is new.
    package init(receiveMaximum: Int) {
        counters = [:]
        alerts = []
        redeliveries = RedeliveryMemory(capacity: receiveMaximum, [])
    }

    /// - Parameter receiveMaximum: how many messages the building's broker sends without an
    ///   acknowledgement.
    public init(of journal: Journal, receiveMaximum: Int) throws(JournalError) {
        var redeliveries = RedeliveryMemory(capacity: receiveMaximum, [])
        try journal.forEachBatch(holdingTheLast: receiveMaximum) {
            redeliveries.noteCommitted($0.messages)
        }
        self.redeliveries = redeliveries
        counters = try journal.counters()
        alerts = try journal.latestAlerts()
    }
}
