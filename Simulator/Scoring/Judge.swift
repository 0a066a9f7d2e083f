import City

/// Holds one kind's alerts to what happened, lift by lift.
struct Judge {
    /// Seconds since 1970.
    let runEnd: Double
    /// Seconds.
    let grace: Double
    /// Seconds that the rules wait until they tell of a kind.
    let holds: [String: Double]
    /// What an entrapment is held to.
    let entrapmentHolds: EntrapmentHolds
    /// When no gateway listened, in order; seconds since 1970.
    let deaf: [ClosedRange<Double>]
    /// Seconds after the people are out within which an alert must be over.
    private static let patience = 600.0
    /// Seconds within which every entrapment must be confirmed, whatever was lost on the way (entrapment.md); from when something that
    /// arrived showed it.
    private static let entrapmentLimit = 180.0
    /// Seconds for which a way out must stand open before it ends anything (entrapment.md).
    private static let wayOutHold = 3.0

    /// As the alerts say, also those that are suppressed. Entrapments are held to the page, whatever alerts say.
    static func holds(of words: [AlertWord]) -> [String: Double] {
        Dictionary(words.filter { $0.kind != "entrapment" }.map { ($0.kind, $0.holds) }, uniquingKeysWith: max)
    }

    /// - Parameters:
    ///   - excusing: facts under which an alert without an event is no false one, or cautious where it is an entrapment.
    ///   - silences: facts that explain a suspicion, and no more.
    ///   - explaining: facts of which two at once tell of an event in its place.
    ///   - unheard: facts under which nothing of the lift arrives. What comes to pass in them is told when they are over; for an entrapment
    ///     `decidable` says when that is.
    ///   - note: takes the verdict on each fact, and what no fact accounts for, by lift; with it what is wrong, for a person.
    func judge(
        _ facts: [TruthRow], _ stories: [Story], excusing: [TruthRow], silences: [TruthRow] = [],
        explaining: [TruthRow] = [], unheard: [TruthRow] = [],
        note: (String, TruthRow?, KindScore, Finding?) -> Void
    ) {
        let byLift = Dictionary(grouping: stories, by: \.lift)
        let gaps = Dictionary(grouping: unheard, by: \.lift).mapValues { $0.map { $0.start...$0.end } }
        for fact in facts {
            let mine = byLift[fact.lift] ?? []
            let score =
                fact.kind == "entrapment"
                ? verdict(onEntrapment: fact, mine)
                : verdict(fact, mine, holds[fact.kind], explaining, gaps[fact.lift] ?? [])
            note(fact.lift, fact, score, Finding(score, fact.kind, fact.lift, at: fact.start, cause: fact.cause))
        }
        let factsByLift = Dictionary(grouping: facts, by: \.lift)
        let excuses = Dictionary(grouping: excusing, by: \.lift)
        let doubts = Dictionary(grouping: excusing + silences, by: \.lift)
        for story in stories {
            func covers(_ time: Double) -> (TruthRow) -> Bool {
                { [grace] fact in
                    let end = gaps[fact.lift]?.first { $0.contains(fact.end) }?.upperBound ?? fact.end
                    return time >= fact.start - grace && time <= end + grace + Self.wayOutHold
                }
            }
            func isSo(_ time: Double, _ facts: [String: [TruthRow]]) -> Bool {
                facts[story.lift]?.contains(where: covers(time)) == true
            }
            // After the run's end every lift is silent in the middle of whatever it did, and the truth says nothing of that.
            func isWrong(_ time: Double) -> Bool { time <= runEnd && !isSo(time, factsByLift) }
            for time in story.raised where isWrong(time) {
                var score = KindScore()
                score.cautious = isSo(time, excuses) ? 1 : 0
                // Whoever is sent out for an empty lift is sent out in vain, whether that could be known or not.
                score.falseAlarms = story.kind == "entrapment" ? 1 : 1 - score.cautious
                note(story.lift, nil, score, Finding(score, story.kind, story.lift, at: time, cause: nil))
            }
            if story.told.isEmpty, let time = story.suspected?.time, isWrong(time) {
                var score = KindScore()
                score.suspectedFalsely = 1
                score.suspectedCautiously = isSo(time, doubts) ? 1 : 0
                note(story.lift, nil, score, nil)
            }
        }
    }

    private func verdict(
        _ fact: TruthRow, _ stories: [Story], _ hold: Double?, _ explaining: [TruthRow], _ gaps: [ClosedRange<Double>]
    ) -> KindScore {
        var score = KindScore()
        score.happened = 1
        let holds = hold ?? 0
        let deaf = gaps.isEmpty ? deaf : (deaf + gaps).sorted { $0.lowerBound < $1.lowerBound }
        func time(_ start: Double, _ seconds: Double) -> Double { Self.time(start, seconds, deaf) }
        let end = min(fact.end, runEnd)
        let latest = fact.decidable.map { time($0, holds + grace) } ?? end
        let begin = fact.start - grace
        // Whether it had to be told is decided by what happened and what arrived, never by what was told.
        // A rule that does not wait has to tell of the shortest moment.
        if hold != 0, end < max(time(fact.start, holds + grace), fact.decidable == nil ? 0 : latest) {
            score.brief = 1
        } else if fact.decidable == nil {
            score.unknowable = 1
        } else if explaining.count(where: { $0.start <= latest && $0.end >= fact.start }) >= 2 {
            score.explained = 1
        }
        let told = stories.flatMap(\.told).filter { begin <= $0.time }.map(\.said).min() ?? .infinity
        guard score.brief + score.unknowable + score.explained == 0 else {
            if told <= min(latest, time(end, grace)) {
                score.toldAnyway = 1
                followUp(fact, stories, &score)
            }
            return score
        }
        if told <= latest {
            score.detected = 1
        } else if stories.contains(where: { $0.isOpen(at: fact.start) && $0.isOpen(at: min(latest, end - grace)) }) {
            score.carried = 1
        } else {
            score.missed = 1
            return score
        }
        if score.detected == 1 { score.toldAfter = [Float(max(0, told - fact.start))] }
        followUp(fact, stories, &score)
        return score
    }

