import City
import Gateway
import GatewayCore
import LiftModel
import Monitoring
import Scoring

/// The centre's answer to a suspicion.
enum CentreHabit: String, CaseIterable, Sendable {
    /// No answer.
    case silent
    /// A person looks at it and accepts it, without knowing who is in the car.
    case accepts
    /// The same, with a gateway that takes an acceptance as a person's statement that people are in
    /// the car.
    case acceptsAsVerified = "accepts_as_verified"
}

extension CentreHabit {
    func action(_ alert: String) -> OperatorAction {
        switch self {
        case .silent, .accepts: .accepted(alert: alert, by: "bench")
        case .acceptsAsVerified: .verified(alert: alert, Statement(by: "bench"))
        }
    }
}

/// What the centre has received, and its answers. Times are seconds since the run's start.
private struct Desk {
    private let habit: CentreHabit
    /// The run's start, seconds since 1970.
    private let start: Double
    private(set) var revisions: [AlertRevision] = []
    private var answers: [(time: Double, alert: String)] = []
    private var answered = 0
    /// Seconds from a suspicion to its answer.
    private static let delay = 20.0

    init(_ habit: CentreHabit, start: Double) {
        self.habit = habit
        self.start = start
    }

    mutating func take(_ revision: AlertRevision) {
        revisions.append(revision)
        let isAnswered =
            habit != .silent && revision.kind == "entrapment" && revision.state == "suspected"
        if isAnswered { answers.append((revision.recorded - start + Self.delay, revision.alertID)) }
    }

    /// - Returns: nil where none is due.
    mutating func nextAnswer(upTo time: Double) -> (at: Double, action: OperatorAction)? {
        guard answered < answers.count, answers[answered].time <= time else { return nil }
        defer { answered += 1 }
        return (answers[answered].time, habit.action(answers[answered].alert))
    }
}

/// A simulated building with a gateway of its own, in one process and without a network: the lifts'
/// messages go into the same `Intake` that the daemon has.
struct JudgedSite {
    /// Seconds later than its holds that an alert may come: the lateness that the network is
    /// allowed.
    static let grace = EntrapmentHolds.lateness

    private let building: Building
    private let holds: [String: Double]
    private let scenario: Scenario
    private var intake: Intake
    private let centre: CentreHabit

    /// - Parameter holds: the holds by which the alerts are judged, seconds by kind.
    init(
        _ plan: BuildingPlan, _ scenario: Scenario, seed: UInt64, data: DeviceData,
        holds: [String: Double],
        centre: CentreHabit
    ) throws {
        self.centre = centre
        self.scenario = scenario
        self.holds = holds
        building = Building(plan, scenario, seed: seed)
        let start = Instant(seconds: scenario.startSeconds)
        intake = Intake(data: data, admission: .registered, start: start, isObserving: true)
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

        /// The outcome for a file of text: the first findings of each verdict only.
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

    /// Simulates to the end of the scenario, and compares the gateway's alerts with the truth.
    consuming func run() -> Outcome {
        var outcome = Outcome()
        let start = scenario.startSeconds
        var now = 0.0
        var connection = ConnectionSchedule(scenario)
        // A variable of its own: the closures change it while the intake of this value changes.
        var desk = Desk(centre, start: start)
        func advanceAlone(to time: Double) {
            intake.advance(to: Instant(seconds: start + time)) {
                desk.take(AlertRevision($0, recorded: $1.seconds))
            }
        }
        func takeAlerts(at time: Double) {
            for alert in intake.takeAlerts() {
                desk.take(AlertRevision(alert, recorded: start + time))
            }
        }
        func advance(to time: Double) {
            while let (at, action) = desk.nextAnswer(upTo: time) {
                advanceAlone(to: at)
                // An alert that has ended meanwhile is not accepted.
                do { try intake.apply(action, at: Instant(seconds: start + at)) } catch {}
                takeAlerts(at: at)
            }
            advanceAlone(to: time)
        }
        func follow(before time: Double) {
            while let (event, at) = connection.next(before: time) {
                advance(to: at)
                intake.apply(.connection(event), at: Instant(seconds: start + at))
                takeAlerts(at: at)
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
                takeAlerts(at: time)
            }
        }
        follow(before: scenario.duration)
        advance(to: scenario.duration)
        outcome.refused = intake.badInput.refused
        outcome.card = ScoreCard(
            truth: TruthRow.of([building]), alerts: desk.revisions, grace: Self.grace, holds: holds)
        return outcome
    }

    /// Simulates without a gateway.
    static func generate(_ plan: BuildingPlan, _ scenario: Scenario, seed: UInt64) -> Outcome {
        var outcome = Outcome()
        Building(plan, scenario, seed: seed).advance(to: scenario.duration) { _, _, _, _, _ in
            outcome.messages += 1
        }
        return outcome
    }
}
