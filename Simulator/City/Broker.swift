import LiftModel
import Trace

/// The building's broker while the gateway is disconnected.
struct Broker {
    enum Loss: String, CaseIterable, Sendable {
        /// The broker queues every message for the gateway's session.
        case nothing
        /// The broker has lost the session. It still has the retained state and birth of each lift.
        case session
        /// The broker itself had no power and has lost everything.
        case everything
    }
    /// False where no gateway ever disconnects: nothing has to be stored.
    private let isNeeded: Bool
    /// Seconds since the run's start; nil while the gateway is connected.
    private var gatewayAwayUntil: Double?
    private var loss = Loss.nothing
    /// The number of reports that it has lost.
    private(set) var lost = 0
    private var waiting: [Report] = []
    /// By lift and channel.
    private var retained: [Int: Report] = [:]

    init(isNeeded: Bool) { self.isNeeded = isNeeded }

    mutating func disconnect(until end: Double, losing loss: Loss) {
        gatewayAwayUntil = max(gatewayAwayUntil ?? end, end)
        self.loss = loss
    }

    /// - Returns: whether the gateway is disconnected: it gets the report later, or never.
    mutating func queues(_ report: Report) -> Bool {
        guard isNeeded else { return false }
        if report.channel.isRetained {
            retained[report.lift << 2 | Int(report.channel.rawValue)] = report
        }
        if gatewayAwayUntil != nil {
            if loss == .nothing { waiting.append(report) } else { lost += 1 }
        }
        return gatewayAwayUntil != nil
    }

    func isDue(at time: Double) -> Bool { gatewayAwayUntil.map { $0 <= time } ?? false }

    /// The gateway is back. The broker sends retained messages only where the session is new (MQTT
    /// 5, retain handling 1).
    mutating func reconnect() -> (reports: [Report], areRetained: Bool) {
        if loss == .everything { retained = [:] }
        defer { (gatewayAwayUntil, waiting) = (nil, []) }
        return loss == .nothing
            ? (waiting, false) : (retained.sorted { $0.key < $1.key }.map(\.value), true)
    }
}

/// The connection events of a scenario's gateway, in the order of time.
package struct ConnectionSchedule {
    /// Seconds after a connect until the backlog has been read.
    private static let reading = 0.5
    private var rest: [(event: ConnectionEvent, time: Double)] = []

    package init(_ scenario: Scenario) {
        for outage in scenario.gatewayOutages {
            rest.append((.disconnected, outage.lowerBound))
            rest.append((.connected, outage.upperBound))
            rest.append((.drained, outage.upperBound + Self.reading))
        }
        rest.reverse()
    }

    /// - Parameter time: seconds since the run's start; an arrival at this time is not reported
    ///   yet.
    package mutating func next(before time: Double) -> (event: ConnectionEvent, time: Double)? {
        guard let next = rest.last, next.time < time || next.time == time && next.event != .drained
        else { return nil }
        return rest.removeLast()
    }
}

extension Scenario {
    /// The times in which the gateway is disconnected, ordered and disjoint; seconds since the
    /// run's start.
    package var gatewayOutages: [ClosedRange<Double>] {
        var outages: [ClosedRange<Double>] = []
        for event in events.filter({ $0.kind == .gatewayAway }).sorted(by: { $0.at < $1.at }) {
            let end = event.at + event.duration
            if let last = outages.last, event.at <= last.upperBound {
                outages[outages.count - 1] = last.lowerBound...max(last.upperBound, end)
            } else {
                outages.append(event.at...end)
            }
        }
        return outages
    }

    /// The scenario for a live run, in which the gateway is a real one.
    package var withoutItsGateway: Scenario {
        var scenario = self
        scenario.events.removeAll { $0.kind == .gatewayAway }
        return scenario
    }
}
