import GatewayCore
import Journal
import LiftModel
import SimulatedDisk

extension World {
    /// A trapped passenger is known to the city within this. The standard rules suspect an
    /// entrapment after a minute, and the centre needs a moment.
    private static let bound = Duration.seconds(150)

    /// A copy without a receipt is sent again after ten seconds.
    private static let longestWait = Duration.seconds(45)

    static let wellAgain = "everything is well again"

    /// How often the journal has each message, by `key`.
    static func messages(in journal: Journal) throws(JournalError) -> [String: Int] {
        var found: [String: Int] = [:]
        try journal.forEachBatch(after: 0) { batch in
            for message in batch.messages {
                let key = key(
                    String(decoding: message.topic, as: UTF8.self),
                    String(decoding: message.payload, as: UTF8.self))
                found[key, default: 0] += 1
            }
        }
        return found
    }

    /// Every acknowledged message is in the journal.
    func checkDurable() throws {
        guard let journal = gateway?.journal else { return }
        var missing = acknowledged
        var lostAlert: String?
        do throws(JournalError) {
            for (key, count) in try Self.messages(in: journal) { missing[key]? -= count }
            let stored = Set(try journal.alerts(limit: 1_000_000).map { "\($0.id)/\($0.revision)" })
            lostAlert = committed.keys.filter { $0.contains("/") && !stored.contains($0) }.min()
        } catch { throw Violation("the journal cannot be read: \(error)") }
        if let lostAlert {
            throw Violation("durable: the committed alert \(lostAlert) is not in the journal")
        }
        for (key, count) in exempted { missing[key]? -= count }
        if let lost = missing.filter({ $0.value > 0 }).keys.min() {
            throw Violation("acknowledged and not durable: \(lost)")
        }
    }

    /// Evicted events are reported to the centres, and entrapments are the last to go.
    func noteEvicted(_ before: [OutboundEvent], but after: [OutboundEvent]) throws {
        let left = Set(after.map(\.id))
        let lost = before.filter { !left.contains($0.id) }
        guard !lost.isEmpty else { return }
        note("evicted \(lost.map(\.id))")
        evicted.formUnion(lost.map(\.id))
        evictedAnswers.formUnion(
            lost.filter { $0.type == "word" }.compactMap { SimulatedRoute.commandID(in: $0.body) })
        let known = Set(before.map(\.id))
        let new = after.filter { !known.contains($0.id) }
        noteCommitted(new)
        guard new.contains(where: { $0.type == "evicted" }) else {
            throw Violation("evicted: \(lost.count) events left the queue without a report")
        }
        let others = after.contains { $0.lane != .entrapment && known.contains($0.id) }
        let entrapment = lost.first { event in
            event.lane == .entrapment && !after.contains { $0.isLaterRevision(of: event) }
        }
        if others, let entrapment {
            throw Violation("evicted: \(entrapment.id) went before less urgent events")
        }
    }

    /// An alert that the core has open is in the journal, so that it came to the centres.
    private func checkKnown() throws {
        guard let core = gateway?.core else { return }
        for alert in core.openAlerts where committed["\(alert.id)/\(alert.revision)"] == nil {
            throw Violation("known: \(alert.kind) of \(alert.lift) is open, and no commit had it")
        }
    }

    /// Everything around the gateway becomes well, and a lift traps its passenger.
    func heal() throws {
        note(Self.wellAgain)
        try repairAll()
        try pass(.seconds(60))
        try checkQueue()
        // An entrapment waits for no disk, and for no route.
        firstRouteIsUp = !isRouteToFail
        if isDiskToFail { disk.plan(.writeError, after: 0) }
        let trapped = Step.lifts - 1
        become(.trapped, lift: trapped)
        let since = now
        try pass(Self.bound) { isKnownToTheCity(trapped, since: since) }
        guard isKnownToTheCity(trapped, since: since) else {
            throw Violation("found: L\(trapped) is trapped, and the city does not know it")
        }
        disk.repair()
        firstRouteIsUp = true
        // A controller that falls silent with a passenger is found, too.
        let silent = Step.lifts - 2
        become(.running, lift: silent)
        let silentSince = now
        try pass(Self.bound, silent: silent) { isKnownToTheCity(silent, since: silentSince) }
        guard isKnownToTheCity(silent, since: silentSince) else {
            throw Violation("found: L\(silent) is silent in use, and the city does not know it")
        }
        for index in 0..<Step.lifts { become(.open, lift: index) }
        try pass(.seconds(60))
    }

