import City

/// Compares the alerts of one kind with the facts of that kind, lift by lift.
struct Judge {
    /// Seconds since 1970.
    let runEnd: Double
    /// Seconds.
    let grace: Double
    /// Seconds that the rules wait before they raise an alert, by kind.
    let holds: [String: Double]
    /// The holds of entrapment.md, by which entrapments are judged.
    let entrapmentHolds: EntrapmentHolds
    /// When no gateway observed, in order; seconds since 1970.
    let deaf: [ClosedRange<Double>]
    /// Seconds after the end of a fact within which its alert must have ended.
    private static let patience = 600.0
    /// Seconds from the first evidence within which every entrapment must be confirmed, whatever
    /// messages were lost (entrapment.md).
    private static let entrapmentLimit = 180.0
    /// Seconds for which a way out must be open before an alert ends (entrapment.md).
    private static let wayOutHold = 3.0

    /// The holds that the alerts state, suppressed ones included. Entrapments are left out: they
    /// are judged by entrapment.md.
    static func holds(of revisions: [AlertRevision]) -> [String: Double] {
        Dictionary(
            revisions.filter { $0.kind != "entrapment" }.map { ($0.kind, $0.holds) },
            uniquingKeysWith: max)
    }

    /// - Parameters:
    ///   - excusing: facts during which an alert without an event is not false; of an entrapment it
    ///     is false and cautious.
    ///   - silences: facts that excuse a suspicion only.
    ///   - explaining: facts of which two at once replace an event's own alert.
    ///   - unobserved: facts during which no message of the lift arrives. An event in them is due
    ///     after their end; for an entrapment `decidable` covers that.
    ///   - note: takes the score of each fact, and of each alert without a fact, by lift, with the
    ///     finding for a person.
    func judge(
        _ facts: [TruthRow], _ histories: [AlertHistory], excusing: [TruthRow],
        silences: [TruthRow] = [],
        explaining: [TruthRow] = [], unobserved: [TruthRow] = [],
        note: (String, TruthRow?, KindScore, Finding?) -> Void
    ) {
        let byLift = Dictionary(grouping: histories, by: \.lift)
        let gaps = Dictionary(grouping: unobserved, by: \.lift).mapValues {
            $0.map { $0.start...$0.end }
        }
        for fact in facts {
            let mine = byLift[fact.lift] ?? []
            let score =
                fact.kind == "entrapment"
                ? verdict(onEntrapment: fact, mine)
                : verdict(fact, mine, holds[fact.kind], explaining, gaps[fact.lift] ?? [])
            note(
                fact.lift, fact, score,
                Finding(score, fact.kind, fact.lift, at: fact.start, cause: fact.cause))
        }
        let factsByLift = Dictionary(grouping: facts, by: \.lift)
        let excuses = Dictionary(grouping: excusing, by: \.lift)
        let doubts = Dictionary(grouping: excusing + silences, by: \.lift)
        for history in histories {
            func covers(_ time: Double) -> (TruthRow) -> Bool {
                { [grace] fact in
                    let end =
                        gaps[fact.lift]?.first { $0.contains(fact.end) }?.upperBound ?? fact.end
                    return time >= fact.start - grace && time <= end + grace + Self.wayOutHold
                }
            }
            func isCovered(_ time: Double, _ facts: [String: [TruthRow]]) -> Bool {
                facts[history.lift]?.contains(where: covers(time)) == true
            }
            // After the run's end every lift is silent in whatever it did, and the truth does not
            // cover that.
            func isWrong(_ time: Double) -> Bool { time <= runEnd && !isCovered(time, factsByLift) }
            for time in history.raisedAnew where isWrong(time) {
                var score = KindScore()
                score.cautious = isCovered(time, excuses) ? 1 : 0
                // A rescuer who is sent to an empty car is sent in vain, whether that could be
                // known or not.
                score.falseAlarms = history.kind == "entrapment" ? 1 : 1 - score.cautious
                note(
                    history.lift, nil, score,
                    Finding(score, history.kind, history.lift, at: time, cause: nil))
            }
            if history.raised.isEmpty, let time = history.suspected?.time, isWrong(time) {
                var score = KindScore()
                score.suspectedFalsely = 1
                score.suspectedCautiously = isCovered(time, doubts) ? 1 : 0
                note(history.lift, nil, score, nil)
            }
        }
    }

