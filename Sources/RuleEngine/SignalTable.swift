import LiftModel

/// The signals that an expression may name: the product's catalogue, or the keys of a hand-written
/// trace.
public struct SignalTable: Sendable {
    public struct Entry: Sendable {
        public var name: String
        public var type: SignalType
        /// Some profile gives it a value; otherwise it is always unknown.
        public var isProvided: Bool
        public var goesStale: Bool
        public init(name: String, type: SignalType, isProvided: Bool = true, goesStale: Bool = true)
        {
            self.name = name
            self.type = type
            self.isProvided = isProvided
            self.goesStale = goesStale
        }
    }
    public var entries: [Entry]

    public init(_ entries: [Entry]) { self.entries = entries }

    /// The catalogue, of which a profile provides a part.
    public init(provided: Set<Signal>) {
        entries = Signal.allCases.map {
            Entry(
                name: $0.name, type: $0.type,
                isProvided: provided.contains($0) || $0.isAttribute || $0.isFromGateway,
                goesStale: $0.goesStale)
        }
    }

    package func index(of name: String) -> Int? { entries.firstIndex { $0.name == name } }

    /// The members of a family: `doors.fully_open` stands for `doors.front.fully_open` and
    /// `doors.rear.fully_open`.
    package func members(of family: String) -> [Int] {
        let parts = family.split(separator: ".")
        guard parts.count == 2 else { return [] }
        return entries.indices.filter {
            let name = entries[$0].name.split(separator: ".")
            return name.count == 3 && name[0] == parts[0] && name[2] == parts[1]
        }
    }

    /// `doors.front.locked` belongs to the family `doors.locked`.
    package static func family(of signal: String) -> String {
        let parts = signal.split(separator: ".")
        return parts.count == 3 ? parts[0] + "." + parts[2] : ""
    }

    /// Bit *i*: signal *i* becomes unknown when the lift has been silent for too long.
    var staleMask: UInt64 {
        entries.indices.reduce(0) { $0 | (entries[$1].goesStale ? 1 << UInt64($1) : 0) }
    }
}