    private func isKnownToTheCity(_ lift: Int, since: MonotonicTime) -> Bool {
        centres[0].order.contains {
            $0.lane == .entrapment && $0.lift == lifts[lift].id && $0.at > since
        }
    }

    /// What must hold at the end, when everything is well again.
    func checkEnd() throws {
        try checkDurable()
        try checkKnown()
        try checkQueue()
        let isQoSZero = gateway?.core.openAlerts.contains { $0.kind == "broker_qos_zero" }
        guard isQoSZero == (broker.grantedQoS == 0) else {
            throw Violation("broker_qos_zero does not say which QoS the broker grants")
        }
        if let open = gateway?.core.openAlerts.first(where: { $0.kind == "entrapment" }) {
            throw Violation("over: \(open.lift) stands open, and its \(open.kind) is open")
        }
        for centre in centres {
            if let id = centre.contradiction {
                throw Violation("one id, one content: \(centre.name) received two of \(id)")
            }
            try checkDelivered(to: centre)
            try checkOrder(at: centre)
        }
        try checkCommands()
    }

    private func checkDelivered(to centre: SimulatedCentre) throws {
        let missing = committed.filter { id, lane in
            centre.lanes.contains(lane) && centre.stored[id] == nil && !centre.refused.contains(id)
                && !evicted.contains(id)
        }
        if let lost = missing.keys.min() {
            throw Violation("delivered: \(centre.name) never received \(lost)")
        }
    }

    /// While everything is well no event waits longer than a few copies of it take.
    private func checkQueue() throws {
        guard let oldest = try gateway?.journal.outboxSize().oldest else { return }
        let waits = moment.time - oldest
        guard waits > Self.longestWait else { return }
        throw Violation("delivered: an event waits for \(waits.spanText)")
    }

    /// A command that was sent twice is followed once, and answered. Where the centre has refused
    /// the answer, or it was evicted, it has none.
    private func checkCommands() throws {
        if let left = commands.first(where: { $0.kind != .unreadable }) {
            throw Violation("followed: the command \(left.id) waits for ever")
        }
        // What a process without a disk has answered, the next one cannot know.
        let journalled = centres[0].stored.values.filter {
            $0.life == nil || committed[$0.id] != nil
        }
        let answers = Dictionary(grouping: journalled) { $0.answeredCommand ?? "" }
        for command in sentCommands where command.kind != .unreadable {
            let count = answers[command.id]?.count ?? 0
            let isLost =
                centres[0].refusedCommands.contains(command.id)
                || evictedAnswers.contains(command.id)
            guard count == 1 || count == 0 && isLost else {
                throw Violation("followed once: the command \(command.id) has \(count) answers")
            }
        }
    }

    /// The revisions of an alert in one lane come in their order. A refused event may come
    /// later, and one from memory earlier, as it goes before the queue.
    private func checkOrder(at centre: SimulatedCentre) throws {
        var latest: [String: Int] = [:]
        for arrival in centre.order
        where arrival.life == nil && !centre.refused.contains(arrival.id) {
            guard let slash = arrival.id.lastIndex(of: "/"),
                let revision = Int(arrival.id[arrival.id.index(after: slash)...])
            else { continue }
            let key = "\(arrival.id[..<slash]) \(arrival.lane)"
            guard revision > latest[key] ?? 0 else {
                throw Violation(
                    "order: \(centre.name) received \(arrival.id) after revision \(latest[key] ?? 0)"
                )
            }
            latest[key] = revision
        }
    }
}

extension OutboundEvent {
    /// A later revision of the same alert.
    fileprivate func isLaterRevision(of other: OutboundEvent) -> Bool {
        guard let slash = id.lastIndex(of: "/"), let otherSlash = other.id.lastIndex(of: "/"),
            id[..<slash] == other.id[..<otherSlash]
        else { return false }
        return Int(id[slash...].dropFirst()) ?? 0 > Int(other.id[otherSlash...].dropFirst()) ?? 0
    }
}
