import LiftModel
import RuleLanguage

/// Signals of a lift that come from an operator action, or from another lift of the site, and not
/// from a message of its own.
///
/// Each signal is true for as long as its source: a maintenance window, a rescue
/// (`rescuers_arrived`, until that alert is over), an open alert of another lift (`tells_site`). A
/// reload and a restart may bring other rules and other lifts; after them `alignSignals` sets the
/// signals again.
extension Detector {
    /// Sets a signal of a lift, at a time of the lift's time line.
    mutating func setGatewaySignal(
        _ index: LiftIndex, _ signal: Signal, _ value: Bool, at time: Int64
    ) {
        lifts[index].pendingSignals.append(
            LiftState.PendingSignal(time: time, signal: signal, value: value))
        // During a gap in observation, earlier messages of the lift may still be unread.
        if lifts[index].isOnTime(at: time, gatewayTime) {
            applyPendingSignals(index, upTo: time)
        }
        deadlines.note(index, lifts[index].deadline)
    }

    /// Applies the pending changes up to a time on the lift's time line.
    mutating func applyPendingSignals(_ index: LiftIndex, upTo time: Int64) {
        while let input = lifts[index].takePendingSignal(upTo: time) {
            insert(input, index, arrival: input.time)
        }
    }

    private mutating func align(_ index: LiftIndex, _ signal: Signal, _ value: Bool, at time: Int64)
    {
        guard lifts[index].latestValue(of: signal) != value else { return }
        setGatewaySignal(index, signal, value, at: max(time, lifts[index].firstFreeTime))
    }

    /// Rescuers are at a lift as long as the alert with the report of their arrival is open. The
    /// next alert begins without them.
    mutating func updateRescuers(_ index: LiftIndex, at time: Int64) {
        let areThere = lifts[index].ledger.hasRescuers
        guard areThere != lifts[index].hasRescuers else { return }
        lifts[index].hasRescuers = areThere
        align(index, .rescuersArrived, areThere, at: time)
    }

    /// When a lift's alert with `tells_site` begins or ends, the signal of all other lifts changes.
    mutating func updateSiteSignals(_ index: LiftIndex, at time: Int64) {
        for rule in rules.rules {
            guard let signal = rule.tellsSite else { continue }
            let isOpen = lifts[index].ledger.openIndex(rule.name) != nil
            let key = SiteSignalSource(signal: signal, rule: rule.name, lift: index)
            guard isOpen != siteSignals.contains(key) else { continue }
            if isOpen { siteSignals.insert(key) } else { siteSignals.remove(key) }
            for other in lifts.indices where other != index {
                align(other, signal, isSiteSignalActive(other, signal), at: time)
            }
        }
    }

    private func isSiteSignalActive(_ index: LiftIndex, _ signal: Signal) -> Bool {
        siteSignals.contains { $0.signal == signal && $0.lift != index }
    }

    /// Sets the signals of every lift from the alerts that are open now, under the present rules.
    /// - Parameter time: nil: the time that each lift has reached.
    mutating func alignSignals(at time: Int64?) {
        siteSignals = []
        for rule in rules.rules {
            guard let signal = rule.tellsSite else { continue }
            for index in lifts.indices where lifts[index].ledger.openIndex(rule.name) != nil {
                siteSignals.insert(SiteSignalSource(signal: signal, rule: rule.name, lift: index))
            }
        }
        for index in lifts.indices {
            for signal in Signal.allCases where signal.isFromSite {
                align(
                    index, signal, isSiteSignalActive(index, signal),
                    at: time ?? lifts[index].memory.time)
            }
            lifts[index].hasRescuers = lifts[index].ledger.hasRescuers
            align(
                index, .rescuersArrived, lifts[index].hasRescuers,
                at: time ?? lifts[index].memory.time)
        }
    }

    /// The site signals that are true when a lift is registered.
    var activeSiteSignals: Set<Signal> { Set(siteSignals.map(\.signal)) }
}

extension LiftState {
    /// The first pending change up to a time, as an input.
    fileprivate mutating func takePendingSignal(upTo time: Int64) -> Input? {
        guard let change = pendingSignals.first, change.time <= time else { return nil }
        pendingSignals.removeFirst()
        var reading = Reading()
        reading.set(change.signal, change.value)
        reading.isSignOfLife = false
        return Input(
            time: change.time, sentAt: max(change.time, latestReading), reading: reading)
    }

    /// The latest value, applied or pending.
    fileprivate func latestValue(of signal: Signal) -> Bool {
        pendingSignals.last { $0.signal == signal }?.value
            ?? (memory.signal(signal.rawValue) != 0)
    }

    /// After the last evaluation, so that nothing is decided twice; and after all earlier inputs,
    /// whatever their times.
    fileprivate var firstFreeTime: Int64 {
        max(
            memory.time + (memory.timerWasLast ? 1 : 0), inputs.last?.sentAt ?? .min,
            pendingSignals.last?.time ?? .min)
    }

    /// Formats before 7 do not store at which alert rescuers arrived: all open alerts about people
    /// are taken.
    mutating func assumeRescuers() {
        guard latestValue(of: .rescuersArrived) else { return }
        for entry in ledger.entries.indices {
            let known = ledger.entries[entry]
            ledger.entries[entry].hasRescuers =
                known.state.isOpen && Detector.isAboutPeople(known.kind)
        }
    }
}

/// An open alert of one lift that is a signal of all others (`tells_site`).
struct SiteSignalSource: Hashable, Sendable {
    var signal: Signal
    var rule: String
    var lift: LiftIndex
}
