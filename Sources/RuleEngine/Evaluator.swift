import LiftModel

/// Change propagation: the nodes that an input or a timer has marked are evaluated, then their
/// dependents if they have changed.
///
/// Truth is stored as two planes of bits, "surely" and "possibly". A verdict is true when both are
/// set, false when neither is, and unknown when only "possibly" is. Kleene's operators, and every
/// operator over time, work on each plane alone, because no operator becomes less true by an
/// operand that is more true (negation swaps the planes).
extension Program {
    /// The memory of a lift of which nothing is known yet.
    package func begin(at time: Int64, history: History = .unknown) -> LiftMemory {
        var memory = LiftMemory(words: Array(repeating: 0, count: layout.size))
        memory.time = time
        memory.lastSignOfLife = time
        memory.deadline = LiftMemory.never
        for timer in 0..<layout.timerCount {
            memory.words[layout.timers + timer] = LiftMemory.never
        }
        var m = memory.words.mutableSpan
        for index in nodes.indices { reset(index, &m, at: time, history) }
        for (i, rule) in rules.enumerated() {
            alertState(i).reset(&m, branches: rule.branches.count)
        }
        return memory
    }

    /// Evaluates everything: at the start of a record, and after memory was carried over from other
    /// rules.
    package func settleAll(
        _ memory: inout LiftMemory, _ context: StepContext, _ sink: inout TransitionSink
    ) {
        var agenda = Agenda(self)
        for index in 0..<nodes.count + rules.count { agenda.mark(Int32(index)) }
        step(&memory, &agenda, context, &sink)
    }

    /// Advances a lift to an instant: evaluates the marked nodes, and every timer that is due.
    package func step(
        _ memory: inout LiftMemory, _ agenda: inout Agenda, _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        var m = memory.words.mutableSpan
        var marks = agenda.words.mutableSpan
        m[LiftLayout.time] = context.time
        if m[LiftLayout.deadline] <= context.time { collectDueTimers(&m, &marks, context) }
        settle(&m, &marks, context, &sink)
    }

    private func collectDueTimers(
        _ m: inout MutableSpan<Int64>, _ marks: inout MutableSpan<UInt64>, _ context: StepContext
    ) {
        var next = LiftMemory.never
        for timer in 0..<layout.timerCount {
            let due = m[layout.timers + timer]
            if due > context.time {
                next = min(next, due)
            } else if timer == 0 {
                next = min(next, expireSignals(&m, &marks, context))
            } else {
                m[layout.timers + timer] = LiftMemory.never
                let owner = Int(timerOwners[timer])
                marks[owner >> 6] |= 1 << UInt64(owner & 63)
            }
        }
        m[LiftLayout.deadline] = next
    }

    /// The lift's own timer: after a long silence its signals become unknown.
    /// - Returns: when to check again.
    private func expireSignals(
        _ m: inout MutableSpan<Int64>, _ marks: inout MutableSpan<UInt64>, _ context: StepContext
    ) -> Int64 {
        let staleAt = m[LiftLayout.lastSignOfLife] &+ staleAfter
        if context.time < staleAt {
            m[layout.timers] = staleAt
            return staleAt
        }
        m[layout.timers] = LiftMemory.never
        m[LiftLayout.flags] |= LiftMemory.Flags.stale
        var lost = UInt64(bitPattern: m[LiftLayout.known]) & staleMask
        m[LiftLayout.known] &= ~Int64(bitPattern: staleMask)
        while lost != 0 {
            markReaders(lost.trailingZeroBitCount, &marks)
            lost &= lost - 1
        }
        return LiftMemory.never
    }

    /// Marks the nodes that read a signal.
    @inline(__always)
    func markReaders(_ signal: Int, _ marks: inout MutableSpan<UInt64>) {
        for position in readers.range(signal) {
            let node = readers[position]
            marks[node >> 6] |= 1 << UInt64(node & 63)
        }
    }

