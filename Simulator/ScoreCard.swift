import City
import Elevator
import Encoding

/// A fact, as read back from a truth file.
struct Fact: Decodable {
    var kind: String
    var lift: String
    var start: Double
    /// nil: nothing that arrived ever showed it.
    var decidable: Double?
    var end: Double
    var place: String?
}

/// The part of an alert's CloudEvent that a score needs.
struct ScoredAlert: Decodable {
    struct Body: Decodable {
        struct Rule: Decodable {
            var holdS: Double
            var confirmationHoldS: Double?
        }
        var alertId: String
        var revision: Int
        var kind: String
        var state: String
        var eventS: Double
        var rule: Rule
    }
    var id: String
    var type: String
    var subject: String
    var data: Body
}

/// One kind of event: what happened, and what was made of it.
struct KindScore {
    var happened = 0
    var detected = 0
    var missed = 0
    var falseAlarms = 0
    var suspectedOnly = 0
    var cautious = 0
    /// Over before the rule's holds had passed: nothing had to be told.
    var brief = 0
    /// Silent controllers while several lifts had lost their power: the area's incident tells of them.
    var explained = 0
    /// Nothing that arrived showed them, and they were not guessed either.
    var unknowable = 0
    var delays: [Double] = []

    func delay(_ share: Double) -> Double? {
        guard !delays.isEmpty else { return nil }
        return delays.sorted()[min(delays.count - 1, Int((Double(delays.count) * share).rounded(.up)) - 1)]
    }
}

/// The comparison of a run's alerts with its truth.
struct ScoreCard {
    /// How much later than its holds a verdict may come: the network's delay, and the lateness.
    private let grace: Double

    private(set) var kinds: [(name: String, score: KindScore)] = []
    /// Entrapments on lifts whose occupancy sensor is stuck.
    private(set) var stuck = KindScore()
    private(set) var received = 0
    private(set) var unique = 0
    /// Revisions that never arrived although a later one did.
    private(set) var lost = 0

    /// Alerts of kinds that the truth is silent about: service modes, codes as the controller wrote them.
    private(set) var beyondTruth = 0

    /// Kinds that the simulated physics decides, whether they happened or not.
    private static let physicalKinds: Set = [
        "car_alarm_call", "controller_silent", "door_close_fault", "door_open_fault", "overspeed", "power_loss",
        "unintended_movement", "over_top", "under_bottom",
    ]

    /// What the truth tells beside events that an alert is owed for.
    private static let circumstances: Set = [
        "run", "breakdown", "stuck_unknown", "silent_in_use", "silent_in_power_cut",
    ]

    /// One alert with all its revisions.
    private struct Story {
        var lift: String
        var kind: String
        var states: [String: Double] = [:]
        var revisions: Set<Int> = []
        var holds: Double
        /// Each time it was said in earnest: an alert that was over and goes on says so again.
        var told: [Double] = []
        /// When it was first said in earnest.
        func toldAt(_ staged: Bool) -> Double? {
            staged ? states["confirmed"] : states["raised"] ?? states["confirmed"]
        }
    }

