/// The state of a lift's sensors, which may differ from the physical car.
struct SensorState {
    var isOccupied = false
    var isZoneSensorDead = false
    /// The rope slips over the sheave: the drive runs, the car does not.
    var seemsToRun = false
    /// Whether the drive runs.
    var motion = false
    /// The same as the adapter reports it: later by the adapter's motion lag.
    var reportedMotion = false
    /// Why the adapter knows nothing of the controller.
    var controllerLoss: Panel.ControllerLoss?
    /// Counts the movements in the car, so that a later one cancels the timers of an earlier one.
    var movementCount = 0
}

extension SimulatedLift {
    /// Seconds after which a sound sensor has detected a change.
    private static let detectionDelay = 0.8

    /// An occupant moves, enters or leaves.
    func updateOccupancySensor() {
        sensors.movementCount += 1
        let movementCount = sensors.movementCount
        let delay: Double
        switch fitting.occupancy {
        case .missing, .stuckTrue, .stuckFalse: return
        case .lagging: delay = fitting.lag
        case .truthful, .missesStill: delay = Self.detectionDelay
        // The warmth of a person who left fades slowly.
        case .seesThings: delay = car.riders.isEmpty ? random.uniform(30, 120) : Self.detectionDelay
        }
        later(delay) {
            guard $0.sensors.movementCount == movementCount || !$0.car.riders.isEmpty else {
                return
            }
            let isSeen =
                !$0.car.riders.isEmpty || $0.fitting.occupancy == .seesThings && $0.car.luggage > 0
            if isSeen == $0.sensors.isOccupied { return }
            $0.sensors.isOccupied = isSeen
            $0.publishChanges()
        }
        guard fitting.occupancy == .missesStill else { return }
        // People stand still, and the passive infrared sensor no longer detects them.
        later(random.exponential(rate: 1 / 60) + 5) {
            guard $0.sensors.movementCount == movementCount, $0.sensors.isOccupied else { return }
            $0.sensors.isOccupied = false
            $0.publishChanges()
        }
    }
}