    private func settle(
        _ m: inout MutableSpan<Int64>, _ marks: inout MutableSpan<UInt64>, _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        // An operand stands before its operator, so one pass settles the nodes. Rules may wait for
        // each other's end. Each changes its phase at most twice in an instant, which bounds the
        // passes.
        var isSettled = false
        while !isSettled {
            isSettled = true
            for word in 0..<marks.count {
                while marks[word] != 0 {
                    let index = word << 6 | marks[word].trailingZeroBitCount
                    marks[word] &= marks[word] &- 1
                    if index < nodes.count {
                        let scope = Int(nodes[index].scope)
                        if scope != 0, !alertState(scope - 1).isOpen(m) { continue }
                        guard evaluate(index, &m, context) else { continue }
                        for position in dependents.range(index) {
                            let user = dependents[position]
                            marks[user >> 6] |= 1 << UInt64(user & 63)
                        }
                    } else if advanceRule(index - nodes.count, &m, context, &sink) {
                        for other in rules[index - nodes.count].yielders {
                            let user = nodes.count + other
                            marks[user >> 6] |= 1 << UInt64(user & 63)
                            if user < index { isSettled = false }
                        }
                    }
                }
            }
        }
        for word in pointMask.indices where pointMask[word] != 0 {
            m[layout.surely + word] &= ~Int64(bitPattern: pointMask[word])
            m[layout.possibly + word] &= ~Int64(bitPattern: pointMask[word])
        }
    }

    /// Starts the memory of a rule's `clear` and `presume_released` when its alert is raised.
    func beginScope(_ rule: CompiledRule, _ m: inout MutableSpan<Int64>, _ context: StepContext) {
        for index in rule.scoped {
            reset(index, &m, at: context.time, .unknown)
            _ = evaluate(index, &m, context)
        }
    }

    // MARK: Truth

    @inline(__always)
    func surely(_ operand: Operand, _ m: borrowing MutableSpan<Int64>) -> Bool {
        let node = operand.node
        let plane = operand.isNegated ? layout.possibly : layout.surely
        return (m[plane + node >> 6] >> Int64(node & 63)) & 1 != (operand.isNegated ? 1 : 0)
    }

    @inline(__always)
    func possibly(_ operand: Operand, _ m: borrowing MutableSpan<Int64>) -> Bool {
        !surely(!operand, m)
    }

    func verdict(_ operand: Operand, _ m: borrowing MutableSpan<Int64>) -> Kleene {
        surely(operand, m) ? .true : possibly(operand, m) ? .unknown : .false
    }

    @inline(__always)
    private func number(_ operand: Operand, _ m: borrowing MutableSpan<Int64>) -> Double {
        let node = nodes[operand.node]
        if node.operation == .numberConstant { return Double(bitPattern: node.constant) }
        return Double(bitPattern: UInt64(bitPattern: m[Int(node.slot)]))
    }

    /// - Returns: whether the value has changed.
    @inline(__always)
    func set(_ index: Int, surely: Bool, possibly: Bool, _ m: inout MutableSpan<Int64>) -> Bool {
        let word = index >> 6
        let bit: Int64 = 1 << Int64(index & 63)
        let before = (m[layout.surely + word] & bit, m[layout.possibly + word] & bit)
        let after = (surely ? bit : 0, possibly ? bit : 0)
        m[layout.surely + word] = m[layout.surely + word] & ~bit | after.0
        m[layout.possibly + word] = m[layout.possibly + word] & ~bit | after.1
        return before != after
    }

    @inline(__always)
    private func set(
        _ index: Int, _ node: Node, number: Double, isKnown: Bool, _ m: inout MutableSpan<Int64>
    ) -> Bool {
        let bits = Int64(bitPattern: number.bitPattern)
        let isNewValue = isKnown && m[Int(node.slot)] != bits
        m[Int(node.slot)] = bits
        // Not `||` around the call: the planes must be set in any case.
        let knownHasChanged = set(index, surely: isKnown, possibly: true, &m)
        return isNewValue || knownHasChanged
    }

    /// A node's timer. Each evaluation sets it again if the node needs one.
    @inline(__always)
    func arm(_ node: Node, _ due: Int64, _ m: inout MutableSpan<Int64>) {
        let timer = layout.timers + Int(node.timer)
        if due < m[timer] { m[timer] = due }
        if due < m[LiftLayout.deadline] { m[LiftLayout.deadline] = due }
    }

    // MARK: Meaning

