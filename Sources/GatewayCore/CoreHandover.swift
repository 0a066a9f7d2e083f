import Contract
import Journal
import LiftModel
import Monitoring
import RuleLanguage

/// The state that one run hands over to the next one in the same process, which uses another
/// journal.
public struct CoreHandover {
    /// A snapshot of the detector, and the rules that it was under.
    package var state: [UInt8]
    package var rules: RuleSet
    /// Alerts with the bodies that may have been sent already.
    var alerts: [(alert: Alert, body: [UInt8])]
    /// Undelivered events, also those of the run's own journal.
    package var events: [OutboundEvent]
    var siteAlerts: SiteAlerts
    var refusedLifts: RefusedLifts
    var commands: [AnsweredCommand]
    /// Applied actions whose files still exist.
    package var actionNames: [String]
}

extension GatewayCore {
    /// Ends this run without a commit.
    /// - Parameter undelivered: the events of the run's own journal.
    public mutating func handOver(
        _ undelivered: [OutboundEvent], at moment: Moment, into effects: inout Effects
    ) -> CoreHandover {
        checkForStall(at: moment, into: &effects)
        intake.stopObserving(at: moment.time)
        collectAlerts(at: moment, into: &effects)
        return CoreHandover(
            state: intake.detector.snapshot(), rules: intake.detector.rules, alerts: output.alerts,
            events: undelivered + output.events, siteAlerts: siteAlerts,
            refusedLifts: intake.refusedLifts, commands: output.commands,
            actionNames: output.actionNames)
    }

    mutating func resume(from handover: CoreHandover) {
        schedule.requestSnapshot()
        siteAlerts = handover.siteAlerts
        intake.refusedLifts = handover.refusedLifts
        output.commands = handover.commands
        output.actionNames = handover.actionNames
        output.prepend(handover.alerts)
        counters.alerts += handover.alerts.count
        for event in handover.events { output.add(event) }
    }
}
