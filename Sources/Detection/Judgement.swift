import Elevator
import Encoding

/// What was known of a lift when a person judged an alert of it false: its condition may last and raises nothing, but what is
/// new against this does (entrapment.md: `judged_false` never blocks new evidence).
struct Judgement: Sendable, Equatable {
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

extension Detector {
    /// Codes that stand, and whether somebody is seen, as the rules take it.
    private func evidence(_ index: Int) -> (codes: UInt64, isSeen: Bool) {
        let memory = tracks[index].memory
        return (
            memory.isKnown(.codes) ? memory.signal(Signal.codes.rawValue) : 0,
            programs[tracks[index].program].occupancy(memory).verdict == .yes
        )
    }

    mutating func noteJudgement(_ index: Int, rule: String) {
        let (codes, isSeen) = evidence(index)
        tracks[index].judgement = Judgement(rule: rule, codes: codes, isSeen: isSeen)
    }

    /// A code that did not stand when an alert was judged false, the alarm button above all, or somebody who is seen now: the rule
    /// that was judged, and those that spoke through it, begin anew.
    mutating func lookForNewEvidence(_ index: Int, at time: Int64, _ sink: inout TransitionSink) {
        guard let judged = tracks[index].judgement else { return }
        let program = programs[tracks[index].program]
        guard let rule = program.rules.firstIndex(where: { $0.definition.name == judged.rule }) else {
            tracks[index].judgement = nil
            return
        }
        let related = [rule] + program.rules[rule].yieldsTo + program.rules[rule].yielders
        func waiting(_ memory: LiftMemory) -> [(rule: Int, branch: BranchLife)] {
            let m = memory.words.span
            return related.flatMap { rule in
                program.rules[rule].branches.indices.map { (rule, program.life(rule).branch($0)) }
            }.filter { $0.1.mustEnd(m) }
        }
        let blocked = waiting(tracks[index].memory)
        // Until no late reading can bring the block back.
        if blocked.isEmpty, waiting(tracks[index].older.memory).isEmpty {
            tracks[index].judgement = nil
            return
        }
        let (codes, isSeen) = evidence(index)
        tracks[index].judgement?.codes &= codes
        tracks[index].judgement?.isSeen = judged.isSeen && isSeen
        guard codes & ~judged.codes != 0 || isSeen && !judged.isSeen, !blocked.isEmpty else { return }
        for (rule, branch) in blocked {
            var m = tracks[index].memory.words.mutableSpan
            branch.setMustEnd(false, &m)
            branch.setWhenSince(time, &m)
            agendas[tracks[index].program].mark(Int32(program.nodes.count + rule))
        }
        step(index, at: time, &sink)
    }
}
