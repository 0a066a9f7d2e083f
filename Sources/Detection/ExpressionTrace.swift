import Elevator
import Encoding

/// A hand-written trace for one expression: the workbench behind `hoistway rules eval`.
public struct ExpressionTrace: Sendable {
    public enum Value: Sendable, Equatable {
        case boolean(Bool)
        case number(Double)
        case word(String)
        /// Written `null`.
        case unknown
    }
    public struct Row: Sendable {
        public var time: Instant
        public var values: [(signal: String, value: Value)]
        public init(time: Instant, values: [(signal: String, value: Value)]) {
            self.time = time
            self.values = values
        }
    }
    public struct Verdict: Sendable, Equatable {
        public var time: Instant
        /// nil is unknown.
        public var value: Bool?
    }

    private var rows: [Row]

    /// - Parameter rows: in any order; of two at one time the later in the list wins.
    public init(_ rows: [Row]) {
        self.rows = rows.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(
            \.element)
    }

    /// The verdict at the first row and each change after it, up to and including `until` (by default the last row).
    /// - Throws: `ExpressionError` where the expression is wrong or does not fit the trace.
    public func verdicts(of text: String, until: Instant? = nil, history: History) throws(ExpressionError) -> [Verdict]
    {
        let expression = try ExpressionParser.parse(text)
        let table = try signalTable(for: expression)
        guard let first = rows.first?.time else { return [] }
        let end = until ?? rows[rows.count - 1].time
        var compiler = Compiler(signals: table, parameters: [:], lets: [:])
        let root = try compiler.condition(expression)
        let program = compiler.finish([], staleAfter: .nanoseconds(Int64.max / 4))
        var memory = LiftMemory(program, start: first.nanoseconds, history: history)
        memory.isHeard = true
        // In a hand-written trace null is how a signal goes stale.
        memory.isStale = true
        memory.deadline = LiftMemory.never
        var verdicts: [Verdict] = []
        var sink = TransitionSink()
        func step(_ time: Int64) {
            program.step(&memory, StepContext(time: time, history: history), &sink)
            let verdict = Kleene(rawValue: memory.verdicts[root]) ?? .unknown
            let value = verdict == .unknown ? nil : verdict == .true
            if verdicts.isEmpty || verdicts[verdicts.count - 1].value != value {
                verdicts.append(Verdict(time: Instant(nanoseconds: time), value: value))
            }
        }
        func runTimers(before time: Int64) {
            while memory.deadline < time { step(memory.deadline) }
        }
        var next = 0
        while next < rows.count, rows[next].time <= end {
            let time = rows[next].time
            runTimers(before: time.nanoseconds)
            while next < rows.count, rows[next].time == time {
                apply(rows[next], table, &memory)
                next += 1
            }
            memory.lastHeard = time.nanoseconds
            step(time.nanoseconds)
        }
        runTimers(before: end.nanoseconds == Int64.max ? Int64.max : end.nanoseconds + 1)
        return verdicts
    }

    private func apply(_ row: Row, _ table: SignalTable, _ memory: inout LiftMemory) {
        for (signal, value) in row.values {
            guard let index = table.index(of: signal) else { continue }
            let bit: UInt64 = 1 << UInt64(index)
            memory.known |= bit
            switch (value, table.entries[index].type) {
            case (.boolean(let flag), _): memory.signals[index] = flag ? 1 : 0
            case (.number(let number), _): memory.signals[index] = number.bitPattern
            case (.word(let word), .enumeration(let names)):
                memory.signals[index] = UInt64(names.firstIndex(of: word) ?? 0)
            default: memory.known &= ~bit
            }
        }
    }

    /// The types of the signals the expression names, as the trace shows them.
    private func signalTable(for expression: Expression) throws(ExpressionError) -> SignalTable {
        var words: [String: Int] = [:]
        expression.collectWords(&words)
        var kinds: [String: (type: SignalType?, names: Set<String>)] = [:]
        for row in rows {
            for (signal, value) in row.values where words[signal] != nil || words[SignalTable.family(of: signal)] != nil
            {
                var kind = kinds[signal] ?? (nil, [])
                let type: SignalType?
                switch value {
                case .boolean: type = .boolean
                case .number: type = .number(unit: "")
                case .word(let word):
                    type = .enumeration([])
                    kind.names.insert(word)
                case .unknown: type = nil
                }
                if let type, let known = kind.type, type != known {
                    throw ExpressionError(
                        offset: words[signal] ?? 0,
                        message:
                            "'\(signal)' changes its type at t = \(JSONWriter.decimalSeconds(row.time.nanoseconds))")
                }
                kind.type = kind.type ?? type
                kinds[signal] = kind
            }
        }
        guard kinds.count <= Reading.capacity * 2 else {
            throw ExpressionError(
                offset: 0, message: "names \(kinds.count) signals; the limit is \(Reading.capacity * 2)")
        }
        let values = Set(words.keys.filter { kinds[$0] == nil })
        return SignalTable(
            kinds.sorted { $0.key < $1.key }.map { name, kind in
                var type = kind.type ?? .boolean
                // Bare words that are no key of the trace are values.
                if case .enumeration = type {
                    type = .enumeration(kind.names.union(values).sorted().prefix(64).map { $0 })
                }
                return SignalTable.Entry(name: name, type: type, goesStale: false)
            })
    }
}

extension SignalTable {
    /// `doors.front.locked` belongs to the family `doors.locked`.
    static func family(of signal: String) -> String {
        let parts = signal.split(separator: ".")
        return parts.count == 3 ? parts[0] + "." + parts[2] : ""
    }
}

extension Expression {
    /// Every name and quoted text, with its place.
    func collectWords(_ words: inout [String: Int]) {
        switch form {
        case .name(let name), .text(let name): words[name] = offset
        case .number, .duration: break
        case .set(let items), .call(_, let items): for item in items { item.collectWords(&words) }
        case .not(let a): a.collectWords(&words)
        case .and(let a, let b), .or(let a, let b), .implies(let a, let b), .compare(_, let a, let b),
            .arithmetic(_, let a, let b), .member(let a, let b):
            a.collectWords(&words)
            b.collectWords(&words)
        }
    }
}
