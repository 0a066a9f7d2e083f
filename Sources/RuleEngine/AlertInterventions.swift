/// What changes a rule's alert from outside its conditions: a person's report, evidence that is new
/// after a person's judgement, and two rules that have become one. The next step evaluates the
/// rule.
extension Program {
    /// A person knows that the suspicion is true.
    package func confirmAlert(_ rule: Int, _ memory: inout LiftMemory) {
        var m = memory.words.mutableSpan
        alertState(rule).setPhase(.final, &m)
    }

    /// A person has ended the alert.
    package func endAlert(_ rule: Int, _ memory: inout LiftMemory) {
        var m = memory.words.mutableSpan
        alertState(rule).setPhase(.idle, &m)
    }

    /// A condition that still holds raises its alert again after the whole hold; with `mustEnd`,
    /// only when it has ended and begun again.
    package func restartHolds(_ rule: Int, mustEnd: Bool, at now: Int64, _ memory: inout LiftMemory)
    {
        var m = memory.words.mutableSpan
        let alertState = alertState(rule)
        for (i, branch) in rules[rule].branches.enumerated() {
            let own = alertState.branch(i)
            own.setAddedUp(0, &m)
            guard !alertState.isOpen(m), own.whenSince(m.span) != LiftMemory.never else { continue }
            own.setWhenSince(now, &m)
            own.setMustEnd(mustEnd || branch.hold == 0, &m)
        }
    }

    /// A branch of the rule waits until its condition has ended.
    package func waitsForEnd(_ rule: Int, _ memory: borrowing LiftMemory) -> Bool {
        let m = memory.words.span
        let alertState = alertState(rule)
        for branch in rules[rule].branches.indices where alertState.branch(branch).mustEnd(m) {
            return true
        }
        return false
    }

    /// New evidence: what waited for the end of its condition holds from now on.
    package func releaseWaiting(_ rule: Int, at time: Int64, _ memory: inout LiftMemory) {
        var m = memory.words.mutableSpan
        let alertState = alertState(rule)
        for branch in rules[rule].branches.indices where alertState.branch(branch).mustEnd(m.span) {
            alertState.branch(branch).setMustEnd(false, &m)
            alertState.branch(branch).setWhenSince(time, &m)
        }
    }

    /// Of two alerts that are one now, this branch and onset are the remaining one's.
    package func mergeAlerts(
        _ rule: Int, into branch: Int, since onset: Int64, _ memory: inout LiftMemory
    ) {
        var m = memory.words.mutableSpan
        alertState(rule).setReason(branch, &m)
        alertState(rule).setOnset(onset, &m)
    }

    /// A rule, the rules to which it yields, and those that yield to it: they have the same
    /// evidence.
    package func related(to rule: Int) -> [Int] {
        [rule] + rules[rule].yieldsTo + rules[rule].yielders
    }
}
