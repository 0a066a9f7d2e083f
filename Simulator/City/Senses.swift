/// What a lift's sensors make of its car.
struct Senses {
    var isOccupied = false
    var isZoneSensorDead = false
    /// The rope slips over the sheave: the drive runs, the car does not.
    var seemsToRun = false
    /// The drive runs; and as an adapter that lags tells it.
    var motion = false
    var motionTold = false
    /// The adapter knows nothing of the controller.
    var blindness: Panel.Blindness?
    /// Counts the movements in the car, so that what an earlier one started is void.
    var movement = 0
}

extension SimulatedLift {
    /// Seconds after which a sound sensor has seen who is there.
    private static let sight = 0.8

    /// Somebody moves in the car, gets in or gets out.
    func feel() {
        senses.movement += 1
        let movement = senses.movement
        let delay: Double
        switch fitting.occupancy {
        case .missing, .stuckTrue, .stuckFalse: return
        case .lagging: delay = fitting.lag
        case .truthful, .missesStill: delay = Self.sight
        // The warmth that somebody left fades slowly.
        case .seesThings: delay = car.riders.isEmpty ? random.uniform(30, 120) : Self.sight
        }
        later(delay) {
            guard $0.senses.movement == movement || !$0.car.riders.isEmpty else { return }
            let isSeen = !$0.car.riders.isEmpty || $0.fitting.occupancy == .seesThings && $0.car.luggage > 0
            if isSeen == $0.senses.isOccupied { return }
            $0.senses.isOccupied = isSeen
            $0.show()
        }
        guard fitting.occupancy == .missesStill else { return }
        // People stand still, and the passive infrared sensor loses them.
        later(random.exponential(rate: 1 / 60) + 5) {
            guard $0.senses.movement == movement, $0.senses.isOccupied else { return }
            $0.senses.isOccupied = false
            $0.show()
        }
    }
}
