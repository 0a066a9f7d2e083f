import LiftModel

/// The publications that a centre's broker has not acknowledged yet, by packet id.
///
/// They show whether a connection still makes progress: a socket may look open long after the other
/// side is gone.
package struct Publications {
    package struct Publication: Equatable {
        package var topic: String
        /// The id of the event; nil for a publication that needs no receipt.
        package var event: String?

        package init(topic: String, event: String?) {
            self.topic = topic
            self.event = event
        }
    }

    private var inFlight: [Int32: Publication] = [:]
    /// When the broker last acknowledged one, or the first one was sent.
    private var progressAt: MonotonicTime = .boot

    package init() {}

    package var count: Int { inFlight.count }

    package mutating func add(_ publication: Publication, as id: Int32, at now: MonotonicTime) {
        if inFlight.isEmpty { progressAt = now }
        inFlight[id] = publication
    }

    /// The broker has accepted or refused a publication.
    /// - Returns: nil for one that is not known.
    package mutating func acknowledge(_ id: Int32, at now: MonotonicTime) -> Publication? {
        progressAt = now
        return inFlight.removeValue(forKey: id)
    }

    /// A new connection has none.
    package mutating func removeAll() { inFlight.removeAll() }

    /// The broker has acknowledged nothing for longer than this.
    package func isSilent(at now: MonotonicTime, for time: Duration) -> Bool {
        !inFlight.isEmpty && now - progressAt > time
    }
}
