import Elevator

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

    /// The four classes of quality that recall is reported by.
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

/// What a lift's adapter knows and can say, in the field's words. A signal that the lift has no sensor for is nil.
struct Panel: Equatable {
    /// nil: the controller says that it does not know.
    var mode: ServiceMode? = .normal
    var isMoving = false
    var direction = 0
    var isInDoorZone = true
    var floor = 0
    var isLocked = true
    var isFullyOpen: Bool?
    var isOccupied: Bool?
    /// Per cent of the rated load.
    var load: Int?
    /// `FaultCode` bits.
    var codes: UInt64 = 0
    /// The controller's own code: its place in `Scenario.vendorCodes`.
    var vendorCode: Int?
    /// Centimetres per second; not a change worth a word of its own.
    var speed = 0

    func flag(_ signal: Signal) -> Bool? {
        switch signal {
        case .moving: isMoving
        case .inDoorZone: isInDoorZone
        case .frontLocked: isLocked
        case .frontFullyOpen: isFullyOpen
        case .occupied: isOccupied
        default: nil
        }
    }

    func number(_ signal: Signal) -> Double? {
        switch signal {
        case .floor: Double(floor)
        case .load: load.map(Double.init)
        case .speed: Double(speed) / 100
        default: nil
        }
    }

    func differs(from said: Panel) -> Bool {
        var same = said
        same.speed = speed
        return self != same
    }
}

/// What has been heard of a lift, as one who reads it well would understand it: tells from which word on an entrapment could be known.
///
/// Written from the definition (two sources of occupancy at level, one off level, unknown counts as occupied), not from the rules.
struct Testimony {
    private(set) var last = Panel()
    /// Somebody was seen since the doors were last unlocked.
    private var wasOccupied = false
    /// The alarm button was pressed, and no way out has shown since.
    private var isCalling = false
    private var floorSince = 0.0
    private var lastTime = -Double.infinity

    /// Codes that explain why a car keeps its door shut.
    private static let reasons: UInt64 = [
        FaultCode.safetyCircuitOpen, .doorCloseFault, .doorOpenFault, .unintendedMovement, .motorRunTimeLimiter,
        .floorPositionLost, .restartPrevented, .mainPowerLost, .outOfService,
    ].reduce(0) { $0 | $1.bit }
    /// Motor run-time limiter: at most 45 s (EN 81-20 5.9.2.7).
    private static let longestWithoutProgress = 45.0

    /// - Parameter time: when it was said. What has been overtaken by a later word says only that somebody called.
    mutating func hear(_ panel: Panel, at time: Double) {
        if time < lastTime {
            if panel.codes & FaultCode.carAlarmButton.bit != 0 { isCalling = true }
            return
        }
        lastTime = time
        if panel.floor != last.floor || !panel.isMoving { floorSince = time }
        last = panel
        // Without a limit switch, an unlocked door may be open.
        let showsWayOut = panel.isInDoorZone && !panel.isLocked && panel.isFullyOpen != false
        if panel.codes & FaultCode.carAlarmButton.bit != 0 { isCalling = true }
        if showsWayOut { isCalling = false }
        let isSeen = panel.isOccupied == true || (panel.load ?? 0) > 5
        wasOccupied = panel.isLocked && (wasOccupied || isSeen)
    }

    func showsEntrapment(at time: Double) -> Bool {
        let stands = !last.isMoving || time - floorSince >= Self.longestWithoutProgress
        guard stands, !(last.isInDoorZone && last.isFullyOpen == true) else { return false }
        if isCalling { return true }
        let loaded = (last.load ?? 0) > 5
        if !last.isInDoorZone || last.codes & FaultCode.stoppedOutsideUnlockingZone.bit != 0 {
            return last.isOccupied != false || loaded
        }
        guard last.codes & Self.reasons != 0 else { return false }
        return last.isOccupied == true && loaded || wasOccupied
    }

    /// Silence after this would have to be taken for an entrapment.
    var couldHoldPeople: Bool {
        let isProvenEmpty = last.isOccupied == false && (last.load ?? 0) <= 5
        return !isProvenEmpty && !(last.isInDoorZone && last.isFullyOpen == true)
    }
}
