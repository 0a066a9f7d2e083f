import LiftModel

/// The verdict of a condition from a time on.
public struct VerdictChange: Sendable, Equatable {
    public var time: Instant
    /// nil: unknown.
    public var value: Bool?
}

/// A trace of signals in compact rows, and the verdicts of one operand over it.
package struct SignalRows: Sendable {
    private var times: [Int64] = []
    /// The values of each row, one byte each: the signal, and whether it is known and true. Numbers
    /// and texts are in `values`.
    private var tags: [UInt8] = []
    private var values: [UInt64] = []
    private var tagEnds: [UInt32] = []
    private var valueEnds: [UInt32] = []
    /// The latest time of a row.
    package private(set) var newest = Int64.min
    private var isInOrder = true

    package init() {}

    package var isEmpty: Bool { times.isEmpty }

    /// Starts a row; the values added until the next one belong to it.
    package mutating func begin(_ time: Int64) {
        if time < newest { isInOrder = false }
        newest = max(newest, time)
        times.append(time)
        tagEnds.append(UInt32(tags.count))
        valueEnds.append(UInt32(values.count))
    }

    /// - Parameter signal: its index in the program's table, below 64.
    package mutating func add(_ signal: Int, _ flag: Bool) {
        append(UInt8(signal) << 2 | 2 | (flag ? 1 : 0))
    }
    /// A number, a name's index or a set of codes.
    package mutating func add(_ signal: Int, bits: UInt64) {
        append(UInt8(signal) << 2 | 2)
        values.append(bits)
        valueEnds[valueEnds.count - 1] += 1
    }
    package mutating func addUnknown(_ signal: Int) { append(UInt8(signal) << 2) }

    private mutating func append(_ tag: UInt8) {
        tags.append(tag)
        tagEnds[tagEnds.count - 1] += 1
    }

    /// The verdict at the first row and each change after it, in the order of time; of two rows at
    /// one time the later row wins.
    /// - Parameter until: nil: the last row.
    /// - Returns: nil if a window's ring had no room for a change.
    package func verdicts(
        of root: Operand, _ program: Program, until: Int64?, history: History
    ) -> [VerdictChange]? {
        let order = isInOrder ? nil : times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
        let first = order.map { times[$0[0]] } ?? times[0]
        let end = until ?? newest
        let isBoolean = program.signals.entries.map {
            if case .boolean = $0.type { true } else { false }
        }
        var memory = program.begin(at: first, history: history)
        // In a hand-written trace a signal goes stale by `null`.
        memory.words[LiftLayout.flags] = LiftMemory.Flags.hasSignOfLife | LiftMemory.Flags.stale
        var agenda = Agenda(program)
        for index in program.nodes.indices { agenda.mark(Int32(index)) }
        var verdicts: [VerdictChange] = []
        var sink = TransitionSink()
        func step(_ time: Int64) {
            program.step(&memory, &agenda, StepContext(time: time, history: history), &sink)
            let verdict = program.verdict(root, memory.words.mutableSpan)
            let value = verdict == .unknown ? nil : verdict == .true
            if verdicts.isEmpty || verdicts[verdicts.count - 1].value != value {
                verdicts.append(VerdictChange(time: Instant(nanoseconds: time), value: value))
            }
        }
        var next = 0
        while next < times.count {
            let time = times[order?[next] ?? next]
            if time > end { break }
            while memory.deadline < time { step(memory.deadline) }
            while next < times.count, times[order?[next] ?? next] == time {
                apply(order?[next] ?? next, program, isBoolean, &memory, &agenda)
                next += 1
            }
            step(time)
            if memory.overflows > 0 { return nil }
        }
        while memory.deadline <= end, memory.deadline != LiftMemory.never { step(memory.deadline) }
        return memory.overflows > 0 ? nil : verdicts
    }

    private func apply(
        _ row: Int, _ program: Program, _ isBoolean: [Bool], _ memory: inout LiftMemory,
        _ agenda: inout Agenda
    ) {
        var m = memory.words.mutableSpan
        var marks = agenda.words.mutableSpan
        var value = row == 0 ? 0 : Int(valueEnds[row - 1])
        for i in (row == 0 ? 0 : Int(tagEnds[row - 1]))..<Int(tagEnds[row]) {
            let signal = Int(tags[i] >> 2)
            let isKnown = tags[i] & 2 != 0
            let bit: Int64 = 1 << Int64(signal)
            var bits = Int64(tags[i] & 1)
            if isKnown, !isBoolean[signal] {
                bits = Int64(bitPattern: values[value])
                value += 1
            }
            for position in program.ageReaders.range(signal) {
                let node = program.ageReaders[position]
                m[Int(program.nodes[node].slot)] = times[row]
                marks[node >> 6] |= 1 << UInt64(node & 63)
            }
            let wasKnown = m[LiftLayout.known] & bit != 0
            if wasKnown == isKnown, !wasKnown || m[LiftLayout.signals + signal] == bits { continue }
            m[LiftLayout.known] = isKnown ? m[LiftLayout.known] | bit : m[LiftLayout.known] & ~bit
            m[LiftLayout.signals + signal] = bits
            program.markReaders(signal, &marks)
        }
        m[LiftLayout.lastSignOfLife] = times[row]
        for node in program.silences { marks[Int(node) >> 6] |= 1 << UInt64(node & 63) }
    }
}