    private func verdict(
        _ fact: TruthRow, _ histories: [AlertHistory], _ hold: Double?, _ explaining: [TruthRow],
        _ gaps: [ClosedRange<Double>]
    ) -> KindScore {
        var score = KindScore()
        score.happened = 1
        let holds = hold ?? 0
        let deaf = gaps.isEmpty ? deaf : (deaf + gaps).sorted { $0.lowerBound < $1.lowerBound }
        func time(_ start: Double, _ seconds: Double) -> Double { Self.time(start, seconds, deaf) }
        let end = min(fact.end, runEnd)
        let latest = fact.decidable.map { time($0, holds + grace) } ?? end
        let begin = fact.start - grace
        // What happened and what arrived decide whether an alert is required, never the alerts. A
        // rule that does not wait must report the shortest moment.
        if hold != 0, end < max(time(fact.start, holds + grace), fact.decidable == nil ? 0 : latest)
        {
            score.brief = 1
        } else if fact.decidable == nil {
            score.unknowable = 1
        } else if explaining.count(where: { $0.start <= latest && $0.end >= fact.start }) >= 2 {
            score.explained = 1
        }
        let raised =
            histories.flatMap(\.raised).filter { begin <= $0.time }.map(\.recorded).min()
            ?? .infinity
        guard score.brief + score.unknowable + score.explained == 0 else {
            if raised <= min(latest, time(end, grace)) {
                score.raisedAnyway = 1
                followUp(fact, histories, &score)
            }
            return score
        }
        if raised <= latest {
            score.detected = 1
        } else if histories.contains(where: {
            $0.isOpen(at: fact.start) && $0.isOpen(at: min(latest, end - grace))
        }) {
            score.carried = 1
        } else {
            score.missed = 1
            return score
        }
        if score.detected == 1 { score.raisedAfter = [Float(max(0, raised - fact.start))] }
        followUp(fact, histories, &score)
        return score
    }

    /// The time after `start` at which so many seconds of observation have passed.
    private static func time(_ start: Double, _ seconds: Double, _ deaf: [ClosedRange<Double>])
        -> Double
    {
        var (time, left) = (start, seconds)
        for gap in deaf where gap.upperBound > time {
            let free = max(0, gap.lowerBound - time)
            if free >= left { break }
            left -= free
            time = gap.upperBound
        }
        return time + left
    }

    /// Checks that there is one alert, that it does not end before the fact, and that it ends after
    /// it.
    private func followUp(_ fact: TruthRow, _ histories: [AlertHistory], _ score: inout KindScore) {
        func isMine(_ time: Double) -> Bool {
            fact.start - grace <= time && time <= fact.end + grace
        }
        let mine = histories.filter {
            $0.isOpen(at: fact.start) || $0.raised.contains { isMine($0.time) }
        }
        // A second alert for the fact is one too many, also a mere suspicion. An alert that begins
        // after a presumption of release is a new one.
        let named = histories.filter { $0.isKnown(at: fact.start) || $0.first.map(isMine) == true }
            .sorted { $0.first ?? 0 < $1.first ?? 0 }
        score.doubled = named.indices.dropFirst().count { index in
            let begin = named[index].first ?? 0
            return !named[..<index].allSatisfy { one in
                one.presumed.contains { $0 <= begin } && !one.isKnown(at: begin)
            }
        }
        let isEarly = named.contains {
            $0.ended.contains { fact.start < $0 && $0 < fact.end - grace }
        }
        score.clearedEarly = isEarly ? 1 : 0
        if fact.end + Self.patience < runEnd, mine.contains(where: { !$0.isOver }) {
            score.neverCleared = 1
        }
    }
}

/// Entrapments: suspected in time wherever there was evidence, confirmed in time where
/// entrapment.md confirms.
extension Judge {
    /// The latest times at which an entrapment must be suspected and confirmed; nil where it need
    /// not be.
    private struct Deadlines {
        var suspicion: Double?
        var confirmation: Double?
    }

    /// When an entrapment's alerts came; infinity for one that never came.
    private struct Arrivals {
        /// An alert of it was known, whatever its state.
        var known: Double
        var suspected: Double?
        var raised: Double
    }

