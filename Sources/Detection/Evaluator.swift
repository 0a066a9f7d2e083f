import Elevator

/// What the evaluation of one step knows beside the lift's memory.
struct StepContext {
    var time: Int64
    /// The inputs are the present state of things after a gap, not changes: edges are not seen.
    var isBaseline = false
    var isListening = true
    var history = History.unknown
}

extension Program {
    /// Sets a node's memory to "nothing seen yet".
    func reset(_ index: Int, of memory: inout LiftMemory, at time: Int64, _ history: History) {
        let node = nodes[index]
        let slot = Int(node.slot)
        // Past before the first value: unknown until `time`, or empty.
        let unknownUntil = history == .unknown ? time : LiftMemory.beforeAll
        switch node.operation {
        case .last, .rise, .fall: memory.slots[slot] = Int64(Kleene.unknown.rawValue)
        case .once, .held, .since:
            let empty: Kleene = node.operation == .held ? .true : .false
            memory.slots[slot] = Int64((history == .unknown ? Kleene.unknown : empty).rawValue)
        case .onceWithin, .heldWithin, .onceEventWithin:
            memory.slots[slot] = LiftMemory.beforeAll
            memory.slots[slot + 1] = unknownUntil
        case .count:
            memory.slots[slot] = unknownUntil
            memory.slots[slot + 1] = 0
            for i in 0..<Int(node.constant) { memory.slots[slot + 2 + i] = LiftMemory.beforeAll }
        case .lastNumber, .numberChanges:
            memory.slots[slot] = 0
            memory.slots[slot + 1] = 0
        default: break
        }
    }

    /// Evaluates every node and every rule at one instant.
    func step(_ memory: inout LiftMemory, _ context: StepContext, _ emit: inout TransitionSink) {
        memory.time = context.time
        memory.deadline = LiftMemory.never
        if memory.isHeard, memory.known & staleMask != 0 {
            let staleAt = memory.lastHeard &+ staleAfter
            if context.time >= staleAt {
                memory.known &= ~staleMask
                memory.isStale = true
            } else {
                memory.deadline = staleAt
            }
        }
        for index in nodes.indices {
            let scope = nodes[index].scope
            if scope != 0, !life(Int(scope) - 1).isOpen(memory) { continue }
            evaluate(index, &memory, context)
        }
        for index in rules.indices { live(index, &memory, context, &emit) }
    }

