import City

/// What is known of an entrapment that may decide whether it is found.
package struct Stratum: Hashable, Sendable, Codable {
    package var cause: String
    /// `OccupancySensor.quality`.
    package var sensor: String
    package var network: String
    /// off_level, at_level or silence.
    package var place: String
}

/// The comparison of alerts with the truth. Cards of different buildings, or of different runs, add up.
package struct ScoreCard: Sendable, Codable {
    /// By kind; entrapments are one kind, whatever rule told of them.
    package private(set) var kinds: [String: KindScore] = ["entrapment": KindScore()]
    /// Entrapments on lifts whose occupancy sensor is stuck; in `kinds` are the others.
    package private(set) var stuck = KindScore()
    /// Entrapments alone, also those on stuck sensors. What is false has neither cause nor place.
    package private(set) var strata: [Stratum: KindScore] = [:]
    package private(set) var nuisances: [String: Int] = [:]
    /// Alerts that were raised or confirmed, by kind, right or wrong.
    package private(set) var told: [String: Int] = [:]
    /// Breakdowns by cause, and how many of them held somebody in the car.
    package private(set) var breakdowns: [String: Int] = [:]
    package private(set) var received = 0
    package private(set) var unique = 0
    /// Revisions that never arrived although a later one did.
    package private(set) var lost = 0
    /// Alerts of kinds that the truth is silent about: service modes, codes as the controller wrote them.
    package private(set) var beyondTruth = 0
    package private(set) var liftYears = 0.0
    /// What is wrong, case by case: all that is missed or false, and of the rest the first ten thousand.
    package var findings: [Finding] = []

    package var entrapment: KindScore { kinds["entrapment"] ?? KindScore() }

    /// Kinds that the simulated physics decides, whether they happened or not.
    private static let physicalKinds: Set = [
        "car_alarm_call", "controller_silent", "door_close_fault", "door_open_fault", "overspeed", "power_loss",
        "unintended_movement", "over_top", "under_bottom",
    ]

    /// What the truth tells beside events that an alert is owed for.
    private static let circumstances: Set = [
        "run", "lift", "gateway_away", "breakdown", "stuck_unknown", "silent_in_use", "silent_in_power_cut",
        "link_away",
    ]

    /// `OccupancySensor.quality` of those that do not tell the truth.
    private static let erringSensors: Set = ["lagging", "stuck", "erring"]
    /// Seconds for which what a sensor saw wrongly may be behind an alert.
    private static let memoryOfMisreadings = 300.0

    package init() {}

    /// - Parameters:
    ///   - grace: how many seconds later than its holds a verdict may come: the network's delay, and the lateness.
    ///   - holds: seconds that rules wait until they tell of a kind; where it says nothing, what the alerts say of themselves. Given, they keep rules that wait longer, or never speak, from looking as good.
    ///   - entrapmentHolds: what entrapments are held to, where a site has shortened the page's.
    ///   - deaf: when no gateway listened, beside what the truth says of that; seconds since 1970.
    package init(
        truth: [TruthRow], alerts: [AlertWord], grace: Double, holds: [String: Double] = [:],
        entrapmentHolds: EntrapmentHolds = EntrapmentHolds(), deaf: [ClosedRange<Double>] = []
    ) {
        let stories = Story.gather(alerts)
        received = stories.reduce(0) { $0 + $1.words }
        unique = stories.reduce(0) { $0 + $1.revisions.count }
        lost = stories.reduce(0) { $0 + $1.lost }
        var span = (start: 0.0, end: Double.infinity)
        if let run = truth.first(where: { $0.kind == "run" }) {
            span = (run.start, run.end)
            liftYears = Double(run.lifts ?? 0) * (run.end - run.start) / (365 * 86_400)
        }
        var facts: [String: [TruthRow]] = [:]
        var misreadings: [TruthRow] = []
        for fact in truth {
            if fact.kind.hasPrefix("nuisance.") {
                nuisances[String(fact.kind.dropFirst(9)), default: 0] += 1
                if fact.kind.hasSuffix(".bad_sensor") { misreadings.append(fact) }
            } else if fact.kind == "breakdown" {
                breakdowns[fact.cause ?? "", default: 0] += 1
            } else {
                facts[fact.kind, default: []].append(fact)
            }
        }
        let outages = (facts["gateway_away"] ?? []).map { $0.start...$0.end }
        let judge = Judge(
            runEnd: span.end, grace: grace, holds: Judge.holds(of: alerts).merging(holds) { $1 },
            entrapmentHolds: entrapmentHolds,
            deaf: (deaf + outages).sorted { $0.lowerBound < $1.lowerBound })
        for story in stories where story.firstTold.map({ $0 <= span.end }) == true { told[story.kind, default: 0] += 1 }
        let fittings = Dictionary((facts["lift"] ?? []).map { ($0.lift, $0) }, uniquingKeysWith: { first, _ in first })
        func errs(_ lift: String, at time: Double) -> Bool {
            if let sensor = fittings[lift]?.sensor, Self.erringSensors.contains(sensor) { return true }
            return misreadings.contains {
                $0.lift == lift && $0.start <= time && time <= $0.end + Self.memoryOfMisreadings
            }
        }
        let stuckLifts = Set(fittings.values.filter { $0.sensor == "stuck" }.map(\.lift))
        for isStuck in [false, true] {
            func isMeant(_ lift: String) -> Bool { stuckLifts.contains(lift) == isStuck }
            var score = KindScore()
            judge.judge(
                (facts["entrapment"] ?? []).filter { isMeant($0.lift) },
                stories.filter { $0.kind == "entrapment" && isMeant($0.lift) },
                // An empty car that really is shut, and may hold people for all one knows.
                excusing: facts["stuck_unknown"] ?? [], silences: facts["silent_in_use"] ?? []
            ) { lift, fact, one, finding in
                var one = one
                if one.falseAlarms > 0, let finding, errs(lift, at: finding.time) { one.misled = 1 }
                score += one
                if let finding { findings.append(finding) }
                let fitting = fact ?? fittings[lift]
                let stratum = Stratum(
                    cause: fact?.cause ?? "", sensor: fitting?.sensor ?? "", network: fitting?.network ?? "",
                    place: fact?.place ?? "")
                strata[stratum, default: KindScore()] += one
            }
            if isStuck { stuck = score } else { kinds["entrapment"] = score }
        }
        let others = Self.physicalKinds.union(facts.keys).filter {
            $0 != "entrapment" && !Self.circumstances.contains($0)
        }
        for kind in others {
            // A power cut that other lifts tell of explains a silence; one that nobody tells of does not.
            let isSilence = kind == "controller_silent"
            var score = KindScore()
            judge.judge(
                facts[kind] ?? [], stories.filter { $0.kind == kind },
                excusing: isSilence ? (facts["silent_in_power_cut"] ?? []) + (facts["link_away"] ?? []) : [],
                explaining: isSilence ? facts["power_loss"] ?? [] : [],
                unheard: isSilence ? [] : facts["link_away"] ?? []
            ) { _, _, one, finding in
                score += one
                if let finding { findings.append(finding) }
            }
            kinds[kind] = score
        }
        beyondTruth = stories.count { $0.kind != "entrapment" && !others.contains($0.kind) }
    }

    package static func += (a: inout ScoreCard, b: ScoreCard) {
        a.kinds.merge(b.kinds) { $0 + $1 }
        a.stuck += b.stuck
        a.strata.merge(b.strata) { $0 + $1 }
        a.nuisances.merge(b.nuisances, uniquingKeysWith: +)
        a.told.merge(b.told, uniquingKeysWith: +)
        a.breakdowns.merge(b.breakdowns, uniquingKeysWith: +)
        a.received += b.received
        a.unique += b.unique
        a.lost += b.lost
        a.beyondTruth += b.beyondTruth
        a.liftYears += b.liftYears
        let isFull = a.findings.count > 10_000
        a.findings += b.findings.filter {
            !isFull || $0.verdict == .missed || $0.verdict == .falseAlarm || $0.verdict == .unsuspected
        }
    }

    /// Nobody missed, nothing lost, nobody alarmed for nothing. Stuck sensors, which can hide people or invent them, and cautious ones count
    /// where nothing broke: there is no car that really is shut.
    package var isGood: Bool {
        let isMissed = entrapment.missed > 0 || entrapment.suspicionMissed > 0
        let falseAlarms =
            breakdowns.isEmpty
            ? entrapment.falseAlarms + stuck.falseAlarms : entrapment.falseAlarms - entrapment.cautious
        return !isMissed && falseAlarms == 0 && lost == 0
    }

    package func sum(where isMeant: (Stratum) -> Bool) -> KindScore {
        strata.reduce(into: KindScore()) { if isMeant($1.key) { $0 += $1.value } }
    }

    /// The strata taken together by what `key` says of them, in the order of their names; those of which it says nothing are left out.
    package func strata(by key: (Stratum) -> String) -> [(name: String, score: KindScore)] {
        var sums: [String: KindScore] = [:]
        for (stratum, score) in strata where !key(stratum).isEmpty { sums[key(stratum), default: KindScore()] += score }
        return sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

extension KindScore {
    static func + (a: KindScore, b: KindScore) -> KindScore {
        var sum = a
        sum += b
        return sum
    }
}
