/// The success and failure of a route's requests to an HTTPS centre, by their content. A success of
/// the site's state does not end the failure of events: a centre may accept the one and not the
/// others at the same URL.
package struct RouteHealth {
    /// A kind of request; each has at most one in flight.
    package enum Slot: CaseIterable {
        case urgent, bulk, state
    }

    /// The slots whose last request with events failed.
    private var failing: Set<Slot> = []
    /// A remark on the last response to events (true), and on the one to other requests (false);
    /// whole sentences.
    private var remarks: [Bool: String] = [:]

    package init() {}

    /// - Parameters:
    ///   - hasEvents: whether the request had events.
    ///   - idle: the slots without an event in flight or to be sent again: another route has
    ///     delivered the events that had failed.
    /// - Returns: whether no slot is failing.
    package mutating func succeeded(_ slot: Slot, hasEvents: Bool, idle: Set<Slot>) -> Bool {
        failing.subtract(idle)
        if hasEvents { failing.remove(slot) }
        return failing.isEmpty
    }

    package mutating func failed(_ slot: Slot, hasEvents: Bool) {
        if hasEvents { failing.insert(slot) }
    }

    package var hasFailingEvents: Bool { !failing.isEmpty }

    /// Records a remark on a response, or that there is none.
    /// - Returns: whether the remark is new, and is to be logged.
    package mutating func note(_ remark: String?, hasEvents: Bool) -> Bool {
        let isNew = remark != nil && !remarks.values.contains { $0 == remark }
        remarks[hasEvents] = remark
        return isNew
    }

    /// The remark on the last response to events, which makes its receipts doubtful.
    package var remarkOnEvents: String? { remarks[true] }

    /// The remarks, each once, that on events first.
    package var problems: [String] {
        let all = [remarks[true], remarks[false]].compactMap { $0 }
        return all.first == all.last ? Array(all.prefix(1)) : all
    }
}
