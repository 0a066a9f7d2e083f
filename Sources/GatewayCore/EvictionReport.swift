import Contract
import Journal
import LiftModel
import Monitoring

extension Journal {
    /// Evicts what exceeds the quotas, and enqueues the event that reports undelivered events among
    /// it.
    /// - Parameters:
    ///   - settings: the site's, with the offset to the calendar.
    ///   - now: on the gateway's time line.
    package func enforce(
        _ quota: Quota, of settings: GatewayCore.Settings, at now: Instant, _ stamp: ClockStamp
    ) throws(JournalError) -> Eviction {
        try enforce(quota) {
            let time = now + settings.calendarOffset
            return (.evicted($0, site: settings.site, at: time), now, stamp)
        }
    }
}

extension OutboundEvent {
    package static func evicted(_ eviction: Eviction, site: AlertEvent.Site, at now: Instant)
        -> OutboundEvent
    {
        ofGateway(
            .evicted(
                reason: eviction.deadLetters > 0 ? .deadLetters : .outboxQuota,
                undelivered: eviction.undelivered,
                outdatedRevisions: eviction.coalesced), site, now)
    }

    /// - Parameters:
    ///   - time: calendar time.
    ///   - onset: the number that the id is made of; nil for the time.
    ///   - part: of an event in several parts.
    package static func ofGateway(
        _ event: GatewayEvent, _ site: AlertEvent.Site, _ time: Instant, onset: Int64? = nil,
        part: Int = 0,
        lane: Lane = .fault
    ) -> OutboundEvent {
        let id = AlertIdentity.id(
            site.origin, lift: site.id, kind: event.type, onset: onset ?? time.nanoseconds,
            earlier: part)
        return OutboundEvent(
            id: id, type: event.type, lane: lane, subject: site.id,
            body: event.json(id: id, site: site, time: time))
    }
}