    /// Evaluates one node from its operands' verdicts at this instant.
    private func evaluate(_ index: Int, _ m: inout LiftMemory, _ context: StepContext) {
        let node = nodes[index]
        let slot = Int(node.slot)
        func verdict(_ operand: Int32) -> Kleene { Kleene(rawValue: m.verdicts[Int(operand)]) ?? .unknown }
        func isKnown(_ signal: UInt64) -> Bool { m.known & (1 << signal) != 0 }
        let result: Kleene
        switch node.operation {
        case .constant: result = Kleene(rawValue: UInt8(node.constant)) ?? .unknown
        case .signal: result = isKnown(node.constant) ? Kleene(m.signals[Int(node.constant)] != 0) : .unknown
        case .signalIsKnown: result = Kleene(isKnown(node.constant))
        case .isHeard: result = Kleene(m.isHeard)
        case .codesAny:
            let active = m.signals[Int(node.comparison)] & node.constant
            result = isKnown(UInt64(node.comparison)) ? Kleene(active != 0) : .unknown
        case .codesAll:
            let active = m.signals[Int(node.comparison)] & node.constant
            result = isKnown(UInt64(node.comparison)) ? Kleene(active == node.constant) : .unknown
        case .numberConstant:
            m.numbers[index] = Double(bitPattern: node.constant)
            result = .true
        case .signalNumber:
            let bits = m.signals[Int(node.constant)]
            // An enumeration is stored as its index.
            m.numbers[index] = node.comparison == 1 ? Double(bits) : Double(bitPattern: bits)
            result = isKnown(node.constant) ? .true : .unknown
        case .add, .subtract, .multiply, .divide:
            result = arithmetic(node, index, &m)
        case .compare:
            result =
                verdict(node.a) == .true && verdict(node.b) == .true
                ? Kleene(Self.compare(node.comparison, m.numbers[Int(node.a)], m.numbers[Int(node.b)])) : .unknown
        case .isOneOf:
            result =
                verdict(node.a) == .true
                ? Kleene(node.constant & (1 << UInt64(m.numbers[Int(node.a)])) != 0) : .unknown
        case .not: result = !verdict(node.a)
        case .and: result = verdict(node.a) && verdict(node.b)
        case .or: result = verdict(node.a) || verdict(node.b)
        case .known: result = Kleene(verdict(node.a) != .unknown)
        case .numberIsKnown: result = Kleene(verdict(node.a) == .true)
        case .possibly: result = Kleene(verdict(node.a) != .false)
        case .last:
            let now = verdict(node.a)
            // Silence keeps what was said before it. A sensor that fails while the lift speaks is unknown, now and later.
            if now != .unknown || !m.isStale { m.slots[slot] = Int64(now.rawValue) }
            result = Kleene(rawValue: UInt8(m.slots[slot])) ?? .unknown
        case .lastNumber:
            let isKnown = verdict(node.a) == .true
            if isKnown || !m.isStale {
                m.slots[slot] = Int64(bitPattern: m.numbers[Int(node.a)].bitPattern)
                m.slots[slot + 1] = isKnown ? 1 : 0
            }
            m.numbers[index] = Double(bitPattern: UInt64(bitPattern: m.slots[slot]))
            result = m.slots[slot + 1] == 1 ? .true : .unknown
        case .rise, .fall:
            // An edge is something seen: from known false to known true. Unknown to true is none (lessons, row 56).
            let now = verdict(node.a)
            let before = Kleene(rawValue: UInt8(m.slots[slot])) ?? .unknown
            m.slots[slot] = Int64(now.rawValue)
            let (from, to): (Kleene, Kleene) = node.operation == .rise ? (.false, .true) : (.true, .false)
            result = Kleene(before == from && now == to && !context.isBaseline)
        case .numberChanges:
            let bits = Int64(bitPattern: m.numbers[Int(node.a)].bitPattern)
            let isKnown = verdict(node.a) == .true
            result = Kleene(isKnown && m.slots[slot + 1] == 1 && m.slots[slot] != bits && !context.isBaseline)
            m.slots[slot] = bits
            m.slots[slot + 1] = isKnown ? 1 : 0
        case .once:
            let now = verdict(node.a)
            if now == .true || (now == .false && m.slots[slot] == Int64(Kleene.unknown.rawValue)) {
                m.slots[slot] = max(now == .true ? 2 : 0, m.slots[slot] == 2 ? 2 : 0)
            }
            result = Kleene(rawValue: UInt8(m.slots[slot])) ?? .unknown
        case .held:
            let now = verdict(node.a)
            if now == .false || (now == .true && m.slots[slot] == Int64(Kleene.unknown.rawValue)) {
                m.slots[slot] = Int64(now.rawValue)
            }
            result = Kleene(rawValue: UInt8(m.slots[slot])) ?? .unknown
        case .onceWithin: result = recently(verdict(node.a), node, &m, context.time)
        case .heldWithin: result = !recently(!verdict(node.a), node, &m, context.time)
        case .onceEventWithin:
            if verdict(node.a) == .true { m.slots[slot] = context.time }
            result = windowVerdict(node, &m, context.time)
        case .since:
            // At t: q(t), or p(t) with the carry of what came before. The carry also needs p from t on.
            let p = verdict(node.a)
            let q = verdict(node.b)
            let carry = Kleene(rawValue: UInt8(m.slots[slot])) ?? .unknown
            result = q || (p && carry)
            m.slots[slot] = Int64((p && (q || carry)).rawValue)
        case .count: result = count(node, &m, context.time, isPoint: verdict(node.a) == .true)
        case .silent:
            let due = m.lastHeard &+ node.window
            result = Kleene(context.isListening ? context.time >= due : m.verdicts[index] == Kleene.true.rawValue)
            if result == .false, context.isListening { m.deadline = min(m.deadline, due) }
        }
        m.verdicts[index] = result.rawValue
    }

