import LiftModel

/// A rule set compiled for one kind of lift: a flat list of nodes, operands before operators, equal
/// sub-expressions once.
///
/// The module guarantees: the same inputs at the same times give the same verdicts and transitions,
/// however often time is advanced between them; a step allocates nothing unless an alert changes;
/// and a lift's memory has one size for as long as its program runs. It keeps this by one flat
/// record for each lift (`LiftMemory`), in which every operator has fixed slots and a timer of its
/// own, and by `step` (Evaluator.swift) as the only way on. Nodes, rules and their alerts' states
/// are advanced in one loop, because rules may wait for each other's end within an instant. It
/// knows no rule file, no message order and no clock.
///
/// The dependents of each node are known beforehand, so only what a reading changed is evaluated
/// again. Rules are numbered behind the nodes; a rule is evaluated when one of its conditions has
/// changed. This is a class because it is passed around for every message and never changes.
package final class Program: Sendable {
    let nodes: [Node]
    package let rules: [CompiledRule]
    let signals: SignalTable
    let staleMask: UInt64
    let staleAfter: Int64
    let layout: LiftLayout
    /// Where each rule's alert state begins behind `layout.rules`.
    let alertStateOffsets: [Int]
    /// Nodes to evaluate when a signal changes, when it is sent again, and when a message ends a
    /// silence.
    let readers: Adjacency
    let ageReaders: Adjacency
    let silences: [Int32]
    let lasts: [Int32]
    let heardReaders: [Int32]
    let pointMask: [UInt64]
    /// The nodes and rules to evaluate when a node has changed.
    let dependents: Adjacency
    /// The node or rule of a timer; timer 0 is the lift's own silence.
    let timerOwners: [Int32]
    /// Equal for nodes of two programs that do the same: memory is carried over a change of rules
    /// by it.
    let identities: [UInt64]
    let occupancyParts: OccupancyParts

    /// Operators after equal sub-expressions are shared.
    package var nodeCount: Int { nodes.count }
    /// Bytes of a lift's memory.
    package var memorySize: Int { layout.size * 8 }

    var agendaSize: Int { (nodes.count + rules.count + 63) / 64 }

    // Over 60 lines: the parts of a program, each from those before it.
    package init(
        nodes drafts: [Node], identities: [UInt64], rules: [CompiledRule], signals: SignalTable,
        staleAfter: Duration,
        occupancyParts: OccupancyParts = OccupancyParts()
    ) {
        self.occupancyParts = occupancyParts
        var nodes = drafts
        var owners: [Int32] = [-1]
        var slots = 0
        for i in nodes.indices {
            nodes[i].slot = Int32(slots)
            slots += nodes[i].slotCount
            if nodes[i].hasTimer {
                nodes[i].timer = Int32(owners.count)
                owners.append(Int32(i))
            }
        }
        var stateWords = 0
        var alertStateOffsets: [Int] = []
        for (i, rule) in rules.enumerated() {
            owners.append(Int32(nodes.count + i))
            alertStateOffsets.append(stateWords)
            stateWords += AlertStateMachine.size(branches: rule.branches.count)
        }
        self.alertStateOffsets = alertStateOffsets
        layout = LiftLayout(
            signals: signals.entries.count, nodes: nodes.count, timers: owners.count, slots: slots,
            alertStates: stateWords)
        for i in nodes.indices { nodes[i].slot += Int32(layout.slots) }
        self.nodes = nodes
        self.rules = rules
        self.signals = signals
        self.identities = identities
        self.staleAfter = staleAfter.nanoseconds
        staleMask = signals.staleMask
        timerOwners = owners

        var readers = Array(repeating: [Int32](), count: signals.entries.count)
        var ageReaders = readers
        var users = Array(repeating: [Int32](), count: nodes.count)
        var pointMask = Array(repeating: UInt64(0), count: layout.planeSize)
        for (i, node) in nodes.enumerated() {
            switch node.operation {
            case .signal, .signalIsKnown, .signalNumber, .codesAny, .codesAll:
                readers[Int(node.signal)].append(Int32(i))
            case .age: ageReaders[Int(node.signal)].append(Int32(i))
            default: break
            }
            for operand in [node.a, node.b] where operand != .none {
                users[operand.node].append(Int32(i))
            }
            if node.isPoint { pointMask[i >> 6] |= 1 << UInt64(i & 63) }
        }
        for (i, rule) in rules.enumerated() {
            for operand in rule.conditions where users[operand.node].last != Int32(nodes.count + i)
            {
                users[operand.node].append(Int32(nodes.count + i))
            }
        }
        self.readers = Adjacency(readers)
        self.ageReaders = Adjacency(ageReaders)
        self.pointMask = pointMask
        silences = nodes.indices.filter { nodes[$0].operation == .silent }.map { Int32($0) }
        lasts = nodes.indices.filter { [.last, .lastNumber].contains(nodes[$0].operation) }.map {
            Int32($0)
        }
        heardReaders = nodes.indices.filter { nodes[$0].operation == .isHeard }.map { Int32($0) }
        dependents = Adjacency(users)
    }
}

/// Lists of indices in one array: access counts no reference.
struct Adjacency: Sendable {
    private let starts: [Int32]
    private let indices: [Int32]

    init(_ lists: [[Int32]]) {
        var starts: [Int32] = [0]
        var indices: [Int32] = []
        for list in lists {
            indices += list
            starts.append(Int32(indices.count))
        }
        self.starts = starts
        self.indices = indices
    }

    /// The positions of a list's entries.
    @inline(__always)
    func range(_ list: Int) -> Range<Int> { Int(starts[list])..<Int(starts[list + 1]) }
    @inline(__always)
    subscript(position: Int) -> Int { Int(indices[position]) }
}
