import City

/// The facts that may decide whether an entrapment is found.
package struct Stratum: Hashable, Sendable, Codable {
    package var cause: String
    /// `OccupancySensor.quality`.
    package var sensor: String
    package var network: String
    /// off_level, at_level or silence.
    package var place: String
}

/// The comparison of alerts with the truth. The cards of several buildings or runs can be added.
package struct ScoreCard: Sendable, Codable {
    /// By kind. Entrapments are one kind, whatever branch raised them.
    package private(set) var kinds: [String: KindScore] = ["entrapment": KindScore()]
    /// Entrapments on lifts with a stuck occupancy sensor. They are not in `kinds`.
    package private(set) var stuck = KindScore()
    /// Entrapments only, those on stuck sensors included. A false alarm has neither cause nor
    /// place.
    package private(set) var strata: [Stratum: KindScore] = [:]
    package private(set) var nuisances: [String: Int] = [:]
    /// Alerts that were raised or confirmed, by kind, right or wrong.
    package private(set) var raised: [String: Int] = [:]
    /// Breakdowns by cause.
    package private(set) var breakdowns: [String: Int] = [:]
    package private(set) var received = 0
    package private(set) var unique = 0
    /// Revisions that never arrived although a later one did.
    package private(set) var lost = 0
    /// Alerts of kinds that the truth does not cover, such as service modes and codes of the
    /// controller.
    package private(set) var beyondTruth = 0
    package private(set) var liftYears = 0.0
    /// The wrong results: all that are missed or false, and of the rest the first ten thousand.
    package var findings: [Finding] = []

    /// The keys of the committed results.
    private enum CodingKeys: String, CodingKey {
        case kinds, stuck, strata, nuisances, breakdowns, received, unique, lost, beyondTruth,
            liftYears, findings
        case raised = "told"
    }

    package var entrapment: KindScore { kinds["entrapment"] ?? KindScore() }

    /// Kinds that the simulated physics decides, whether they happened or not.
    private static let physicalKinds: Set = [
        "car_alarm_call", "controller_silent", "door_close_fault", "door_open_fault", "overspeed",
        "power_loss",
        "unintended_movement", "over_top", "under_bottom",
    ]

    /// Facts of the truth that require no alert.
    private static let circumstances: Set = [
        "run", "lift", "gateway_away", "breakdown", "stuck_unknown", "silent_in_use",
        "silent_in_power_cut",
        "link_away",
    ]

    package init() {}

    /// - Parameters:
    ///   - grace: how many seconds later than its holds an alert may come: the network's delay, and
    ///     the lateness.
    ///   - holds: seconds that rules wait before they raise an alert, by kind; for other kinds
    ///     those that the alerts state. With them, rules that wait longer or never raise look no
    ///     better.
    ///   - entrapmentHolds: the holds by which entrapments are judged, where a site has shortened
    ///     those of entrapment.md.
    ///   - deaf: when no gateway observed, beside the truth's outages; seconds since 1970.
    package init(
        truth: [TruthRow], alerts: [AlertRevision], grace: Double, holds: [String: Double] = [:],
        entrapmentHolds: EntrapmentHolds = EntrapmentHolds(), deaf: [ClosedRange<Double>] = []
    ) {
        let histories = AlertHistory.gather(alerts)
        received = histories.reduce(0) { $0 + $1.received }
        unique = histories.reduce(0) { $0 + $1.revisions.count }
        lost = histories.reduce(0) { $0 + $1.lost }
        let facts = Facts(truth)
        let run = truth.first { $0.kind == "run" }
        if let run { liftYears = Double(run.lifts ?? 0) * (run.end - run.start) / (365 * 86_400) }
        let end = run?.end ?? .infinity
        count(truth)
        for history in histories where history.firstRaised.map({ $0 <= end }) == true {
            raised[history.kind, default: 0] += 1
        }
        let outages = facts["gateway_away"].map { $0.start...$0.end }
        let judge = Judge(
            runEnd: end, grace: grace, holds: Judge.holds(of: alerts).merging(holds) { $1 },
            entrapmentHolds: entrapmentHolds,
            deaf: (deaf + outages).sorted { $0.lowerBound < $1.lowerBound })
        judgeEntrapments(judge, facts, histories)
        let others = Self.physicalKinds.union(facts.kinds).filter {
            $0 != "entrapment" && !Self.circumstances.contains($0)
        }
        for kind in others { judgeKind(kind, judge, facts, histories) }
        beyondTruth = histories.count { $0.kind != "entrapment" && !others.contains($0.kind) }
    }

    private mutating func count(_ truth: [TruthRow]) {
        for fact in truth {
            if fact.kind.hasPrefix("nuisance.") {
                nuisances[String(fact.kind.dropFirst(9)), default: 0] += 1
            } else if fact.kind == "breakdown" {
                breakdowns[fact.cause ?? "", default: 0] += 1
            }
        }
    }

    /// Those on stuck sensors apart from the others.
    private mutating func judgeEntrapments(
        _ judge: Judge, _ facts: Facts, _ histories: [AlertHistory]
    ) {
        for isStuck in [false, true] {
            func isMeant(_ lift: String) -> Bool { facts.stuckLifts.contains(lift) == isStuck }
            var score = KindScore()
            judge.judge(
                facts["entrapment"].filter { isMeant($0.lift) },
                histories.filter { $0.kind == "entrapment" && isMeant($0.lift) },
                // An empty car that really is shut and may hold people as far as the messages show.
                excusing: facts["stuck_unknown"], silences: facts["silent_in_use"]
            ) { lift, fact, one, finding in
                var one = one
                if one.falseAlarms > 0, let finding, facts.mislead(lift, at: finding.time) {
                    one.misled = 1
                }
                score += one
                if let finding { findings.append(finding) }
                let fitting = fact ?? facts.fittings[lift]
                let stratum = Stratum(
                    cause: fact?.cause ?? "", sensor: fitting?.sensor ?? "",
                    network: fitting?.network ?? "",
                    place: fact?.place ?? "")
                strata[stratum, default: KindScore()] += one
            }
            if isStuck { stuck = score } else { kinds["entrapment"] = score }
        }
    }

    private mutating func judgeKind(
        _ kind: String, _ judge: Judge, _ facts: Facts, _ histories: [AlertHistory]
    ) {
        // A power cut that other lifts report explains a silence. One that no lift reports does
        // not.
        let isSilence = kind == "controller_silent"
        var score = KindScore()
        judge.judge(
            facts[kind], histories.filter { $0.kind == kind },
            excusing: isSilence ? facts["silent_in_power_cut"] + facts["link_away"] : [],
            explaining: isSilence ? facts["power_loss"] : [],
            unobserved: isSilence ? [] : facts["link_away"]
        ) { _, _, one, finding in
            score += one
            if let finding { findings.append(finding) }
        }
        kinds[kind] = score
    }

    package static func += (a: inout ScoreCard, b: ScoreCard) {
        a.kinds.merge(b.kinds) { $0 + $1 }
        a.stuck += b.stuck
        a.strata.merge(b.strata) { $0 + $1 }
        a.nuisances.merge(b.nuisances, uniquingKeysWith: +)
        a.raised.merge(b.raised, uniquingKeysWith: +)
        a.breakdowns.merge(b.breakdowns, uniquingKeysWith: +)
        a.received += b.received
        a.unique += b.unique
        a.lost += b.lost
        a.beyondTruth += b.beyondTruth
        a.liftYears += b.liftYears
        let isFull = a.findings.count > 10_000
        a.findings += b.findings.filter {
            !isFull || $0.verdict == .missed || $0.verdict == .falseAlarm
                || $0.verdict == .unsuspected
        }
    }

    /// Nobody missed, nothing lost, no false alarm. Alarms of stuck sensors and cautious ones count
    /// only where nothing broke: no car is really shut then.
    package var isGood: Bool {
        let isMissed = entrapment.missed > 0 || entrapment.suspicionMissed > 0
        let falseAlarms =
            breakdowns.isEmpty
            ? entrapment.falseAlarms + stuck.falseAlarms
            : entrapment.falseAlarms - entrapment.cautious
        return !isMissed && falseAlarms == 0 && lost == 0
    }

    package func sum(where isMeant: (Stratum) -> Bool) -> KindScore {
        strata.reduce(into: KindScore()) { if isMeant($1.key) { $0 += $1.value } }
    }

    /// The strata added up by `key`, in the order of its values; those with an empty key are left
    /// out.
    package func strata(by key: (Stratum) -> String) -> [(name: String, score: KindScore)] {
        var sums: [String: KindScore] = [:]
        for (stratum, score) in strata where !key(stratum).isEmpty {
            sums[key(stratum), default: KindScore()] += score
        }
        return sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

/// The facts of a truth by kind. Nuisances and breakdowns are not among them: no alert is judged by
/// them.
private struct Facts {
    private var byKind: [String: [TruthRow]] = [:]
    private var misreadings: [TruthRow] = []
    /// What each lift is fitted with.
    let fittings: [String: TruthRow]
    /// Lifts with a stuck occupancy sensor.
    let stuckLifts: Set<String>

    /// `OccupancySensor.quality` of sensors that may be wrong.
    private static let erringSensors: Set = ["lagging", "stuck", "erring"]
    /// Seconds for which a wrong value of a sensor may cause an alert.
    private static let misreadingLifetime = 300.0

    init(_ truth: [TruthRow]) {
        for fact in truth where fact.kind != "breakdown" {
            if !fact.kind.hasPrefix("nuisance.") {
                byKind[fact.kind, default: []].append(fact)
            } else if fact.kind.hasSuffix(".bad_sensor") {
                misreadings.append(fact)
            }
        }
        fittings = Dictionary(
            (byKind["lift"] ?? []).map { ($0.lift, $0) }, uniquingKeysWith: { first, _ in first })
        stuckLifts = Set(fittings.values.filter { $0.sensor == "stuck" }.map(\.lift))
    }

    var kinds: Dictionary<String, [TruthRow]>.Keys { byKind.keys }
    subscript(kind: String) -> [TruthRow] { byKind[kind] ?? [] }

    /// The lift's occupancy sensor is wrong, or was shortly before.
    func mislead(_ lift: String, at time: Double) -> Bool {
        if let sensor = fittings[lift]?.sensor, Self.erringSensors.contains(sensor) { return true }
        return misreadings.contains {
            $0.lift == lift && $0.start <= time && time <= $0.end + Self.misreadingLifetime
        }
    }
}

extension KindScore {
    static func + (a: KindScore, b: KindScore) -> KindScore {
        var sum = a
        sum += b
        return sum
    }
}
