import Contract
import DeliveryCore
import LiftModel
import MQTT
import Platform

/// Publishes on a site's topics at the centre's broker, and knows what the broker has not
/// acknowledged. Confined to its route's thread; a class, as the library may call the route back
/// while something is published.
final class MQTTPublisher {
    /// The intervals between two messages with the site's state: after a change, and without one.
    private static let minStateInterval = Duration.seconds(1)
    private static let stateInterval = Duration.seconds(60)

    private let settings: RouteSettings
    private let context: RouteContext
    private let topics: CentreTopics
    private var publications = Publications()
    private var schedule = StateSchedule(minInterval: minStateInterval)

    init(_ settings: RouteSettings, _ context: RouteContext, _ topics: CentreTopics) {
        self.settings = settings
        self.context = context
        self.topics = topics
    }

    /// - Parameters:
    ///   - name: the topic's levels after the site's.
    ///   - event: the id of an event that needs a receipt.
    func publish(
        _ body: [UInt8], on name: String, event: String? = nil, retain: Bool = false,
        expiry: Duration? = nil,
        by client: MQTTClient
    ) throws(MQTTError) {
        let topic = topics.topic(name)
        let mid = try client.publish(
            body, to: topic, retain: retain, expiry: expiry, contentType: CloudEvent.contentType)
        publications.add(
            Publications.Publication(topic: topic, event: event), as: mid,
            at: MonotonicClock.now)
    }

    /// Publishes a retained message, which needs no receipt. Skips one that is longer than the
    /// broker takes.
    private func publishRetained(
        _ body: [UInt8], to name: String, by client: MQTTClient
    ) throws(MQTTError) {
        do throws(MQTTError) {
            try publish(body, on: name, retain: true, by: client)
        } catch {
            guard error.isOversize else { throw error }
            context.log.error(
                "\(settings.centre): the \(name) of \(body.count) bytes is more than its broker takes in a packet"
            )
        }
    }

    /// Publishes the heartbeat and the site's state, where they are due.
    func publishState(at now: MonotonicTime, by client: MQTTClient) throws(MQTTError) {
        let heartbeat = context.delivery.heartbeat
        if schedule.isDue(heartbeat: heartbeat.number) {
            try publishRetained(heartbeat.body, to: "heartbeat", by: client)
            schedule.sent(heartbeat: heartbeat.number)
        }
        let state = context.delivery.siteState.filtered(to: settings.lanes)
        guard schedule.isDue(state, at: now, every: Self.stateInterval) else { return }
        try publishRetained(
            state.json(site: settings.site, at: context.calendar()), to: "state", by: client)
        schedule.sent(state, at: now)
    }

    func publishLink(isOnline: Bool, by client: MQTTClient) throws(MQTTError) {
        try publish(CentreTopics.linkBody(isOnline: isOnline), on: "link", retain: true, by: client)
    }

    // MARK: The broker's acknowledgements

    /// Publications that the broker has not acknowledged.
    var unacknowledged: Int { publications.count }

    /// The broker has accepted or refused a publication.
    /// - Returns: nil for one that is not known.
    func acknowledge(_ mid: Int32) -> Publications.Publication? {
        publications.acknowledge(mid, at: MonotonicClock.now)
    }

    /// The broker has acknowledged nothing for too long.
    func isSilent(at now: MonotonicTime) -> Bool {
        publications.isSilent(at: now, for: MQTTConnection.answerTimeout)
    }

    func connectionStarts() { publications.removeAll() }
    func connectionEnds() { schedule.reset() }
}
