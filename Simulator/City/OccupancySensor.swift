/// How the occupancy sensor of a lift is to be believed.
package enum OccupancySensor: String, CaseIterable, Sendable {
    case truthful, missing
    case stuckTrue = "stuck_true"
    case stuckFalse = "stuck_false"
    /// It tells the truth some seconds late.
    case lagging
    /// It loses people who keep still.
    case missesStill = "misses_still"
    /// It takes luggage for a person, and the warmth that a person left.
    case seesThings = "sees_things"

    /// The classes of quality that recall is reported by.
    package var quality: String {
        switch self {
        case .truthful: "truthful"
        case .missing: "missing"
        case .lagging: "lagging"
        case .stuckTrue, .stuckFalse: "stuck"
        case .missesStill, .seesThings: "erring"
        }
    }

    package static var qualities: [String] { ["truthful", "missing", "lagging", "stuck", "erring"] }
}