    private func verdict(onEntrapment fact: TruthRow, _ histories: [AlertHistory]) -> KindScore {
        var score = KindScore()
        score.happened = 1
        let due = deadlines(of: fact)
        let came = arrivals(of: fact, histories)
        judgeSuspicion(of: fact, due, came, &score)
        if let latest = due.confirmation {
            judgeConfirmation(of: fact, latest, came, histories, &score)
        } else {
            judgeUnconfirmable(fact, due, came, histories, &score)
        }
        return score
    }

    /// What happened and what arrived decide whether an alert is required, never the alerts.
    private func deadlines(of fact: TruthRow) -> Deadlines {
        let end = min(fact.end, runEnd)
        func latest(_ from: Double?, _ due: Double?) -> Double? {
            guard let from, let due else { return nil }
            let latest = Self.time(from, due - from + grace, deaf)
            return max(latest, Self.time(fact.start, due - from + grace, deaf)) <= end
                ? latest : nil
        }
        let confirmation = latest(fact.confirmable, fact.confirmationDue(entrapmentHolds))
        // An entrapment that must be confirmed must be suspected.
        return Deadlines(
            suspicion: latest(fact.decidable, fact.suspicionDue(entrapmentHolds)) ?? confirmation,
            confirmation: confirmation)
    }

    private func arrivals(of fact: TruthRow, _ histories: [AlertHistory]) -> Arrivals {
        let begin = fact.start - grace
        let raised =
            histories.flatMap(\.raised).filter { begin <= $0.time }.map(\.recorded).min()
            ?? .infinity
        let suspected = histories.compactMap(\.suspected).filter {
            begin <= $0.time && $0.time <= fact.end
        }
        .map(\.recorded).min()
        let known =
            histories.contains { $0.isKnown(at: fact.start) }
            ? fact.start : min(suspected ?? .infinity, raised)
        return Arrivals(known: known, suspected: suspected, raised: raised)
    }

    /// A late alert counts while people are still in the car.
    /// - Parameter from: when the evidence began.
    private func limit(_ fact: TruthRow, _ from: Double?) -> Double {
        let end = min(fact.end, runEnd)
        return min(end, from.map { Self.time($0, Self.entrapmentLimit, deaf) } ?? end)
    }

    private func judgeSuspicion(
        of fact: TruthRow, _ due: Deadlines, _ came: Arrivals, _ score: inout KindScore
    ) {
        guard let latest = due.suspicion else { return }
        score.suspicionExpected = 1
        if came.known <= latest { return }
        if came.known <= max(latest, limit(fact, fact.decidable)) {
            score.suspicionLate = 1
        } else {
            score.suspicionMissed = 1
        }
    }

    private func judgeUnconfirmable(
        _ fact: TruthRow, _ due: Deadlines, _ came: Arrivals, _ histories: [AlertHistory],
        _ score: inout KindScore
    ) {
        if fact.decidable == nil {
            score.unknowable = 1
        } else if due.suspicion == nil || fact.confirmable != nil {
            score.brief = 1
        } else {
            score.suspectable = 1
        }
        if due.suspicion != nil, let suspected = came.suspected {
            score.suspectedAfter = [Float(max(0, suspected - fact.start))]
        }
        let isRaised = came.raised <= Self.time(min(fact.end, runEnd), grace, deaf)
        if isRaised {
            score.raisedAnyway = 1
            if score.suspectable == 1 { score.confirmedAnyway = 1 }
        }
        if isRaised || score.suspicionExpected > score.suspicionMissed {
            followUp(fact, histories, &score)
        }
    }

    private func judgeConfirmation(
        of fact: TruthRow, _ latest: Double, _ came: Arrivals, _ histories: [AlertHistory],
        _ score: inout KindScore
    ) {
        let end = min(fact.end, runEnd)
        if let suspected = came.suspected {
            score.suspectedAfter = [Float(max(0, suspected - fact.start))]
        }
        if came.raised <= latest {
            score.detected = 1
        } else if histories.contains(where: {
            $0.isOpen(at: fact.start) && $0.isOpen(at: min(latest, end - grace))
        }) {
            score.carried = 1
        } else if came.raised <= max(latest, limit(fact, fact.confirmable)) {
            (score.detected, score.late) = (1, 1)
        } else {
            score.missed = 1
            score.suspectedOnly = came.suspected == nil ? 0 : 1
            return
        }
        if score.detected == 1 { score.raisedAfter = [Float(max(0, came.raised - fact.start))] }
        followUp(fact, histories, &score)
    }
}
