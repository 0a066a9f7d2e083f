import City
import Detection
import Elevator
import Gateway
import Scoring

/// What the people at the centre do with a suspicion.
enum CentreHabit: String, CaseIterable, Sendable {
    /// Nothing.
    case silent
    /// Somebody looks at it, and accepts it: that is a look, and no knowledge of who is inside.
    case accepts
    /// The same, at a gateway that takes an acceptance for somebody's word that people are inside.
    case acceptsAsVerified = "accepts_as_verified"
}

extension CentreHabit {
    func order(_ alert: String) -> Order {
        switch self {
        case .silent, .accepts: .accepted(alert: alert, by: "bench")
        case .acceptsAsVerified: .verified(alert: alert, Statement(by: "bench"))
        }
    }
}

/// A simulated building with a gateway of its own, as in life, in one process and without a wire: what the lifts say goes into
/// the same `Intake` that the daemon has.
struct JudgedSite {
    /// Seconds later than its holds that a verdict may come: the lateness that the network is allowed.
    static let grace = 2.0

    private let building: Building
    private let holds: [String: Double]
    private let scenario: Scenario
    private var intake: Intake
    private let centre: CentreHabit
    /// Seconds from a suspicion to its acceptance.
    private static let look = 20.0

    /// - Parameter holds: what the verdicts are held to, seconds by kind.
    init(
        _ plan: BuildingPlan, _ scenario: Scenario, seed: UInt64, data: DeviceData, holds: [String: Double],
        centre: CentreHabit
    ) throws {
        self.centre = centre
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

        /// As it is kept in a file of text: of what is wrong the first of each verdict.
        var abridged: Outcome {
            var outcome = self
            var seen: [Finding.Verdict: Int] = [:]
            outcome.card.findings = card.findings.filter {
                seen[$0.verdict, default: 0] += 1
                return $0.kind == "entrapment" && seen[$0.verdict, default: 0] <= 3
            }
            return outcome
        }
    }

    /// Lets it live to the end of the scenario, and holds what the gateway said to what happened.
    consuming func run() -> Outcome {
        var outcome = Outcome()
        var words: [AlertWord] = []
        let start = scenario.startSeconds
        var now = 0.0
        var connection = ConnectionStory(scenario)
        // A copy: the closures run while the intake of this value changes.
        let centre = centre
        var looks: [(time: Double, alert: String)] = []
        var looked = 0
        func hear(_ word: AlertWord) {
            words.append(word)
            let isAsked = centre != .silent && word.kind == "entrapment" && word.state == "suspected"
            if isAsked { looks.append((word.said - start + Self.look, word.alertID)) }
        }
        func advanceAlone(to time: Double) {
            intake.advance(to: Instant(seconds: start + time)) { hear(AlertWord($0, said: $1.seconds)) }
        }
        func listen(at time: Double) { for alert in intake.takeAlerts() { hear(AlertWord(alert, said: start + time)) } }
        func advance(to time: Double) {
            while looked < looks.count, looks[looked].time <= time {
                let (at, alert) = looks[looked]
                looked += 1
                advanceAlone(to: at)
                // What has ended meanwhile is not accepted any more.
                do { try intake.follow(centre.order(alert), at: Instant(seconds: start + at)) } catch {}
                listen(at: at)
            }
            advanceAlone(to: time)
        }
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
