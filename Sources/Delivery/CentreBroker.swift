import LiftModel
import MQTT

/// The features and permissions that a centre's broker grants: even an established connection may
/// let no event through.
struct CentreBroker: Equatable {
    private var session = MQTTSession()
    /// Topics that the gateway may not subscribe to, and topics that it may not publish on.
    private var unreadable: [String: MQTTReason] = [:]
    private var unwritable: [String: MQTTReason] = [:]
    /// Topics of events that no client of the broker reads, as of the last publication.
    private var unread: Set<String> = []
    private var takeovers = Takeovers()

    /// Forgets the refusals of the last connection.
    mutating func connectionStarted(_ session: MQTTSession) {
        self.session = session
        unreadable.removeAll()
        unwritable.removeAll()
        unread.removeAll()
    }

    mutating func subscribed(to topic: String, _ grant: MQTTGrant) {
        if case .refused(let reason) = grant { unreadable[topic] = reason }
    }
    /// - Parameter isEssential: whether the topic carries events that must arrive. A centre need
    ///   not read the others.
    mutating func published(
        on topic: String, isEssential: Bool, _ answer: MQTTPublicationAnswer
    ) {
        unwritable[topic] = answer.refusal
        if answer == .acceptedUnread, isEssential {
            unread.insert(topic)
        } else {
            unread.remove(topic)
        }
    }

    mutating func takenOver(_ reason: MQTTReason, at now: MonotonicTime) {
        takeovers.note(reason, at: now)
    }

    /// Whether the broker has refused neither the receipts nor an essential topic, and has a reader
    /// of each.
    /// - Parameters:
    ///   - receipts: the topic on which the centre answers.
    ///   - isEssential: whether a topic carries events that must arrive.
    func delivers(receipts: String, _ isEssential: (String) -> Bool) -> Bool {
        unreadable[receipts] == nil && !unwritable.keys.contains(where: isEssential)
            && unread.isEmpty
    }

    /// Why events do not arrive though the broker is connected; whole sentences.
    var refusals: [String] {
        unreadable.sorted { $0.key < $1.key }.map { topic, reason in
            "The centre's broker refuses our subscription to \(topic): \(reason)."
        }
            + unwritable.sorted { $0.key < $1.key }.map { topic, reason in
                "The centre's broker refuses what we publish on \(topic): \(reason)."
            }
            + unread.sorted().map { topic in
                "No client of the centre's broker reads \(topic): the centre is not connected to it, or reads other topics. It must subscribe to this one."
            }
    }

    /// The refusals and missing features; whole sentences.
    func problems(at now: MonotonicTime) -> [String] {
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
        if let problem = takeovers.problem(at: now, of: "the centre's broker") {
            problems.append(problem)
        }
        return problems
    }

    /// Updates the problems in the status of a route, and logs those that are new.
    /// - Parameter isReady: whether the connection is established.
    func report(
        to context: RouteContext, of centre: String, topics: CentreTopics, isReady: Bool,
        at now: MonotonicTime
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
