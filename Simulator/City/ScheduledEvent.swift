import LiftModel
import PositionedYAML

/// An event that happens to a share of the city's buildings at a time that the scenario names.
package struct ScheduledEvent: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        /// A building loses its mains for a while.
        case powerCut = "power_cut"
        /// The adapters of its lifts publish nothing for a while.
        case silence
        /// Each of its lifts breaks down at the next occasion.
        case breakdown
        /// The links between its lifts and the broker fail; the reports arrive in one burst
        /// afterwards.
        case linkOutage = "link_outage"
        /// The gateway's own connection to the broker fails.
        case gatewayAway = "gateway_away"
        /// The clocks of its lifts jump, each to a time of its own, and are set right afterwards.
        case clockJump = "clock_jump"
        case fireRecall = "fire_recall"
        case firefighter, earthquake
        /// A fitter inspects each of its lifts, one after the other.
        case maintenance
        /// Its first lift publishes in another lift's name and on another lift's topic.
        case liar
        /// A device on its network publishes rubbish on its lifts' topics.
        case hostile
    }
    var kind: Kind
    /// Seconds since the run's start, and how long.
    package var at: Double
    var duration: Double
    /// The share of the buildings.
    var share: Double
    var cause: Cause?
    /// What the broker has lost when the gateway is back.
    var loses: Broker.Loss

    init?(_ node: YAMLNode, _ causes: [Cause], _ diagnostics: Diagnostics) {
        var reader = YAMLReader(node, diagnostics)
        defer { reader.finish() }
        at = reader.duration("at")?.inSeconds ?? 0
        duration = reader.longer("for") ?? 1200
        share = reader.share("share") ?? 1
        let losesNode = reader.optional("loses")
        loses = reader.choice("loses", Broker.Loss.self) ?? .nothing
        let name = reader.text("cause")
        guard let kind = reader.choice("what", Kind.self) else {
            diagnostics.report(
                node, "expected 'what': \(Kind.allCases.map(\.rawValue).joined(separator: ", "))")
            return nil
        }
        self.kind = kind
        for (key, isThere, belongs) in [
            ("cause", name != nil, [.powerCut, .breakdown].contains(kind)),
            ("loses", losesNode != nil, kind == .gatewayAway),
        ] where isThere && !belongs {
            diagnostics.report(node, "'\(key)' is no key of '\(kind.rawValue)'")
        }
        if kind == .gatewayAway, share < 1 {
            diagnostics.report(
                node, "one gateway serves all buildings: expected no 'share' with 'gateway_away'")
        }
        let usual = kind == .powerCut ? causes.first { $0.effect == .mainsFail } : nil
        cause = name.map { name in causes.first { $0.name == name } } ?? usual
        if [.powerCut, .breakdown].contains(kind), cause == nil {
            let found = name.map {
                "no cause is named '\($0)'." + suggestion(for: $0, among: causes.map(\.name))
            }
            diagnostics.report(
                node, found ?? "'breakdown' needs a 'cause', such as \(causes.first?.name ?? "")")
        } else if kind == .powerCut, let cause, cause.effect != .mainsFail {
            diagnostics.report(node, "'\(cause.name)' does not take the mains")
        }
    }
}

extension Building {
    /// Puts the scenario's events for this building on the agenda.
    func schedule(_ events: [ScheduledEvent], _ random: inout Random) {
        for event in events where random.chance(event.share) {
            after(event.at) { [unowned self] in
                switch event.kind {
                case .powerCut: if let cause = event.cause { loseMains(cause, for: event.duration) }
                case .breakdown:
                    if let cause = event.cause { for lift in lifts { lift.arm(cause) } }
                case .linkOutage: cutLinks(for: event.duration)
                case .gatewayAway: disconnectGateway(for: event.duration, losing: event.loses)
                case .clockJump: for lift in lifts { lift.loseClock(for: event.duration) }
                case .fireRecall: for lift in lifts { lift.enter(.fireRecall, for: event.duration) }
                case .firefighter:
                    for lift in lifts { lift.enter(.firefighter, for: event.duration) }
                case .earthquake: for lift in lifts { lift.enter(.earthquake, for: event.duration) }
                case .maintenance:
                    for (index, lift) in lifts.enumerated() {
                        lift.later(event.duration * Double(index) / Double(lifts.count)) {
                            $0.begin(.inspection, isPlanned: true)
                        }
                    }
                case .liar: lie(until: now + event.duration)
                case .hostile: rant(until: now + event.duration)
                case .silence:
                    for lift in lifts {
                        lift.stopReporting()
                        lift.later(event.duration) { $0.resumeReporting() }
                    }
                }
            }
        }
    }
}
