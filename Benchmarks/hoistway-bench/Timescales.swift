import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Traces by the patterns of "Timescales: A Benchmark Generator for MTL Monitoring Tools" (D. Ulus,
/// RV 2019): ten properties over p, q, r and s that hold on traces generated for them. The patterns
/// are the paper's, the generator is Hoistway's.
struct Timescales: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a Timescales trace to standard output, or print its formula.")

    @Argument(help: "The pattern: \(Pattern.allCases.map(\.rawValue).joined(separator: ", ")).")
    var pattern: Pattern
    @Option(help: "The bound of the pattern: 10, 100 or 1000.") var bound = 10
    @Option(help: "Rows.") var rows = 1_000_000
    @Flag(help: "Rows of changes only; otherwise one for each second.") var dense = false
    @Flag(help: "Print the formula instead.") var formula = false

    enum Pattern: String, CaseIterable, ExpressibleByArgument {
        case absentAQ, absentBQR, absentBR, alwaysAQ, alwaysBQR, alwaysBR, recurBQR, recurGLB,
            respondBQR, respondGLB

        func formula(_ b: Int) -> String {
            let within = "(r and not q and once(q)) implies"
            let response =
                "(s implies once(p, \(max(1, b / 10))s..\(b)s)) and not since(not s, p, \(b)s..)"
            return switch self {
            case .absentAQ: "held(once(q, \(b)s) implies since(not p, q))"
            case .absentBQR: "held(\(within) since(not p, q, 3s..\(b)s))"
            case .absentBR: "held(r implies held(not p, \(b)s))"
            case .alwaysAQ: "held(once(q, \(b)s) implies since(p, q))"
            case .alwaysBQR: "held(\(within) since(p, q, 3s..\(b)s))"
            case .alwaysBR: "held(r implies held(p, \(b)s))"
            case .recurBQR: "held(\(within) since(once(p or q, \(b)s), q))"
            case .recurGLB: "held(once(p, \(b)s))"
            case .respondBQR: "held(\(within) since(\(response), q))"
            case .respondGLB: "held(\(response))"
            }
        }
    }

    func run() throws {
        if formula { return print(pattern.formula(bound)) }
        var writer = TraceWriter(isDense: dense)
        var chance = Chance(seed: 2019)
        while writer.rows < rows { episode(&writer, &chance) }
        writer.flush()
    }

    /// A piece of trace of about the bound's length, in which the pattern's events happen once.
    private func episode(_ writer: inout TraceWriter, _ chance: inout Chance) {
        let length = bound
        let scope = 3 + chance.below(max(1, length - 3))
        let isBetween = [.absentBQR, .alwaysBQR, .recurBQR, .respondBQR].contains(pattern)
        let isAlways = pattern == .alwaysAQ || pattern == .alwaysBQR || pattern == .alwaysBR
        for second in 0..<length + 1 {
            let inScope = second >= 0 && second <= scope
            var p = isAlways
            switch pattern {
            case .absentAQ, .absentBQR, .absentBR: p = false
            case .recurBQR, .recurGLB: p = second % max(2, length / 2) == 0
            case .respondBQR, .respondGLB: p = inScope && second % max(2, length / 4) == 0
            default: break
            }
            // The response comes in the same episode as its trigger.
            let s =
                (pattern == .respondBQR || pattern == .respondGLB)
                && second == max(1, length / 4) + 1
            writer.append([p, second == 0, isBetween ? second == scope : second == length, s])
        }
    }
}

/// Writes rows of p, q, r and s to standard output.
struct TraceWriter {
    let isDense: Bool
    private(set) var rows = 0
    private var second = 0
    private var last: [Bool]?
    private var bytes: [UInt8] = []

    init(isDense: Bool) { self.isDense = isDense }

    mutating func append(_ values: [Bool]) {
        defer { second += 1 }
        if isDense, last == values { return }
        var line = "{\"t\":\(second)"
        for (name, i) in [("p", 0), ("q", 1), ("r", 2), ("s", 3)]
        where !isDense || last?[i] != values[i] {
            line += ",\"\(name)\":\(values[i])"
        }
        bytes.append(contentsOf: (line + "}\n").utf8)
        last = values
        rows += 1
        if bytes.count > 1 << 16 { flush() }
    }

    mutating func flush() {
        var offset = 0
        while offset < bytes.count {
            // The array outlives the call; the kernel only reads it.
            let count = bytes.withUnsafeBytes {
                write(1, $0.baseAddress! + offset, $0.count - offset)
            }
            if count <= 0 { return }
            offset += count
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
