import Connectivity
import Delivery
import LiftModel

/// The checks of the way to the centres.
extension Condition {
    struct Delivery {
        var routes: [DeliveryState.RouteStatus] = []
        /// Events that wait for a receipt, and the age of the oldest.
        var pendingEvents = 0
        var oldestPending: Duration?
        /// Those that no disk has.
        var inMemory = EventsInMemory()
        /// Events that a centre refused for good, and that no one has resent.
        var deadLetters = 0
    }

    /// A receipt that is outstanding for longer does not come by itself.
    private static let receiptWithin = Duration.seconds(60)

    var routesCheck: Check {
        var problems: [String] = []
        for route in delivery.routes {
            if !route.isConnected {
                problems.append(
                    "\(route.name) is down: \(route.lastError.isEmpty ? "not connected yet" : route.lastError)"
                )
            } else {
                problems += route.problems.map { "\(route.name): \($0)" }
            }
        }
        if problems.isEmpty {
            return .ok(.routes, "\(delivery.routes.count) of \(delivery.routes.count) connected")
        }
        // A line each.
        return .failed(.routes, problems.joined(separator: "\n"))
    }

    var receipts: Check {
        guard let lost = lostByARestart else { return storedReceipts }
        let stored = storedReceipts
        if stored.verdict == .unknown { return lost }
        return .failed(
            .receipts, delivery.pendingEvents > 0 ? "\(lost.found)\n\(stored.found)" : lost.found,
            [lost.advice, stored.advice].compactMap { $0 }.joined(separator: " "))
    }

    /// Events that wait in memory only, and do not leave at once.
    private var lostByARestart: Check? {
        let memory = delivery.inMemory
        guard memory.count > 0, let oldest = memory.oldest,
            !isAnyRouteConnected || oldest >= Self.receiptWithin
        else { return nil }
        return .failed(
            .receipts,
            "\(memory.count) event\(memory.count == 1 ? " waits" : "s wait") in memory only, the oldest for \(oldest.spanText)",
            "Do not restart the gateway or this box: these events would be lost. Do what the row about the disk says (make room), or restore the way to the centre."
        )
    }

    /// Whether alerts can leave by any route.
    var isAnyRouteConnected: Bool { delivery.routes.contains(where: \.isConnected) }

    private var storedReceipts: Check {
        if let unknown = unreadableJournal(.receipts) { return unknown }
        let events = delivery.pendingEvents
        guard let oldest = delivery.oldestPending, events > 0 else {
            return .ok(.receipts, "none is outstanding")
        }
        let found =
            "\(events) event\(events == 1 ? " waits" : "s wait") for a receipt, the oldest for \(oldest.spanText)"
        if oldest < Self.receiptWithin { return .ok(.receipts, found) }
        var advice = lostByARestart == nil ? ["Nothing is lost."] : []
        // Where a route is down, that is the problem to mend.
        if delivery.routes.allSatisfy(\.isConnected) {
            let topics = Set(delivery.routes.compactMap(\.receiptTopic)).sorted()
            if !topics.isEmpty {
                advice.append(
                    "The centre must say on \(topics.joined(separator: ", ")) that it has stored each event (docs/contract); a PUBACK of its broker does not. If it does, look whether the access list of its broker lets our user read there: a broker may grant the subscription and then bring nothing."
                )
            }
            if delivery.routes.contains(where: { $0.receiptTopic == nil }) {
                advice.append(
                    "The centre must answer each request with a 2xx when it has stored the events (docs/contract)."
                )
            }
        }
        return .failed(.receipts, found, advice.joined(separator: " "))
    }

    var refusals: Check {
        if let unknown = unreadableJournal(.refusals) { return unknown }
        if delivery.deadLetters == 0 { return .ok(.refusals, "none") }
        return .failed(
            .refusals,
            "the centre refused \(delivery.deadLetters) event\(delivery.deadLetters == 1 ? "" : "s") for good",
            "hoistway journal refused shows them with the centre's reasons.")
    }
}
