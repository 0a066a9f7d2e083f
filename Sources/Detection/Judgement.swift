import Elevator
import Encoding

/// What was known of a lift when a person judged an alert of it false: its condition may last and raises nothing, but what is
/// new against this does (entrapment.md: `judged_false` never blocks new evidence).
///
/// A lift has at most one for each rule, the last: whatever is judged together, or one alert after the other, forgets nothing.
struct Judgement: Sendable, Equatable {
    /// The rule whose condition raises nothing: that of the alert, or one that spoke through it.
    var rule: String
    /// Codes that stood then and have stood since.
    var codes: UInt64
    /// Somebody was seen in the car then and has been since.
    var isSeen: Bool

    func write(to writer: inout ByteWriter) {
        writer.write(rule)
        writer.write(codes)
        writer.write(isSeen)
    }

    init(rule: String, codes: UInt64, isSeen: Bool) { (self.rule, self.codes, self.isSeen) = (rule, codes, isSeen) }

    init(from reader: inout ByteReader) throws(MalformedBytes) {
        rule = try reader.readText()
        codes = try reader.read()
        isSeen = try reader.readFlag()
    }
}

extension LiftTrack {
    /// Judgements of rules that are branches of another one now are that one's. What was new against any of them still is.
    mutating func renameJudgements(to rules: [CompiledRule]) {
        let old = judgements
        judgements = []
        for var judgement in old {
            let heir = rules.first { $0.definition.branches.contains { $0.formerly == judgement.rule } }
            if let heir { judgement.rule = heir.definition.name }
            if let known = judgements.firstIndex(where: { $0.rule == judgement.rule }) {
                judgements[known].codes &= judgement.codes
                judgements[known].isSeen = judgements[known].isSeen && judgement.isSeen
            } else {
                judgements.append(judgement)
            }
        }
    }
}

extension Program {
    /// A rule, and those that speak through it or through which it speaks: they see the same evidence.
    func related(to rule: Int) -> [Int] { [rule] + rules[rule].yieldsTo + rules[rule].yielders }

    /// A branch of the rule waits until its condition has ended.
    fileprivate func waits(_ rule: Int, _ memory: borrowing LiftMemory) -> Bool {
        let m = memory.words.span
        let life = life(rule)
        for branch in rules[rule].branches.indices where life.branch(branch).mustEnd(m) { return true }
        return false
    }
}

extension Detector {
    /// Codes that stand, and whether somebody is seen, as the rules take it.
    private func evidence(_ index: Int) -> (codes: UInt64, isSeen: Bool) {
        let memory = tracks[index].memory
        return (
            memory.isKnown(.codes) ? memory.signal(Signal.codes.rawValue) : 0,
            programs[tracks[index].program].occupancy(memory).verdict == .yes
        )
    }

    /// An alert of this rule has been judged false: what stands now is no new evidence for it, nor for the rules related to it.
    mutating func noteJudgement(_ index: Int, rule: Int) {
        let (codes, isSeen) = evidence(index)
        spread(Judgement(rule: "", codes: codes, isSeen: isSeen), index, from: rule)
    }

    /// Formats before 7 kept the last judgement of a lift only, under the name of the alert's rule, for all rules related to it.
    mutating func spreadJudgement(_ index: Int) {
        guard let old = tracks[index].judgements.first,
            let rule = programs[tracks[index].program].rules.firstIndex(where: { $0.definition.name == old.rule })
        else { return }
        spread(old, index, from: rule)
    }

    private mutating func spread(_ judgement: Judgement, _ index: Int, from rule: Int) {
        let program = programs[tracks[index].program]
        for related in program.related(to: rule) {
            var own = judgement
            own.rule = program.rules[related].definition.name
            tracks[index].judgements.removeAll { $0.rule == own.rule }
            tracks[index].judgements.append(own)
        }
    }

    /// A code that did not stand when an alert was judged false, the alarm button above all, or somebody who is seen now: the rules
    /// that were judged begin anew.
    mutating func lookForNewEvidence(_ index: Int, at time: Int64, _ sink: inout TransitionSink) {
        let program = programs[tracks[index].program]
        let (codes, isSeen) = evidence(index)
        var hasNews = false
        for (place, judged) in tracks[index].judgements.enumerated().reversed() {
            let rule = program.rules.firstIndex { $0.definition.name == judged.rule }
            let isBlocked = rule.map { program.waits($0, tracks[index].memory) } ?? false
            // Until no late reading can bring the block back.
            guard let rule, isBlocked || program.waits(rule, tracks[index].older.memory) else {
                tracks[index].judgements.remove(at: place)
                continue
            }
            tracks[index].judgements[place].codes &= codes
            tracks[index].judgements[place].isSeen = judged.isSeen && isSeen
            guard isBlocked, codes & ~judged.codes != 0 || isSeen && !judged.isSeen else { continue }
            let life = program.life(rule)
            var m = tracks[index].memory.words.mutableSpan
            for branch in program.rules[rule].branches.indices where life.branch(branch).mustEnd(m.span) {
                life.branch(branch).setMustEnd(false, &m)
                life.branch(branch).setWhenSince(time, &m)
            }
            agendas[tracks[index].program].mark(Int32(program.nodes.count + rule))
            hasNews = true
        }
        if hasNews { step(index, at: time, &sink) }
    }
}
