import LiftModel
import Monitoring
import Trace

/// What the connection to the building's broker means for the lifts: which time counts as their
/// silence, and the gateway's alerts about the broker.
extension GatewayCore {
    mutating func handle(
        _ event: BrokerEvent, at moment: Moment, into effects: inout Effects
    ) {
        switch event {
        case .sessionStarted(let isPresent):
            counters.connects += 1
            redeliveries.sessionStarted(isPresent: isPresent)
            effects.add(.record(.connection(.connected), at: moment.time))
        case .subscribed:
            backlog.observation.apply(.subscribed)
            backlog.watch.start(at: moment.monotonic)
        case .socketEmpty: backlog.lag.noteEmptySocket(at: moment.monotonic)
        case .answers(let queuesWhileAway, let isClientIDTaken):
            if let queuesWhileAway {
                set(\.brokerQoSZero, .brokerQoSZero, !queuesWhileAway, at: moment, into: &effects)
            }
            set(\.clientIDTaken, .clientIDTaken, isClientIDTaken, at: moment, into: &effects)
        case .lost(let isGiantPacket):
            if isGiantPacket { counters.giantPackets += 1 }
            noteLost(at: moment, into: &effects)
        }
    }

    private mutating func noteLost(at moment: Moment, into effects: inout Effects) {
        checkForStall(at: moment, into: &effects)
        counters.connectFailures += 1
        // The broker sends unacknowledged messages again; without a disk only memory knows that
        // they were evaluated.
        if storage.failure != nil { continueWithoutDisk(at: moment, into: &effects) }
        let wasObserving = backlog.observation.isObserving
        backlog.observation.apply(.lost(at: moment.time))
        guard wasObserving else { return }
        // Messages that were read and not committed stay in the batch, and the broker still holds
        // them unacknowledged.
        intake.stopObserving(at: note(.disconnected, at: moment, into: &effects))
        startCommit(at: moment, into: &effects)
    }

    /// Makes timers wait until the messages that waited unread are read. What was due before the
    /// stall was evaluated before it; so the journal has the time of the last evaluation.
    mutating func checkForStall(at moment: Moment, into effects: inout Effects) {
        guard isLive, let stall = backlog.lag.stall(at: moment.monotonic) else { return }
        let evaluated = Moment(time: intake.latestTime, monotonic: moment.monotonic)
        intake.apply(
            .connection(.stalled), at: note(.stalled, at: evaluated, into: &effects))
        backlog.observation.apply(.stalled)
        backlog.watch.start(at: moment.monotonic)
        counters.stalls += 1
        effects.log(
            .warning,
            "messages have waited unread for \(stall.spanText); silence counts once they are read")
    }

    /// Lets silence count once the backlog is read.
    mutating func checkDrained(at moment: Moment, into effects: inout Effects) {
        if injected(.staysBehindAfterAStall), backlog.observation.isObserving { return }
        guard backlog.observation.isCatchingUp, mayWrite, backlog.watch.isDry(at: moment.monotonic)
        else { return }
        intake.startObserving(at: note(.drained, at: moment, into: &effects))
        redeliveries.forgetPending()
        backlog.observation.apply(.caughtUp(at: moment.monotonic))
        backlog.lag.noteDrained(at: moment.monotonic)
        effects.log(
            .info, "broker: the backlog is read; watching \(intake.detector.liftCount) lifts")
        startCommit(at: moment, into: &effects)
    }

    /// Journals an event, so that a replay takes it at the same place among the messages.
    /// - Returns: its time.
    private mutating func note(
        _ event: ConnectionEvent, at moment: Moment, into effects: inout Effects
    ) -> Instant {
        let time = nextEntry(at: moment)
        if event.isForgotten { return time }
        output.controls.append(TimedControlEvent(control: .connection(event), time: time))
        effects.add(.record(.connection(event), at: time))
        return time
    }

    // MARK: Alerts about the broker

    mutating func watchForLostBroker(at moment: Moment, into effects: inout Effects) {
        guard let since = backlog.observation.deafSince else {
            return set(\.brokerLost, .brokerLost, false, at: moment, into: &effects)
        }
        guard moment.time - since >= Settings.brokerLostAfter else { return }
        let alert = siteAlerts.brokerLost.raise(
            onset: since, at: since + Settings.brokerLostAfter, hold: Settings.brokerLostAfter,
            because: GatewayKind.brokerLost.raised)
        if let alert { enqueue(alert, at: moment, into: &effects) }
    }

    private mutating func set(
        _ path: WritableKeyPath<SiteAlerts, SiteAlert>, _ kind: GatewayKind, _ isActive: Bool,
        at moment: Moment, into effects: inout Effects
    ) {
        let alert =
            isActive
            ? siteAlerts[keyPath: path].raise(
                onset: moment.time, at: moment.time, hold: .zero, because: kind.raised)
            : siteAlerts[keyPath: path].clear(at: moment.time, because: kind.cleared)
        if let alert { enqueue(alert, at: moment, into: &effects) }
    }
}

extension ConnectionEvent {
    /// The simulation has the core forget this event.
    fileprivate var isForgotten: Bool {
        switch self {
        case .disconnected: injected(.journalsNoDisconnection)
        case .drained: injected(.journalsNoEndOfTheBacklog)
        case .stalled: injected(.journalsNoStall)
        case .behind, .connected, .end: false
        }
    }
}