    private func arithmetic(_ node: Node, _ index: Int, _ m: inout LiftMemory) -> Kleene {
        let a = m.numbers[Int(node.a)]
        let b = m.numbers[Int(node.b)]
        switch node.operation {
        case .add: m.numbers[index] = a + b
        case .subtract: m.numbers[index] = a - b
        case .multiply: m.numbers[index] = a * b
        default: m.numbers[index] = a / b
        }
        // A division by zero has no value: unknown, never a comparison with infinity.
        let isKnown = m.verdicts[Int(node.a)] == 2 && m.verdicts[Int(node.b)] == 2 && m.numbers[index].isFinite
        return isKnown ? .true : .unknown
    }

    private static func compare(_ comparison: UInt8, _ a: Double, _ b: Double) -> Bool {
        switch comparison {
        case 0: a == b
        case 1: a != b
        case 2: a < b
        case 3: a <= b
        case 4: a > b
        default: a >= b
        }
    }

    /// Was the operand true at some time of [t − window, t]?
    ///
    /// The operand is a right-continuous step: true on [s, e) makes this true on [s, e + window). So two times suffice: the
    /// end of the last true stretch and of the last stretch that was true or unknown, `never` while it lasts.
    private func recently(_ now: Kleene, _ node: Node, _ m: inout LiftMemory, _ time: Int64) -> Kleene {
        let slot = Int(node.slot)
        if now == .true {
            m.slots[slot] = LiftMemory.never
        } else if m.slots[slot] == LiftMemory.never {
            m.slots[slot] = time
        }
        if now != .false {
            m.slots[slot + 1] = LiftMemory.never
        } else if m.slots[slot + 1] == LiftMemory.never {
            m.slots[slot + 1] = time
        }
        return windowVerdict(node, &m, time)
    }

    private func windowVerdict(_ node: Node, _ m: inout LiftMemory, _ time: Int64) -> Kleene {
        let lastTrue = m.slots[Int(node.slot)]
        if lastTrue == LiftMemory.never { return .true }
        if time < lastTrue &+ node.window {
            m.deadline = min(m.deadline, lastTrue &+ node.window)
            return .true
        }
        let lastPossible = m.slots[Int(node.slot) + 1]
        if lastPossible == LiftMemory.never { return .unknown }
        if time < lastPossible &+ node.window {
            m.deadline = min(m.deadline, lastPossible &+ node.window)
            return .unknown
        }
        return .false
    }

    /// At least `constant` points in (t − window, t]? A ring of that many times decides it.
    private func count(_ node: Node, _ m: inout LiftMemory, _ time: Int64, isPoint: Bool) -> Kleene {
        let slot = Int(node.slot)
        let n = Int(node.constant)
        if isPoint {
            m.slots[slot + 2 + Int(m.slots[slot + 1])] = time
            m.slots[slot + 1] = (m.slots[slot + 1] + 1) % Int64(n)
        }
        // The oldest of the last n points stands where the next one will be written.
        let oldest = m.slots[slot + 2 + Int(m.slots[slot + 1])]
        if time < oldest &+ node.window {
            m.deadline = min(m.deadline, oldest &+ node.window)
            return .true
        }
        let knownFrom = m.slots[slot] &+ node.window
        if time < knownFrom {
            m.deadline = min(m.deadline, knownFrom)
            return .unknown
        }
        return .false
    }

    /// Begins the memory of a rule's `clear` and `presume_released` at the moment its alert is raised.
    func beginScope(_ rule: CompiledRule, _ memory: inout LiftMemory, _ context: StepContext) {
        for index in rule.scoped {
            reset(index, of: &memory, at: context.time, .unknown)
            evaluate(index, &memory, context)
        }
    }
}
