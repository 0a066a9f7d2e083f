import Elevator
import Trace

/// What the broker does while the gateway is away.
struct Broker {
    enum Loss: String, CaseIterable, Sendable {
        /// It keeps every word for the gateway's session.
        case nothing
        /// It has forgotten the session, and has the last state and birth of each lift.
        case session
        /// It was itself without power, and has nothing.
        case everything
    }
    /// Nobody ever goes away: nothing has to be kept.
    private let isNeeded: Bool
    /// Seconds since the run's start.
    private var awayUntil: Double?
    private var loss = Loss.nothing
    /// Words that it has forgotten.
    private(set) var lost = 0
    private var waiting: [Word] = []
    /// By lift and channel.
    private var retained: [Int: Word] = [:]

    init(isNeeded: Bool) { self.isNeeded = isNeeded }

    mutating func lose(until end: Double, losing loss: Loss) {
        awayUntil = max(awayUntil ?? end, end)
        self.loss = loss
    }

    /// - Returns: whether the gateway is away, and hears of it later, or never.
    mutating func takes(_ word: Word) -> Bool {
        guard isNeeded else { return false }
        if word.channel.isRetained { retained[word.lift << 2 | Int(word.channel.rawValue)] = word }
        if awayUntil != nil { if loss == .nothing { waiting.append(word) } else { lost += 1 } }
        return awayUntil != nil
    }

    func isDue(at time: Double) -> Bool { awayUntil.map { $0 <= time } ?? false }

    /// The gateway is back. What is retained it is told only where its session is new (MQTT 5, retain handling 1).
    mutating func give() -> (words: [Word], areRetained: Bool) {
        if loss == .everything { retained = [:] }
        defer { (awayUntil, waiting) = (nil, []) }
        return loss == .nothing ? (waiting, false) : (retained.sorted { $0.key < $1.key }.map(\.value), true)
    }
}

/// What happens to the connection of a scenario's gateway, in the order of time.
package struct ConnectionStory {
    /// After a connect it takes so long until what waited has been read, seconds.
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

    /// - Parameter time: seconds since the run's start; what arrives at this time has not been told of yet.
    package mutating func next(before time: Double) -> (event: ConnectionEvent, time: Double)? {
        guard let next = rest.last, next.time < time || next.time == time && next.event != .drained else { return nil }
        return rest.removeLast()
    }
}

extension Scenario {
    /// When its gateway is away, in order and apart; seconds since the run's start.
    package var gatewayOutages: [ClosedRange<Double>] {
        var outages: [ClosedRange<Double>] = []
        for event in events.filter({ $0.what == .gatewayAway }).sorted(by: { $0.at < $1.at }) {
            let end = event.at + event.duration
            if let last = outages.last, event.at <= last.upperBound {
                outages[outages.count - 1] = last.lowerBound...max(last.upperBound, end)
            } else {
                outages.append(event.at...end)
            }
        }
        return outages
    }

    /// As a live run takes it: there the gateway is a real one.
    package var withoutItsGateway: Scenario {
        var scenario = self
        scenario.events.removeAll { $0.what == .gatewayAway }
        return scenario
    }
}
