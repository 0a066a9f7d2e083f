import City
import Elevator
import Gateway
import Scoring

/// A simulated building with a gateway of its own, as in life, in one process and without a wire: what the lifts say goes into
/// the same `Intake` that the daemon has.
struct JudgedSite {
    /// Seconds later than its holds that a verdict may come: the lateness that the network is allowed.
    static let grace = 2.0

    private let building: Building
    private let holds: [String: Double]
    private let scenario: Scenario
    private var intake: Intake

    /// - Parameter holds: what the verdicts are held to, seconds by kind.
    init(_ plan: BuildingPlan, _ scenario: Scenario, seed: UInt64, data: DeviceData, holds: [String: Double]) throws {
        self.scenario = scenario
        self.holds = holds
        building = Building(plan, scenario, seed: seed)
        let start = Instant(seconds: scenario.startSeconds)
        intake = Intake(data: data, admission: .registered, start: start, isListening: true)
        for lift in building.lifts {
            try intake.register(Lift(id: lift.id), profile: lift.profile, at: start)
        }
    }

    struct Outcome: Sendable, Codable {
        var messages = 0
        var refused = 0
        var card = ScoreCard()

        static func += (a: inout Outcome, b: Outcome) {
            a.messages += b.messages
            a.refused += b.refused
            a.card += b.card
        }
    }

    /// Lets it live to the end of the scenario, and holds what the gateway said to what happened.
    consuming func run() -> Outcome {
        var outcome = Outcome()
        var words: [AlertWord] = []
        let start = scenario.startSeconds
        var now = 0.0
        var connection = ConnectionStory(scenario)
        func advance(to time: Double) {
            intake.advance(to: Instant(seconds: start + time)) { words.append(AlertWord($0, said: $1.seconds)) }
        }
        func listen(at time: Double) { words += intake.takeAlerts().map { AlertWord($0, said: start + time) } }
        func follow(before time: Double) {
            while let (event, at) = connection.next(before: time) {
                advance(to: at)
                intake.follow(.connection(event), at: Instant(seconds: start + at))
                listen(at: at)
            }
        }
        while now < scenario.duration {
            now = min(scenario.duration, now + 600)
            building.advance(to: now) { time, lift, channel, payload, isRetained in
                outcome.messages += 1
                follow(before: time)
                advance(to: time)
                intake.take(
                    topic: building.topic(lift: lift, channel).span, payload: payload.span,
                    isRetained: isRetained, arrival: Instant(seconds: start + time))
                listen(at: time)
            }
        }
        follow(before: scenario.duration)
        advance(to: scenario.duration)
        outcome.refused = intake.badInput.refused
        outcome.card = ScoreCard(truth: TruthRow.of([building]), alerts: words, grace: Self.grace, holds: holds)
        return outcome
    }

    /// Lets it live and hands its words to nobody.
    static func generate(_ plan: BuildingPlan, _ scenario: Scenario, seed: UInt64) -> Outcome {
        var outcome = Outcome()
        Building(plan, scenario, seed: seed).advance(to: scenario.duration) { _, _, _, _, _ in outcome.messages += 1 }
        return outcome
    }
}
