import Elevator

/// How a program lays out a lift's memory, and what each part of it means: enough to carry a memory over to another program.
///
/// A node keeps its memory when a node that does the same exists in the other program; a rule's life goes by the rule's name.
/// So changing one rule leaves the others where they were, in a reload and after a restart alike.
struct ProgramShape: Sendable, Equatable {
    struct Part: Sendable, Equatable {
        /// See `Program.identities`.
        var identity: UInt64
        var slotCount: Int32
        var hasTimer: Bool
    }
    struct Rule: Sendable, Equatable {
        var name: String
        var version: String
        /// Empty: as written before rules had branches.
        var branches: [String]

        var lifeSize: Int { branches.isEmpty ? PlainLife.words : RuleLife.size(branches: branches.count) }
    }
    var signals: [String]
    var nodes: [Part]
    var rules: [Rule]

    var layout: LiftLayout {
        LiftLayout(
            signals: signals.count, nodes: nodes.count, timers: 1 + nodes.count { $0.hasTimer } + rules.count,
            slots: nodes.reduce(0) { $0 + Int($1.slotCount) }, lives: rules.reduce(0) { $0 + $1.lifeSize })
    }

    /// Where a rule's life begins behind `layout.rules`.
    func lifeOffset(_ rule: Int) -> Int { rules[..<rule].reduce(0) { $0 + $1.lifeSize } }
}

extension Program {
    var shape: ProgramShape {
        ProgramShape(
            signals: signals.entries.map(\.name),
            nodes: nodes.indices.map {
                ProgramShape.Part(
                    identity: identities[$0], slotCount: Int32(nodes[$0].slotCount), hasTimer: nodes[$0].hasTimer)
            },
            rules: rules.map {
                ProgramShape.Rule(
                    name: $0.definition.name, version: $0.version, branches: $0.branches.map(\.name))
            })
    }
}

/// Where each word of a program's memory comes from in another's, worked out once for all lifts.
struct Migration {
    private struct Copy {
        var from: Int
        var to: Int
        var count: Int
    }
    private let target: Program
    private let source: LiftLayout
    private var copies: [Copy] = []
    private var nodeMoves: [(from: Int, to: Int)] = []
    private var lives: [LifeMigration] = []
    private var signalMoves: [(from: Int, to: Int)] = []
    private let movedSignals: Set<String>
    /// Nothing has to be moved at all.
    let keepsEverything: Bool

    init(from shape: ProgramShape, to target: Program) {
        self.target = target
        source = shape.layout
        keepsEverything = shape == target.shape
        movedSignals = Set(shape.signals)
        var slots: [Int] = []
        var slot = source.slots
        var places: [UInt64: Int] = [:]
        for (i, part) in shape.nodes.enumerated() {
            slots.append(slot)
            slot += Int(part.slotCount)
            places[part.identity] = i
        }
        for (i, node) in target.nodes.enumerated() {
            guard let old = places[target.identities[i]], Int(shape.nodes[old].slotCount) == node.slotCount,
                shape.nodes[old].hasTimer == node.hasTimer
            else { continue }
            nodeMoves.append((old, i))
            copies.append(Copy(from: slots[old], to: Int(node.slot), count: node.slotCount))
        }
        lives = target.rules.indices.compactMap { LifeMigration(of: $0, in: target, from: shape) }
        for (i, name) in shape.signals.enumerated() {
            if let place = target.signals.index(of: name) { signalMoves.append((i, place)) }
        }
    }

    /// - Parameter old: a memory of the program this was made from.
    func carry(_ old: LiftMemory, isListening: Bool) -> LiftMemory {
        if keepsEverything { return old }
        var memory = target.begin(at: old.time)
        for i in [LiftLayout.time, LiftLayout.lastHeard, LiftLayout.flags, LiftLayout.overflows] {
            memory.words[i] = old.words[i]
        }
        for (from, to) in signalMoves {
            memory.words[LiftLayout.signals + to] = old.words[LiftLayout.signals + from]
            if old.known & (1 << UInt64(from)) != 0 { memory.known |= 1 << UInt64(to) }
        }
        // What no version before has known is not so until it is said.
        for signal in Signal.allCases where signal.isFromGateway && !movedSignals.contains(signal.name) {
            if let place = target.signals.index(of: signal.name) { memory.known |= 1 << UInt64(place) }
        }
        for copy in copies {
            for i in 0..<copy.count { memory.words[copy.to + i] = old.words[copy.from + i] }
        }
        for move in nodeMoves {
            for (from, to) in [(source.surely, target.layout.surely), (source.possibly, target.layout.possibly)] {
                let bit = old.words[from + move.from >> 6] >> Int64(move.from & 63) & 1
                let place: Int64 = 1 << Int64(move.to & 63)
                let word = to + move.to >> 6
                memory.words[word] = memory.words[word] & ~place | (bit != 0 ? place : 0)
            }
        }
        for life in lives { life.carry(old, to: &memory, target) }
        memory.words[target.layout.timers] = old.words[source.timers]
        // Everything looks at once: what is new finds its verdict, what was carried over sets its timers.
        memory.deadline = old.time
        var sink = TransitionSink()
        target.settleAll(
            &memory, StepContext(time: old.time, isBaseline: true, isListening: isListening, isRaising: false), &sink)
        return memory
    }

    /// A rule that has changed has no past under its new text: what its alert is now, it was at the checkpoints too, so that a
    /// late reading does not judge it by a hold that was never waited for.
    func carryChangedLives(from now: LiftMemory, to checkpoint: inout LiftMemory) {
        for life in lives where !life.isSame {
            let slot = target.life(life.rule).slot
            let size = RuleLife.size(branches: target.rules[life.rule].branches.count)
            for i in slot..<slot + size { checkpoint.words[i] = now.words[i] }
        }
    }
}
