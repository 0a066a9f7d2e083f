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
    /// Why the adapter knows nothing of its controller; nil: it does.
    var blindness: Blindness?

    enum Blindness {
        /// Its fields are left out.
        case controllerDead
        /// The adapter has just started, and writes null until it knows better.
        case adapterStarting
    }

    func flag(_ signal: Signal) -> Bool? {
        switch signal {
        case .moving: blindness == nil ? isMoving : nil
        case .inDoorZone: blindness == nil ? isInDoorZone : nil
        case .frontLocked: blindness == nil ? isLocked : nil
        case .frontFullyOpen: blindness == nil ? isFullyOpen : nil
        case .occupied: isOccupied
        default: nil
        }
    }

    func number(_ signal: Signal) -> Double? {
        switch signal {
        case .floor: blindness == nil ? Double(floor) : nil
        case .load: load.map(Double.init)
        case .speed: blindness == nil ? Double(speed) / 100 : nil
        default: nil
        }
    }

    func differs(from said: Panel) -> Bool {
        var same = said
        same.speed = speed
        return self != same
    }
}