    /// Sets a node's memory to "nothing seen yet".
    func reset(_ index: Int, _ m: inout MutableSpan<Int64>, at time: Int64, _ history: History) {
        let node = nodes[index]
        let slot = Int(node.slot)
        for i in 0..<node.slotCount { m[slot + i] = 0 }
        let isUnknown = history == .unknown
        var truth = (surely: false, possibly: true)
        switch node.operation {
        case .constant:
            let value = Kleene(rawValue: UInt8(node.constant)) ?? .unknown
            truth = (value == .true, value != .false)
        case .numberConstant: truth = (true, true)
        case .rise: m[slot] = Int64(Kleene.unknown.rawValue)
        case .latched: truth = (false, isUnknown)
        case .age: m[slot] = LiftMemory.never
        case .ever, .since, .sinceWithin, .sinceBetween, .unanswered, .count:
            resetStretches(node, &m, at: time, isPastUnknown: isUnknown)
        case .minimum, .maximum, .delta, .rate, .average:
            resetSamples(node, &m, at: time, isPastUnknown: isUnknown)
        case .countWhere: resetCountWhere(node, &m, at: time, isPastUnknown: isUnknown)
        case .today, .usual: resetDays(node, &m, at: time, isPastUnknown: isUnknown)
        default: break
        }
        if node.isPoint { truth = (false, false) }
        _ = set(index, surely: truth.surely, possibly: truth.possibly, &m)
        if node.hasTimer { m[layout.timers + Int(node.timer)] = LiftMemory.never }
    }

