/// Somebody who rides.
struct Passenger {
    var destination: Int
    /// Kilograms, with what they carry.
    var mass: Double
}

/// A door on its way from one width to another, at a steady pace: 0 is shut, 1 fully open.
struct DoorMotion {
    var from = 0.0
    var to = 0.0
    /// Seconds.
    var begin = 0.0
    var duration = 0.0

    func gap(at time: Double) -> Double {
        if time >= begin + duration { return to }
        if time <= begin { return from }
        return from + (to - from) * (time - begin) / duration
    }

    /// What the lock's contact and the limit switch say: they let go as soon as it begins to move.
    func isLocked(at time: Double) -> Bool { to == 0 && gap(at: time) == 0 }
    func isFullyOpen(at time: Double) -> Bool { to == 1 && gap(at: time) == 1 }
}

/// A run that is not over.
struct Journey {
    var ideal: IdealRun
    var begin: Double
    /// Metres above the lowest landing.
    var from: Double
    var isUp: Bool
    var target: Int
    /// Where it will stop: metres above the lowest landing, some millimetres beside the target.
    var stop: Double

    func height(at time: Double) -> Double {
        let position = ideal.motion(at: time - begin).position
        return from + (isUp ? position : -position)
    }
}

/// The physical car: where it is, who is in it, how wide its door stands. Truth comes from here and from nowhere else.
struct Car {
    /// Metres above the lowest landing, while it stands.
    var height = 0.0
    var journey: Journey?
    /// It creeps under inspection, a rescue device, re-levelling or a slipping brake; metres per second.
    var creep = 0.0
    var door = DoorMotion()
    var riders: [Passenger] = []
    /// Kilograms of things that nobody is with.
    var luggage = 0.0
    /// A failure keeps it from moving on or from opening.
    var isDisabled = false
    /// A fitter has opened a landing door by its key: the safety chain is open, and the car's own door shut.
    var isLandingDoorOpen = false
    /// A rescue device is at work on it.
    var isBeingRescuedByDevice = false

    var isMoving: Bool { journey != nil || creep > 0 }
    /// Kilograms.
    var load: Double { riders.reduce(luggage) { $0 + $1.mass } }

    /// The run is over before its end.
    /// - Parameter braking: metres per second and second; nil holds the car where it is.
    /// - Returns: how fast it was, metres per second; 0 for a car that stood.
    @discardableResult
    mutating func endJourney(at time: Double, braking: Double? = nil) -> Double {
        guard let journey else { return 0 }
        let motion = journey.ideal.motion(at: time - journey.begin)
        let way = braking.map { motion.speed * motion.speed / (2 * $0) } ?? 0
        let stop = min(journey.ideal.distance, motion.position + way)
        height = journey.from + (journey.isUp ? stop : -stop)
        self.journey = nil
        return motion.speed
    }

    func height(at time: Double) -> Double { journey?.height(at: time) ?? height }
    func speed(at time: Double) -> Double { journey?.ideal.motion(at: time - (journey?.begin ?? 0)).speed ?? creep }
}

/// The landings of a building: so many floors, each so high.
struct Shaft {
    var floors: Int
    /// Metres.
    var floorHeight: Double

    func floor(at height: Double) -> Int { min(floors - 1, max(0, Int((height / floorHeight).rounded()))) }
    /// How far beside a landing a car stops, and how far it may sink there before it is brought back: metres (EN 81-20 5.12.1.1.4).
    static let stoppingAccuracy = 0.01
    static let levellingAccuracy = 0.02
    func metresOffLevel(at height: Double) -> Double { abs(height - Double(floor(at: height)) * floorHeight) }
    /// Unlocking zone: ±0.2 m; at most ±0.35 m with simultaneously driven doors (EN 81-20 5.3.8.1).
    static let doorZone = 0.2
    func isInDoorZone(_ height: Double) -> Bool { metresOffLevel(at: height) <= Self.doorZone }
}
