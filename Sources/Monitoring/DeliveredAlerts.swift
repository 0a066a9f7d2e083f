import LiftModel

/// Alerts of a lift that the centre has and a restart did not find, because the rules or the list
/// of lifts have changed. A later alert with the same id continues at the next revision.
struct DeliveredAlerts: Sendable, Equatable {
    struct Delivered: Sendable, Equatable {
        var id: String
        /// The last revision that the centre has.
        var revision: Int
        /// The time of that revision.
        var time: Int64
    }
    /// The newest last.
    private(set) var all: [Delivered] = []
    private static let most = 64
    /// No hold is longer, so that no rule finds an alert later.
    static let longestHold = Duration.seconds(2 * 3600)

    var isEmpty: Bool { all.isEmpty }

    mutating func remember(_ alert: Delivered) {
        all.removeAll { $0.id == alert.id }
        all.append(alert)
        if all.count > Self.most { all.removeFirst() }
    }

    /// The last revision that the centre has of an alert that is found now; 0 for a new alert.
    mutating func take(_ id: String) -> Int {
        guard let index = all.firstIndex(where: { $0.id == id }) else { return 0 }
        return all.remove(at: index).revision
    }

    mutating func removeOld(before time: Int64) {
        if !all.isEmpty { all.removeAll { $0.time < time - Self.longestHold.nanoseconds } }
    }
}