    /// Evaluates one node from its operands at this instant.
    /// - Returns: whether its value has changed.
    // Over 60 lines: one case an operator.
    func evaluate(_ index: Int, _ m: inout MutableSpan<Int64>, _ context: StepContext) -> Bool {
        let node = nodes[index]
        let slot = Int(node.slot)
        if node.timer >= 0 { m[layout.timers + Int(node.timer)] = LiftMemory.never }
        switch node.operation {
        case .constant, .numberConstant: return false
        case .signal:
            let isKnown = isKnown(node, m)
            let value = m[LiftLayout.signals + Int(node.signal)] != 0
            return set(index, surely: isKnown && value, possibly: !isKnown || value, &m)
        case .signalIsKnown: return set(index, isKnown(node, m), &m)
        case .isHeard:
            return set(index, m[LiftLayout.flags] & LiftMemory.Flags.hasSignOfLife != 0, &m)
        case .codesAny, .codesAll:
            let active =
                UInt64(bitPattern: m[LiftLayout.signals + Int(node.signal)]) & node.constant
            let value = node.operation == .codesAny ? active != 0 : active == node.constant
            let isKnown = isKnown(node, m)
            return set(index, surely: isKnown && value, possibly: !isKnown || value, &m)
        case .signalNumber:
            let bits = UInt64(bitPattern: m[LiftLayout.signals + Int(node.signal)])
            // An enumeration is stored as its index.
            let value = node.constant == 1 ? Double(bits) : Double(bitPattern: bits)
            return set(index, node, number: value, isKnown: isKnown(node, m), &m)
        case .add, .subtract, .multiply, .divide:
            let value = Self.calculate(node.operation, number(node.a, m), number(node.b, m))
            // A division by zero has no value: unknown, never a comparison with infinity.
            return set(
                index, node, number: value,
                isKnown: surely(node.a, m) && surely(node.b, m) && value.isFinite, &m)
        case .absolute:
            return set(index, node, number: abs(number(node.a, m)), isKnown: surely(node.a, m), &m)
        case .compare:
            let isKnown = surely(node.a, m) && surely(node.b, m)
            let value = Self.compare(node.comparison, number(node.a, m), number(node.b, m))
            return set(index, surely: isKnown && value, possibly: !isKnown || value, &m)
        case .isOneOf:
            let isKnown = surely(node.a, m)
            let value = isKnown && node.constant & (1 << UInt64(number(node.a, m))) != 0
            return set(index, surely: value, possibly: !isKnown || value, &m)
        case .and:
            return set(
                index, surely: surely(node.a, m) && surely(node.b, m),
                possibly: possibly(node.a, m) && possibly(node.b, m), &m)
        case .either:
            return set(
                index, surely: surely(node.a, m) || surely(node.b, m),
                possibly: possibly(node.a, m) || possibly(node.b, m), &m)
        case .surely: return set(index, surely(node.a, m), &m)
        case .last:
            // During silence the last value stays. A sensor that fails while the lift sends is
            // unknown, now and later.
            let now = verdict(node.a, m)
            if now == .unknown, m[LiftLayout.flags] & LiftMemory.Flags.stale != 0 { return false }
            return set(index, surely: now == .true, possibly: now != .false, &m)
        case .lastNumber:
            let isKnown = surely(node.a, m)
            if !isKnown, m[LiftLayout.flags] & LiftMemory.Flags.stale != 0 { return false }
            return set(index, node, number: number(node.a, m), isKnown: isKnown, &m)
        case .previous:
            let now = verdict(node.a, m)
            if now != .unknown { shift(slot, Int64(now.rawValue), &m) }
            let hasValue = m[slot + 2] == 2
            let value = m[slot] == Int64(Kleene.true.rawValue)
            return set(index, surely: hasValue && value, possibly: !hasValue || value, &m)
        case .previousNumber:
            if surely(node.a, m) {
                shift(slot, Int64(bitPattern: number(node.a, m).bitPattern), &m)
            }
            return set(index, surely: m[slot + 2] == 2, possibly: true, &m) || m[slot + 2] == 2
        case .rise:
            // An edge needs both values: from known false to known true. Unknown to true is no edge
            // (lessons, row 56).
            let now = verdict(node.a, m)
            let before = m[slot]
            m[slot] = Int64(now.rawValue)
            return set(
                index,
                before == Int64(Kleene.false.rawValue) && now == .true && !context.isBaseline, &m)
        case .numberChanges:
            let bits = Int64(bitPattern: number(node.a, m).bitPattern)
            let isKnown = surely(node.a, m)
            let changes = isKnown && m[slot + 1] == 1 && m[slot] != bits && !context.isBaseline
            m[slot] = bits
            m[slot + 1] = isKnown ? 1 : 0
            return set(index, changes, &m)
        case .latched:
            let now = (surely: surely(Operand(index), m), possibly: possibly(Operand(index), m))
            let reset = (surely: surely(node.b, m), possibly: possibly(node.b, m))
            let isSet = (
                surely: surely(node.a, m) && !(node.ofPoints && reset.possibly),
                possibly: possibly(node.a, m) && !(node.ofPoints && reset.surely)
            )
            return set(
                index, surely: isSet.surely || now.surely && !reset.possibly,
                possibly: isSet.possibly || now.possibly && !reset.surely, &m)
        case .ever, .since, .sinceWithin, .sinceBetween, .unanswered, .count:
            return evaluateStretches(index, node, &m, context)
        case .minimum, .maximum, .delta, .rate, .average:
            let isKnown = surely(node.a, m)
            return evaluateSamples(index, node, isKnown ? number(node.a, m) : .nan, &m, context)
        case .countWhere:
            return countWhere(
                index, node, surely(node.a, m) ? number(node.a, m) : nil, &m, context.time)
        case .today, .usual:
            let point = verdict(node.b, m)
            return countDays(
                index, node, point == .unknown ? nil : point == .true, &m, context.time)
        case .silent:
            guard context.isObserving else { return false }
            let due = m[LiftLayout.lastSignOfLife] &+ node.high
            if context.time < due { arm(node, due, &m) }
            return set(index, context.time >= due, &m)
        case .age:
            let reportedAt = m[slot]
            if reportedAt == LiftMemory.never {
                return set(index, surely: false, possibly: true, &m)
            }
            if context.time < reportedAt &+ node.high { arm(node, reportedAt &+ node.high, &m) }
            return set(index, context.time >= reportedAt &+ node.high, &m)
        }
    }

    @inline(__always)
    private func set(_ index: Int, _ value: Bool, _ m: inout MutableSpan<Int64>) -> Bool {
        set(index, surely: value, possibly: value, &m)
    }

    @inline(__always)
    private func isKnown(_ node: Node, _ m: borrowing MutableSpan<Int64>) -> Bool {
        m[LiftLayout.known] & (1 << Int64(node.signal)) != 0
    }

    /// Stores the previous value, the present one, and the number of values (0, 1, 2: more).
    private func shift(_ slot: Int, _ value: Int64, _ m: inout MutableSpan<Int64>) {
        if m[slot + 2] > 0, m[slot + 1] == value { return }
        if m[slot + 2] > 0 { m[slot] = m[slot + 1] }
        m[slot + 1] = value
        m[slot + 2] = min(2, m[slot + 2] + 1)
    }

    @inline(__always)
    private static func calculate(_ operation: Node.Operation, _ a: Double, _ b: Double) -> Double {
        switch operation {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        default: a / b
        }
    }

    @inline(__always)
    private static func compare(_ comparison: Node.Comparison, _ a: Double, _ b: Double) -> Bool {
        switch comparison {
        case .equal: a == b
        case .less: a < b
        case .lessOrEqual: a <= b
        }
    }
}
