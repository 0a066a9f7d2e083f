import LiftModel

/// A lift's state as its adapter reads it. A signal for which the lift has no sensor is nil.
struct Panel: Equatable {
    /// nil: the controller does not know it.
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
    /// The controller's own code: the index in `Scenario.vendorCodes`.
    var vendorCode: Int?
    /// Centimetres per second. A change of it alone is not published at once.
    var speed = 0
    /// Why the adapter has no data of the controller; nil: it has.
    var controllerLoss: ControllerLoss?

    enum ControllerLoss {
        /// The adapter leaves the controller's fields out.
        case controllerDead
        /// The adapter has just started, and writes null until it has read the controller.
        case adapterStarting
    }

    func flag(_ signal: Signal) -> Bool? {
        switch signal {
        case .moving: controllerLoss == nil ? isMoving : nil
        case .inDoorZone: controllerLoss == nil ? isInDoorZone : nil
        case .frontLocked: controllerLoss == nil ? isLocked : nil
        case .frontFullyOpen: controllerLoss == nil ? isFullyOpen : nil
        case .occupied: isOccupied
        default: nil
        }
    }

    func number(_ signal: Signal) -> Double? {
        switch signal {
        case .floor: controllerLoss == nil ? Double(floor) : nil
        case .load: load.map(Double.init)
        case .speed: controllerLoss == nil ? Double(speed) / 100 : nil
        default: nil
        }
    }

    func differs(from published: Panel) -> Bool {
        var same = published
        same.speed = speed
        return self != same
    }
}
