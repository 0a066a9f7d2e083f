import Encoding
import LiftModel
import RuleEngine

/// The evidence that was known when a person judged an alert false. The condition may last and
/// raises nothing; new evidence raises an alert (entrapment.md: `judged_false` never blocks new
/// evidence).
///
/// A lift has at most one for each rule, the last. So several judgements, at once or in a row, lose
/// nothing.
struct Judgement: Sendable, Equatable {
    /// The rule whose condition raises nothing: that of the alert, or one that yields to it or the
    /// other way round.
    var rule: String
    /// Codes that were active then and have been active since.
    var codes: UInt64
    /// The rules found an occupant then, and have found one since.
    var isSeen: Bool

    func write(to writer: inout ByteWriter) {
        writer.write(rule)
        writer.write(codes)
        writer.write(isSeen)
    }

    init(rule: String, codes: UInt64, isSeen: Bool) {
        (self.rule, self.codes, self.isSeen) = (rule, codes, isSeen)
    }

    init(from reader: inout ByteReader) throws(MalformedBytes) {
        rule = try reader.readText()
        codes = try reader.read()
        isSeen = try reader.readFlag()
    }
}

extension LiftState {
    /// Judgements of a rule that has become a branch of another rule belong to that other rule.
    /// What was new evidence against any of them still is.
    mutating func renameJudgements(to rules: [CompiledRule]) {
        let old = judgements
        judgements = []
        for var judgement in old {
            let heir = rules.first { $0.branchHeads.contains { $0.formerly == judgement.rule } }
            if let heir { judgement.rule = heir.head.name }
            if let known = judgements.firstIndex(where: { $0.rule == judgement.rule }) {
                judgements[known].codes &= judgement.codes
                judgements[known].isSeen = judgements[known].isSeen && judgement.isSeen
            } else {
                judgements.append(judgement)
            }
        }
    }
}

extension LiftState {
    /// The active codes, and whether the rules find an occupant.
    private func evidence(_ program: borrowing Program) -> (codes: UInt64, isSeen: Bool) {
        (
            memory.isKnown(.codes) ? memory.signal(Signal.codes.rawValue) : 0,
            program.occupancy(memory).verdict == .yes
        )
    }

    /// An alert of this rule has been judged false: present evidence is not new for it, nor for the
    /// related rules.
    mutating func noteJudgement(ofRule rule: Int, _ program: borrowing Program) {
        let (codes, isSeen) = evidence(program)
        spread(Judgement(rule: "", codes: codes, isSeen: isSeen), from: rule, program)
    }

    /// Formats before 7 stored only the last judgement of a lift, under the name of the alert's
    /// rule, for all related rules.
    mutating func spreadJudgement(_ program: borrowing Program) {
        guard let old = judgements.first,
            let rule = program.rules.firstIndex(where: { $0.head.name == old.rule })
        else { return }
        spread(old, from: rule, program)
    }

    private mutating func spread(
        _ judgement: Judgement, from rule: Int, _ program: borrowing Program
    ) {
        for related in program.related(to: rule) {
            var own = judgement
            own.rule = program.rules[related].head.name
            judgements.removeAll { $0.rule == own.rule }
            judgements.append(own)
        }
    }

    /// New evidence restarts the rules that were judged: a code that was not active then, above all
    /// the alarm button, or an occupant who was not found then.
    mutating func checkNewEvidence(
        at time: Int64, _ gateway: GatewayTime, _ program: borrowing Program,
        _ agenda: inout Agenda, _ sink: inout TransitionSink
    ) {
        let (codes, isSeen) = evidence(program)
        var hasNewEvidence = false
        for (position, judged) in judgements.enumerated().reversed() {
            let rule = program.rules.firstIndex { $0.head.name == judged.rule }
            let isBlocked: Bool
            if let rule { isBlocked = program.waitsForEnd(rule, memory) } else { isBlocked = false }
            // A judgement stays until no late reading can bring the block back.
            guard let rule, isBlocked || program.waitsForEnd(rule, older.memory) else {
                judgements.remove(at: position)
                continue
            }
            judgements[position].codes &= codes
            judgements[position].isSeen = judged.isSeen && isSeen
            guard isBlocked, codes & ~judged.codes != 0 || isSeen && !judged.isSeen else {
                continue
            }
            program.releaseWaiting(rule, at: time, &memory)
            agenda.mark(rule: rule, of: program)
            hasNewEvidence = true
        }
        if hasNewEvidence { step(at: time, gateway, program, &agenda, &sink) }
    }
}
