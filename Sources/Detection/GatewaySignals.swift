import Elevator

/// Signals of a lift that no message of its own can carry: what a person said, and what another lift of the site says.
///
/// Each is so for as long as its source stands, and no longer: a window of work, a rescue (`rescuers_arrived`, until the alert it was said of
/// is over), an open alert of another lift (`tells_site`). After a reload and after a restart, which may bring other rules and other
/// lifts, `alignSignals` holds them to what is so then.
extension Detector {
    /// Says something of a lift, at its place on the lift's time line.
    mutating func setGatewaySignal(_ index: Int, _ signal: Signal, _ value: Bool, at time: Int64) {
        tracks[index].waitingOrders.append(LiftTrack.WaitingOrder(time: time, signal: signal, value: value))
        // While nobody listens, what the lift has said before may still be unread.
        if isOnTime(index, at: time) { placeOrders(index, upTo: time) }
    }

    /// Orders given until then take effect on the lift's time line.
    mutating func placeOrders(_ index: Int, upTo time: Int64) {
        while let order = tracks[index].waitingOrders.first, order.time <= time {
            tracks[index].waitingOrders.removeFirst()
            var reading = Reading()
            reading.set(order.signal, order.value)
            reading.isSignOfLife = false
            place(
                LiftTrack.Input(
                    time: order.time, saidAt: max(order.time, tracks[index].latestReading), reading: reading),
                index, arrival: order.time)
        }
    }

    /// What was said last, placed or still waiting.
    private func isSaid(_ index: Int, _ signal: Signal) -> Bool {
        if let waiting = tracks[index].waitingOrders.last(where: { $0.signal == signal }) { return waiting.value }
        return tracks[index].memory.signal(signal.rawValue) != 0
    }

    private mutating func align(_ index: Int, _ signal: Signal, _ value: Bool, at time: Int64) {
        guard isSaid(index, signal) != value else { return }
        // After what has been judged: nothing that was decided is decided again.
        let reached = tracks[index].memory.time + (tracks[index].memory.timerWasLast ? 1 : 0)
        setGatewaySignal(index, signal, value, at: max(time, reached))
    }

    /// Rescuers are at a lift for as long as the alert is open of which a person said so: the next one is born without them.
    mutating func noticeRescuers(_ index: Int, at time: Int64) {
        let areThere = tracks[index].ledger.hasRescuers
        guard areThere != tracks[index].hasRescuers else { return }
        tracks[index].hasRescuers = areThere
        align(index, .rescuersArrived, areThere, at: time)
    }

    /// Formats before 7 do not say of which alert: of any about people that is open.
    mutating func assumeRescuers(_ index: Int) {
        guard isSaid(index, .rescuersArrived) else { return }
        for entry in tracks[index].ledger.entries.indices {
            let told = tracks[index].ledger.entries[entry]
            tracks[index].ledger.entries[entry].hasRescuers = told.state.isOpen && Self.isAboutPeople(told.kind)
        }
    }

    /// What one lift has begun or ceased to say about the site becomes a signal of all others.
    mutating func tellSite(_ index: Int, at time: Int64) {
        for rule in rules.rules {
            guard let signal = rule.tellsSite else { continue }
            let isOpen = tracks[index].ledger.openIndex(rule.name) != nil
            let key = SiteSignalSource(signal: signal, rule: rule.name, lift: index)
            guard isOpen != siteSignals.contains(key) else { continue }
            if isOpen { siteSignals.insert(key) } else { siteSignals.remove(key) }
            for other in tracks.indices where other != index {
                align(other, signal, isToldOfSite(other, signal), at: time)
            }
        }
    }

    private func isToldOfSite(_ index: Int, _ signal: Signal) -> Bool {
        siteSignals.contains { $0.signal == signal && $0.lift != index }
    }

    /// Holds the signals of every lift to the alerts that are open now, under the rules of now.
    /// - Parameter time: nil: each lift's own, as far as it has got.
    mutating func alignSignals(at time: Int64?) {
        siteSignals = []
        for rule in rules.rules {
            guard let signal = rule.tellsSite else { continue }
            for index in tracks.indices where tracks[index].ledger.openIndex(rule.name) != nil {
                siteSignals.insert(SiteSignalSource(signal: signal, rule: rule.name, lift: index))
            }
        }
        for index in tracks.indices {
            for signal in Signal.allCases where signal.isFromSite {
                align(index, signal, isToldOfSite(index, signal), at: time ?? tracks[index].memory.time)
            }
            tracks[index].hasRescuers = tracks[index].ledger.hasRescuers
            align(index, .rescuersArrived, tracks[index].hasRescuers, at: time ?? tracks[index].memory.time)
        }
    }

    /// What other lifts say about the site when a lift is registered.
    var saidOfSite: Set<Signal> { Set(siteSignals.map(\.signal)) }
}

/// An open alert of one lift that is a signal of all others (`tells_site`).
struct SiteSignalSource: Hashable, Sendable {
    var signal: Signal
    var rule: String
    var lift: Int
}