    init(truth: [Fact], alerts: [ScoredAlert], grace: Double) {
        self.grace = grace
        var seen: Set<String> = []
        var stories: [String: Story] = [:]
        for alert in alerts where alert.type == "org.hoistway.alert.v1" && alert.data.state != "suppressed" {
            received += 1
            guard seen.insert(alert.id).inserted else { continue }
            unique += 1
            let rule = alert.data.rule
            var story =
                stories[alert.data.alertId]
                ?? Story(
                    lift: alert.subject, kind: alert.data.kind, holds: rule.holdS + (rule.confirmationHoldS ?? 0))
            if ["raised", "confirmed"].contains(alert.data.state) { story.told.append(alert.data.eventS) }
            story.states[alert.data.state] = min(story.states[alert.data.state] ?? .infinity, alert.data.eventS)
            story.revisions.insert(alert.data.revision)
            stories[alert.data.alertId] = story
        }
        lost = stories.values.reduce(0) { $0 + min($1.revisions.max() ?? 0, 1_000_000) - $1.revisions.count }
        let runEnd = truth.first { $0.kind == "run" }?.end ?? .infinity
        let stuckLifts = Set(truth.filter { $0.kind == "occupancy_sensor_stuck" }.map(\.lift))
        let all = Array(stories.values)
        let entrapments = truth.filter { $0.kind == "entrapment" }
        // An empty car that really is stuck and may hold people for all one knows; a lift in use whose adapter fell silent.
        let cautious = truth.filter { $0.kind == "stuck_unknown" || $0.kind == "silent_in_use" }
        let told = all.filter { $0.kind.hasPrefix("entrapment") }
        func judge(_ isStuck: Bool) -> KindScore {
            Self.judge(
                entrapments.filter { stuckLifts.contains($0.lift) == isStuck },
                told.filter { stuckLifts.contains($0.lift) == isStuck }, excusing: cautious, staged: true,
                runEnd: runEnd, grace: grace)
        }
        kinds = [("entrapment", judge(false))]
        stuck = judge(true)
        let others = Set(truth.map(\.kind)).union(Self.physicalKinds).filter {
            !$0.hasPrefix("entrapment") && !$0.hasPrefix("occupancy_sensor") && !$0.hasPrefix("nuisance.")
                && !Self.circumstances.contains($0)
        }
        beyondTruth = all.count { !$0.kind.hasPrefix("entrapment") && !others.contains($0.kind) }
        // A power cut that other lifts tell of explains a silence; one that nobody tells of does not.
        let powerLosses = truth.filter { $0.kind == "power_loss" }
        let inPowerCut = truth.filter { $0.kind == "silent_in_power_cut" }
        for kind in others.sorted() {
            let score = Self.judge(
                truth.filter { $0.kind == kind }, all.filter { $0.kind == kind },
                excusing: kind == "controller_silent" ? inPowerCut : [],
                explaining: kind == "controller_silent" ? powerLosses : [], staged: false,
                runEnd: runEnd, grace: grace)
            kinds.append((kind, score))
        }
    }

    private static func judge(
        _ facts: [Fact], _ stories: [Story], excusing: [Fact], explaining: [Fact] = [], staged: Bool, runEnd: Double,
        grace: Double
    ) -> KindScore {
        var score = KindScore()
        let byLift = Dictionary(grouping: stories, by: \.lift)
        let longest = stories.map(\.holds).max() ?? 0
        for fact in facts {
            score.happened += 1
            // What the rule for this kind of event waits; another branch (the button) may be quicker.
            let own = stories.filter { $0.kind == fact.kind + "." + (fact.place ?? "") }.map(\.holds).max()
            let holds = own ?? longest
            let candidates = byLift[fact.lift] ?? []
            let end = min(fact.end, runEnd)
            let latest = fact.decidable.map { $0 + holds + grace } ?? end
            let told = candidates.flatMap { staged ? [$0.toldAt(staged)].compactMap(\.self) : $0.told }
            if let time = told.filter({ $0 >= fact.start - grace && $0 <= latest }).min() {
                score.detected += 1
                score.delays.append(max(0, time - fact.start))
            } else if end < max(fact.start + holds + grace, fact.decidable == nil ? 0 : latest) {
                score.brief += 1
            } else if fact.decidable == nil {
                score.unknowable += 1
            } else if explaining.count(where: { $0.start <= latest && $0.end >= fact.start }) >= 2 {
                score.explained += 1
            } else {
                score.missed += 1
                if candidates.contains(where: {
                    $0.states["suspected"].map { $0 >= fact.start - grace && $0 <= fact.end } ?? false
                }) {
                    score.suspectedOnly += 1
                }
            }
        }
        for story in stories {
            // After the run's end every lift is silent in the middle of whatever it did, and the truth says nothing of that.
            guard let time = story.toldAt(staged), time <= runEnd else { continue }
            func covers(_ fact: Fact) -> Bool {
                fact.lift == story.lift && time >= fact.start - grace && time <= fact.end + grace
            }
            if facts.contains(where: covers) { continue }
            if excusing.contains(where: covers) { score.cautious += 1 } else { score.falseAlarms += 1 }
        }
        return score
    }

