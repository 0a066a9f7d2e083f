/// The kind of a lift's occupancy sensor: how far its signal can be believed.
package enum OccupancySensor: String, CaseIterable, Sendable {
    case truthful, missing
    case stuckTrue = "stuck_true"
    case stuckFalse = "stuck_false"
    /// Right, some seconds late.
    case lagging
    /// Does not detect people who keep still.
    case missesStill = "misses_still"
    /// Detects luggage as a person, and the warmth of a person who left.
    case seesThings = "sees_things"

    /// The classes of quality in which recall is reported.
    package var quality: String {
        switch self {
        case .truthful: "truthful"
        case .missing: "missing"
        case .lagging: "lagging"
        case .stuckTrue, .stuckFalse: "stuck"
        case .missesStill, .seesThings: "erring"
        }
    }

    package static var qualities: [String] {
        ["truthful", "missing", "lagging", "stuck", "erring"]
    }
}
