import Elevator

/// What a lift's adapter knows and can say, in the field's words. A signal that the lift has no sensor for is nil.
struct Panel: Equatable {
    /// nil: the controller says that it does not know.
    var mode: ServiceMode? = .normal
    var isMoving = false
    var direction = 0
    var isInDoorZone: Bool? = true
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