    /// Nobody missed, nothing lost, nobody alarmed for nothing.
    var isGood: Bool {
        guard let entrapment = kinds.first?.score else { return false }
        return entrapment.missed == 0 && entrapment.falseAlarms == 0 && lost == 0
    }

    var table: String {
        var text = row([
            "KIND", "HAPPENED", "DETECTED", "MISSED", "FALSE", "CAUTIOUS", "BRIEF", "EXPLAINED", "UNKNOWN", "P50",
            "P99", "WORST",
        ])
        for (name, score) in kinds { text += "\n" + row(name, score) }
        if stuck.happened > 0 || stuck.falseAlarms > 0 { text += "\n" + row("(stuck sensors)", stuck) }
        if beyondTruth > 0 { text += "\n\(beyondTruth) alerts of kinds that the truth does not speak of" }
        text += "\n\(unique) alert revisions, \(received - unique) received twice and counted once, \(lost) lost"
        return text
    }

    private func row(_ name: String, _ score: KindScore) -> String {
        func seconds(_ share: Double) -> String {
            score.delay(share).map { $0.isFinite ? "\($0.rounded(toDecimals: 1)) s" : "" } ?? "-"
        }
        return row([
            name, "\(score.happened)", "\(score.detected)", "\(score.missed)", "\(score.falseAlarms)",
            "\(score.cautious)",
            "\(score.brief)", "\(score.explained)", "\(score.unknowable)", seconds(0.5), seconds(0.99), seconds(1),
        ])
    }

    private func row(_ cells: [String]) -> String {
        cells.enumerated().map { index, cell in
            let width = index == 0 ? 22 : 10
            let padding = String(repeating: " ", count: max(1, width - cell.count))
            return index == 0 ? cell + padding : padding + cell
        }.joined()
    }

    /// One line of a Markdown table: the entrapments, those on stuck sensors, and all other kinds together.
    func row(named name: String) -> String {
        let entrapment = kinds.first?.score ?? KindScore()
        func seconds(_ share: Double) -> String {
            entrapment.delay(share).map { "\($0.rounded(toDecimals: 1)) s" } ?? "-"
        }
        var rest = KindScore()
        for (_, score) in kinds.dropFirst() {
            rest.happened += score.happened
            rest.detected += score.detected
            rest.missed += score.missed
            rest.falseAlarms += score.falseAlarms
        }
        return
            "| \(name) | \(entrapment.happened) | \(entrapment.detected) | \(entrapment.missed) | \(entrapment.falseAlarms) "
            + "| \(entrapment.cautious) | \(seconds(0.5)) | \(seconds(1)) "
            + "| \(stuck.happened) / \(stuck.detected) / \(stuck.falseAlarms) "
            + "| \(rest.happened) / \(rest.detected) / \(rest.missed) / \(rest.falseAlarms) |"
    }

    var json: String {
        func put(_ name: String, _ score: KindScore, _ json: inout JSONWriter) {
            json.object(name) {
                $0.put("happened", score.happened)
                $0.put("detected", score.detected)
                $0.put("missed", score.missed)
                $0.put("false", score.falseAlarms)
                $0.put("suspected_only", score.suspectedOnly)
                $0.put("cautious", score.cautious)
                $0.put("brief", score.brief)
                $0.put("explained", score.explained)
                $0.put("unknowable", score.unknowable)
                $0.object("delay") { delay in
                    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1)] {
                        if let value = score.delay(share) {
                            delay.put(name, value.rounded(toDecimals: 3))
                        } else {
                            delay.null(name)
                        }
                    }
                }
            }
        }
        var json = JSONWriter()
        json.object {
            $0.object("kinds") { object in for (name, score) in kinds { put(name, score, &object) } }
            $0.object("stuck_sensors") { put("entrapment", stuck, &$0) }
            $0.put("revisions", unique)
            $0.put("received_twice", received - unique)
            $0.put("lost", lost)
        }
        return json.text
    }
}
