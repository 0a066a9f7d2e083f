import LiftModel

/// A rule set compiled for one kind of lift: a flat list of nodes, operands before operators, equal
/// sub-expressions once.
///
/// The dependents of each node are known beforehand, so only what a reading changed is evaluated
/// again. Rules are numbered behind the nodes; a rule is evaluated when one of its conditions has
/// changed. This is a class because it is passed around for every message and never changes.
final class Program: Sendable {
    let nodes: [Node]
    let rules: [CompiledRule]
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

    var agendaSize: Int { (nodes.count + rules.count + 63) / 64 }

    init(
        nodes drafts: [Node], identities: [UInt64], rules: [CompiledRule], signals: SignalTable, staleAfter: Duration,
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
            for operand in [node.a, node.b] where operand != .none { users[operand.node].append(Int32(i)) }
            if node.isPoint { pointMask[i >> 6] |= 1 << UInt64(i & 63) }
        }
        for (i, rule) in rules.enumerated() {
            for operand in rule.conditions where users[operand.node].last != Int32(nodes.count + i) {
                users[operand.node].append(Int32(nodes.count + i))
            }
        }
        self.readers = Adjacency(readers)
        self.ageReaders = Adjacency(ageReaders)
        self.pointMask = pointMask
        silences = nodes.indices.filter { nodes[$0].operation == .silent }.map { Int32($0) }
        lasts = nodes.indices.filter { [.last, .lastNumber].contains(nodes[$0].operation) }.map { Int32($0) }
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

/// Where everything stands in a lift's memory of 64-bit words.
struct LiftLayout: Sendable, Equatable {
    static let time = 0
    static let lastSignOfLife = 1
    static let flags = 2
    static let known = 3
    static let deadline = 4
    /// Change points for which a ring had no room.
    static let overflows = 5
    static let signals = 6

    /// 64 nodes a word: which are surely true, and which possibly.
    let surely: Int
    let possibly: Int
    let planeSize: Int
    let timers: Int
    let timerCount: Int
    let slots: Int
    let rules: Int
    let size: Int

    /// - Parameter alertStates: the number of words of all rules' alert states.
    init(signals: Int, nodes: Int, timers timerCount: Int, slots slotCount: Int, alertStates: Int) {
        planeSize = (nodes + 63) / 64
        surely = Self.signals + signals
        possibly = surely + planeSize
        timers = possibly + planeSize
        self.timerCount = timerCount
        slots = timers + timerCount
        rules = slots + slotCount
        size = rules + alertStates
    }
}

/// A compiled rule. A class, so that the hot path passes a reference around.
final class CompiledRule: Sendable {
    struct Grade: Sendable {
        var condition: Operand
        var severity: Severity
    }
    let definition: RuleDefinition
    let version: String
    let branches: [CompiledBranch]
    /// The rules whose open alert inhibits this one, and below (`yielders`) the rules that this one
    /// inhibits.
    let yieldsTo: [Int]
    let clear: Operand
    let presume: Operand?
    let grades: [Grade]
    /// Nodes whose memory starts when this rule's alert is raised.
    let scoped: [Int]
    let yielders: [Int]

    init(
        definition: RuleDefinition, version: String, branches: [CompiledBranch], yieldsTo: [Int], yielders: [Int],
        clear: Operand, presume: Operand?, grades: [Grade], scoped: [Int]
    ) {
        self.definition = definition
        self.version = version
        self.branches = branches
        self.yieldsTo = yieldsTo
        self.yielders = yielders
        self.clear = clear
        self.presume = presume
        self.grades = grades
        self.scoped = scoped
    }

    var conditions: [Operand] {
        [clear] + branches.flatMap(\.conditions) + grades.map(\.condition) + [presume].compactMap { $0 }
    }

    /// The title of the alert while this branch is its reason.
    func title(_ branch: Int, _ state: AlertState) -> Title {
        let own = definition.branches[branch]
        if state != .confirmed || own.stage == .confirmed { return own.title ?? definition.title }
        return own.escalation?.title ?? definition.title
    }
}

/// One branch of a rule, compiled.
struct CompiledBranch: Sendable {
    struct Suppressor: Sendable {
        var condition: Operand
        /// What must have held when the branch's own condition began; nil: the suppressor may come
        /// at any time. With a cool-down, it suppresses what began before its end, and nothing that
        /// begins in the cool-down.
        var precedingOnset: Operand?
        /// It suppresses a suspicion that is at most this old.
        var reachesBack: Int64?
        var name: String
    }
    struct Escalation: Sendable {
        /// `LiftMemory.never`: not by time.
        var hold: Int64
        /// While this is true, the hold does not run.
        var unless: Operand?
        /// When this is true, the alert is confirmed at once.
        var when: Operand?
        var because: String
    }
    let name: String
    let when: Operand
    let hold: Int64
    let stage: AlertState
    var addsUpUntil: Operand?
    var suppressors: [Suppressor] = []
    var escalation: Escalation?
    var revise: Operand?

    init(name: String, when: Operand, hold: Int64, stage: AlertState) {
        self.name = name
        self.when = when
        self.hold = hold
        self.stage = stage
    }

    var conditions: [Operand] {
        [when] + suppressors.map(\.condition) + suppressors.compactMap(\.precedingOnset)
            + [addsUpUntil, revise, escalation?.unless, escalation?.when].compactMap { $0 }
    }
}
