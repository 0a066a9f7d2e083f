import Elevator
import PositionedYAML

/// What befalls a share of a city's buildings at a time that the scenario names.
package struct ScheduledEvent: Sendable {
    enum What: String, CaseIterable, Sendable {
        /// The mains of a building are gone for a while.
        case powerCut = "power_cut"
        /// The adapters of its lifts say nothing for a while, whatever the lifts do.
        case silence
        /// Each of its lifts breaks down at the next occasion.
        case breakdown
        /// The links between its lifts and the broker are away; what is said meanwhile comes in one burst.
        case linkOutage = "link_outage"
        /// The gateway's own connection to the broker is away.
        case gatewayAway = "gateway_away"
        /// The clocks of its lifts jump, each to a time of its own, and are set right afterwards.
        case clockJump = "clock_jump"
        case fireRecall = "fire_recall"
        case firefighter, earthquake
        /// Somebody works on each of its lifts, one after the other.
        case maintenance
        /// Its first lift writes another's name, and on another's topic.
        case liar
        /// Something on its network sends rubbish on its lifts' topics.
        case hostile
    }
    var what: What
    /// Seconds since the run's start, and how long.
    package var at: Double
    var duration: Double
    /// Of the buildings.
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
        guard let what = reader.choice("what", What.self) else {
            diagnostics.report(node, "expected 'what': \(What.allCases.map(\.rawValue).joined(separator: ", "))")
            return nil
        }
        self.what = what
        for (key, isThere, belongs) in [
            ("cause", name != nil, [.powerCut, .breakdown].contains(what)),
            ("loses", losesNode != nil, what == .gatewayAway),
        ] where isThere && !belongs { diagnostics.report(node, "'\(key)' is no key of '\(what.rawValue)'") }
        if what == .gatewayAway, share < 1 {
            diagnostics.report(node, "one gateway hears all buildings: expected no 'share' with 'gateway_away'")
        }
        let usual = what == .powerCut ? causes.first { $0.effect == .mainsFail } : nil
        cause = name.map { name in causes.first { $0.name == name } } ?? usual
        if [.powerCut, .breakdown].contains(what), cause == nil {
            let found = name.map { "no cause is named '\($0)'." + suggestion(for: $0, among: causes.map(\.name)) }
            diagnostics.report(node, found ?? "'breakdown' needs a 'cause', such as \(causes.first?.name ?? "")")
        } else if what == .powerCut, let cause, cause.effect != .mainsFail {
            diagnostics.report(node, "'\(cause.name)' does not take the mains")
        }
    }
}

extension Building {
    /// Puts on the agenda what the scenario has for this building.
    func schedule(_ events: [ScheduledEvent], _ random: inout Random) {
        for event in events where random.chance(event.share) {
            after(event.at) { [unowned self] in
                switch event.what {
                case .powerCut: if let cause = event.cause { loseMains(cause, for: event.duration) }
                case .breakdown: if let cause = event.cause { for lift in lifts { lift.arm(cause) } }
                case .linkOutage: cutLinks(for: event.duration)
                case .gatewayAway: loseGateway(for: event.duration, losing: event.loses)
                case .clockJump: for lift in lifts { lift.loseClock(for: event.duration) }
                case .fireRecall: for lift in lifts { lift.enter(.fireRecall, for: event.duration) }
                case .firefighter: for lift in lifts { lift.enter(.firefighter, for: event.duration) }
                case .earthquake: for lift in lifts { lift.enter(.earthquake, for: event.duration) }
                case .maintenance:
                    for (place, lift) in lifts.enumerated() {
                        lift.later(event.duration * Double(place) / Double(lifts.count)) { $0.begin(.inspection) }
                    }
                case .liar: lie(until: now + event.duration)
                case .hostile: rant(until: now + event.duration)
                case .silence:
                    for lift in lifts {
                        lift.fallSilent()
                        lift.later(event.duration) { $0.speakAgain() }
                    }
                }
            }
        }
    }
}
