import Encoding
import LiftModel

/// The layout of a program's memory and the meaning of its parts, with which a memory is carried
/// over to another program.
///
/// A node keeps its memory if the other program has a node that does the same; a rule's alert state
/// goes by the rule's name. So changing one rule leaves the others as they were, in a reload and
/// after a restart.
package struct ProgramShape: Sendable, Equatable {
    struct Part: Sendable, Equatable {
        /// See `Program.identities`.
        var identity: UInt64
        var slotCount: Int32
        var hasTimer: Bool
    }
    struct Rule: Sendable, Equatable {
        var name: String
        var version: String
        /// Empty: the layout from before rules had branches.
        var branches: [String]

        var stateSize: Int {
            branches.isEmpty
                ? StateBeforeBranches.wordCount : AlertStateMachine.size(branches: branches.count)
        }
    }
    var signals: [String]
    var nodes: [Part]
    var rules: [Rule]

    var layout: LiftLayout {
        LiftLayout(
            signals: signals.count, nodes: nodes.count,
            timers: 1 + nodes.count { $0.hasTimer } + rules.count,
            slots: nodes.reduce(0) { $0 + Int($1.slotCount) },
            alertStates: rules.reduce(0) { $0 + $1.stateSize })
    }

    /// 64-bit words of a lift's memory.
    package var memoryWords: Int { layout.size }
}

// MARK: In a snapshot

extension ProgramShape {
    package func write(to writer: inout ByteWriter) {
        writer.write(variable: UInt64(signals.count))
        for signal in signals { writer.write(signal) }
        writer.write(variable: UInt64(nodes.count))
        for node in nodes {
            writer.write(node.identity)
            writer.write(variable: UInt64(node.slotCount))
            writer.write(node.hasTimer)
        }
        writer.write(variable: UInt64(rules.count))
        for rule in rules {
            writer.write(rule.name)
            writer.write(rule.version)
            writer.write(variable: UInt64(rule.branches.count))
            for branch in rule.branches { writer.write(branch) }
        }
    }

    /// - Parameter hasBranches: false for a snapshot from before rules had branches.
    package init(from reader: inout ByteReader, hasBranches: Bool) throws(MalformedBytes) {
        signals = []
        nodes = []
        rules = []
        for _ in 0..<(try reader.readVariable()) { signals.append(try reader.readText()) }
        for _ in 0..<(try reader.readVariable()) {
            let identity: UInt64 = try reader.read()
            let slotCount = try reader.readVariable()
            guard slotCount < 1 << 20 else { throw MalformedBytes(offset: reader.offset) }
            nodes.append(
                Part(
                    identity: identity, slotCount: Int32(slotCount), hasTimer: try reader.readFlag()
                ))
        }
        for _ in 0..<(try reader.readVariable()) {
            var rule = Rule(
                name: try reader.readText(), version: try reader.readText(), branches: [])
            for _ in 0..<(hasBranches ? try reader.readVariable() : 0) {
                rule.branches.append(try reader.readText())
            }
            rules.append(rule)
        }
    }
}

extension Program {
    package var shape: ProgramShape {
        ProgramShape(
            signals: signals.entries.map(\.name),
            nodes: nodes.indices.map {
                ProgramShape.Part(
                    identity: identities[$0], slotCount: Int32(nodes[$0].slotCount),
                    hasTimer: nodes[$0].hasTimer)
            },
            rules: rules.map {
                ProgramShape.Rule(
                    name: $0.head.name, version: $0.head.version, branches: $0.branches.map(\.name))
            })
    }
}

/// Where each word of a program's memory comes from in another program's, computed once for all
/// lifts.
package struct Migration {
    private struct Copy {
        var from: Int
        var to: Int
        var count: Int
    }
    private let target: Program
    private let source: LiftLayout
    private var copies: [Copy] = []
    private var nodeMoves: [(from: Int, to: Int)] = []
    private var alertStates: [AlertStateMigration] = []
    private var signalMoves: [(from: Int, to: Int)] = []
    private let movedSignals: Set<String>
    /// The two programs have the same layout.
    let keepsEverything: Bool

    package init(from shape: ProgramShape, to target: Program) {
        self.target = target
        source = shape.layout
        keepsEverything = shape == target.shape
        movedSignals = Set(shape.signals)
        var slots: [Int] = []
        var slot = source.slots
        var indices: [UInt64: Int] = [:]
        for (i, part) in shape.nodes.enumerated() {
            slots.append(slot)
            slot += Int(part.slotCount)
            indices[part.identity] = i
        }
        for (i, node) in target.nodes.enumerated() {
            guard let old = indices[target.identities[i]],
                Int(shape.nodes[old].slotCount) == node.slotCount,
                shape.nodes[old].hasTimer == node.hasTimer
            else { continue }
            nodeMoves.append((old, i))
            copies.append(Copy(from: slots[old], to: Int(node.slot), count: node.slotCount))
        }
        alertStates = target.rules.indices.compactMap {
            AlertStateMigration(of: $0, in: target, from: shape)
        }
        for (i, name) in shape.signals.enumerated() {
            if let index = target.signals.index(of: name) { signalMoves.append((i, index)) }
        }
    }

    /// - Parameter old: a memory of the program this was made from.
    package func carry(_ old: LiftMemory, isObserving: Bool) -> LiftMemory {
        if keepsEverything { return old }
        var memory = target.begin(at: old.time)
        for i in [
            LiftLayout.time, LiftLayout.lastSignOfLife, LiftLayout.flags, LiftLayout.overflows,
        ] {
            memory.words[i] = old.words[i]
        }
        for (from, to) in signalMoves {
            memory.words[LiftLayout.signals + to] = old.words[LiftLayout.signals + from]
            if old.known & (1 << UInt64(from)) != 0 { memory.known |= 1 << UInt64(to) }
        }
        // A gateway signal that the old version did not know is false until it is set.
        for signal in Signal.allCases
        where signal.isFromGateway && !movedSignals.contains(signal.name) {
            if let index = target.signals.index(of: signal.name) {
                memory.known |= 1 << UInt64(index)
            }
        }
        for copy in copies {
            for i in 0..<copy.count { memory.words[copy.to + i] = old.words[copy.from + i] }
        }
        for move in nodeMoves {
            for (from, to) in [
                (source.surely, target.layout.surely), (source.possibly, target.layout.possibly),
            ] {
                let bit = old.words[from + move.from >> 6] >> Int64(move.from & 63) & 1
                let mask: Int64 = 1 << Int64(move.to & 63)
                let word = to + move.to >> 6
                memory.words[word] = memory.words[word] & ~mask | (bit != 0 ? mask : 0)
            }
        }
        for state in alertStates { state.carry(old, to: &memory, target) }
        memory.words[target.layout.timers] = old.words[source.timers]
        // Everything is evaluated at once: new nodes get their verdict, and old ones set their
        // timers.
        memory.deadline = old.time
        var sink = TransitionSink()
        target.settleAll(
            &memory,
            StepContext(
                time: old.time, isBaseline: true, isObserving: isObserving, isRaising: false), &sink
        )
        return memory
    }

    /// A changed rule has no past under its new text. Its present alert state is copied to the
    /// checkpoints, too, so that a replay does not evaluate it with a hold that never ran.
    package func carryChangedStates(from now: LiftMemory, to checkpoint: inout LiftMemory) {
        for state in alertStates where !state.isSame {
            let slot = target.alertState(state.rule).slot
            let size = AlertStateMachine.size(branches: target.rules[state.rule].branches.count)
            for i in slot..<slot + size { checkpoint.words[i] = now.words[i] }
        }
    }
}
