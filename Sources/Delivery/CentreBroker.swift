import MQTT

/// The features and permissions that a centre's broker grants: even an established connection may
/// let no event through.
struct CentreBroker: Equatable {
    private var session = MQTTSession()
    /// Topics that the gateway may not subscribe to, and topics that it may not publish on.
    private var unreadable: [String: MQTTReason] = [:]
    private var unwritable: [String: MQTTReason] = [:]
    /// Topics by whether a client of the broker reads them, as of the last publication.
    private var readers: [String: Bool] = [:]
    private var takeovers = Takeovers()

    /// Forgets the refusals of the last connection.
    mutating func connectionStarted(_ session: MQTTSession) {
        self.session = session
        unreadable.removeAll()
        unwritable.removeAll()
        readers.removeAll()
    }

    mutating func subscribed(to topic: String, _ grant: MQTTGrant) {
        if case .refused(let reason) = grant { unreadable[topic] = reason }
    }
    mutating func published(on topic: String, _ answer: MQTTPublicationAnswer) {
        unwritable[topic] = answer.refusal
        readers[topic] = answer == .accepted
    }

    /// Nobody reads anything of this gateway there: a centre reads one topic at least.
    private var hasNoReader: Bool { !readers.isEmpty && !readers.values.contains(true) }
    mutating func takenOver(_ reason: MQTTReason, at now: Int64) { takeovers.note(reason, at: now) }

    /// Whether the broker has refused neither the receipts nor an essential topic.
    /// - Parameters:
    ///   - receipts: the topic on which the centre answers.
    ///   - isEssential: whether a topic carries events that must arrive.
    func delivers(receipts: String, _ isEssential: (String) -> Bool) -> Bool {
        unreadable[receipts] == nil && !unwritable.keys.contains(where: isEssential)
    }

    /// The broker's refusals; whole sentences.
    var refusals: [String] {
        unreadable.sorted { $0.key < $1.key }.map { topic, reason in
            "The centre's broker refuses our subscription to \(topic): \(reason)."
        }
            + unwritable.sorted { $0.key < $1.key }.map { topic, reason in
                "The centre's broker refuses what we publish on \(topic): \(reason)."
            }
    }

    /// The refusals and missing features; whole sentences.
    /// - Parameter now: monotonic nanoseconds.
    func problems(at now: Int64) -> [String] {
        var problems = refusals
        if !session.retainIsAvailable {
            problems.append(
                "The centre's broker keeps no retained messages: a centre that connects later gets the site's state only with its next message, within a minute."
            )
        }
        if session.highestQoS == 0 {
            problems.append(
                "The centre's broker offers only QoS 0: an event that it loses is sent again after 10 s, until the centre's receipt."
            )
        }
        if hasNoReader, unwritable.isEmpty {
            problems.append(
                "No client of the centre's broker reads what we publish there: the centre is not connected to it, or reads other topics."
            )
        }
        if let problem = takeovers.problem(at: now, of: "the centre's broker") {
            problems.append(problem)
        }
        return problems
    }

    /// Updates the problems in the status of a route, and logs those that are new.
    /// - Parameter isReady: whether the connection is established.
    func report(
        to context: RouteContext, of centre: String, topics: CentreTopics, isReady: Bool,
        at now: Int64
    ) {
        let problems = problems(at: now)
        let delivers = delivers(receipts: topics.receipts) { topics.isEssential($0) }
        context.update { status in
            for problem in problems where !status.problems.contains(problem) {
                context.log.error("\(centre): \(problem)")
            }
            status.problems = problems
            if isReady {
                status.isConnected = delivers
                if !delivers { status.lastError = problems.first ?? "" }
            }
        }
    }
}