    /// When so many seconds of listening have passed.
    private static func time(_ start: Double, _ seconds: Double, _ deaf: [ClosedRange<Double>]) -> Double {
        var (time, left) = (start, seconds)
        for gap in deaf where gap.upperBound > time {
            let free = max(0, gap.lowerBound - time)
            if free >= left { break }
            left -= free
            time = gap.upperBound
        }
        return time + left
    }

    /// Told once, not ended while it lasts, ended when it is over.
    private func followUp(_ fact: TruthRow, _ stories: [Story], _ score: inout KindScore) {
        func isMine(_ time: Double) -> Bool { fact.start - grace <= time && time <= fact.end + grace }
        let mine = stories.filter { $0.isOpen(at: fact.start) || $0.told.contains { isMine($0.time) } }
        // A second name for it is one too many, also of a mere suspicion. What begins after a presumption of release is a new alert.
        let named = stories.filter { $0.isKnown(at: fact.start) || $0.first.map(isMine) == true }
            .sorted { $0.first ?? 0 < $1.first ?? 0 }
        score.doubled = named.indices.dropFirst().count { place in
            let begin = named[place].first ?? 0
            return !named[..<place].allSatisfy { one in one.presumed.contains { $0 <= begin } && !one.isKnown(at: begin)
            }
        }
        let isEarly = named.contains { $0.ended.contains { fact.start < $0 && $0 < fact.end - grace } }
        score.clearedEarly = isEarly ? 1 : 0
        if fact.end + Self.patience < runEnd, mine.contains(where: { !$0.isOver }) { score.neverCleared = 1 }
    }
}

/// Entrapments: suspected in time wherever something showed them, confirmed in time where the page confirms.
extension Judge {
    private func verdict(onEntrapment fact: TruthRow, _ stories: [Story]) -> KindScore {
        var score = KindScore()
        score.happened = 1
        func time(_ start: Double, _ seconds: Double) -> Double { Self.time(start, seconds, deaf) }
        let end = min(fact.end, runEnd)
        let begin = fact.start - grace
        // Whether it had to be told is decided by what happened and what arrived, never by what was told.
        func latest(_ from: Double?, _ due: Double?) -> Double? {
            guard let from, let due else { return nil }
            let latest = time(from, due - from + grace)
            return max(latest, time(fact.start, due - from + grace)) <= end ? latest : nil
        }
        let confirmationLatest = latest(fact.confirmable, fact.confirmationDue(entrapmentHolds))
        // What has to be confirmed has to be told at all.
        let suspicionLatest = latest(fact.decidable, fact.suspicionDue(entrapmentHolds)) ?? confirmationLatest
        let told = stories.flatMap(\.told).filter { begin <= $0.time }.map(\.said).min() ?? .infinity
        let suspected = stories.compactMap(\.suspected).filter { begin <= $0.time && $0.time <= fact.end }.map(\.said)
            .min()
        let first = stories.contains { $0.isKnown(at: fact.start) } ? fact.start : min(suspected ?? .infinity, told)
        // Late is better than never while somebody is still in there.
        func limit(_ from: Double?) -> Double { min(end, from.map { time($0, Self.entrapmentLimit) } ?? end) }
        if let suspicionLatest {
            score.suspicionOwed = 1
            if first > suspicionLatest {
                if first <= max(suspicionLatest, limit(fact.decidable)) {
                    score.suspicionLate = 1
                } else {
                    score.suspicionMissed = 1
                }
            }
        }
        guard let latest = confirmationLatest else {
            if fact.decidable == nil {
                score.unknowable = 1
            } else if suspicionLatest == nil || fact.confirmable != nil {
                score.brief = 1
            } else {
                score.suspectable = 1
            }
            if suspicionLatest != nil, let suspected {
                score.suspectedAfter = [Float(max(0, suspected - fact.start))]
            }
            if told <= time(end, grace) {
                score.toldAnyway = 1
                if score.suspectable == 1 { score.confirmedAnyway = 1 }
            }
            if told <= time(end, grace) || score.suspicionOwed > score.suspicionMissed {
                followUp(fact, stories, &score)
            }
            return score
        }
        if let suspected { score.suspectedAfter = [Float(max(0, suspected - fact.start))] }
        if told <= latest {
            score.detected = 1
        } else if stories.contains(where: { $0.isOpen(at: fact.start) && $0.isOpen(at: min(latest, end - grace)) }) {
            score.carried = 1
        } else if told <= max(latest, limit(fact.confirmable)) {
            (score.detected, score.late) = (1, 1)
        } else {
            score.missed = 1
            score.suspectedOnly = suspected == nil ? 0 : 1
            return score
        }
        if score.detected == 1 { score.toldAfter = [Float(max(0, told - fact.start))] }
        followUp(fact, stories, &score)
        return score
    }
}
