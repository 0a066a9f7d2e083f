/// Kleene's strong three-valued logic: unknown is a value of its own, and stays unknown unless the
/// other operand decides.
public enum Kleene: UInt8, Sendable, Comparable {
    case `false` = 0
    case unknown = 1
    case `true` = 2

    package init(_ value: Bool) { self = value ? .true : .false }

    public static func < (a: Kleene, b: Kleene) -> Bool { a.rawValue < b.rawValue }

    package static prefix func ! (a: Kleene) -> Kleene {
        switch a {
        case .false: .true
        case .unknown: .unknown
        case .true: .false
        }
    }
    package static func && (a: Kleene, b: Kleene) -> Kleene { min(a, b) }
    package static func || (a: Kleene, b: Kleene) -> Kleene { max(a, b) }
}
