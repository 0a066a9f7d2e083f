/// A passenger.
struct Passenger {
    var destination: Int
    /// Kilograms, with luggage.
    var mass: Double
}

/// A door that moves from one width to another at a steady pace: 0 is shut, 1 fully open.
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

    /// The lock's contact and the limit switch: they open as soon as the door begins to move.
    func isLocked(at time: Double) -> Bool { to == 0 && gap(at: time) == 0 }
    func isFullyOpen(at time: Double) -> Bool { to == 1 && gap(at: time) == 1 }
}

/// A run in progress.
struct Journey {
    var ideal: IdealRun
    var begin: Double
    /// Metres above the lowest landing.
    var from: Double
    var isUp: Bool
    var target: Int
    /// Where the car will stop: metres above the lowest landing, some millimetres beside the
    /// target.
    var stop: Double

    func height(at time: Double) -> Double {
        let position = ideal.motion(at: time - begin).position
        return from + (isUp ? position : -position)
    }
}

/// The physical car: its position, its riders, its door. The truth comes from here only.
struct Car {
    /// Metres above the lowest landing, while the car stands.
    var height = 0.0
    var journey: Journey?
    /// Speed of a slow movement in metres per second: under inspection, by a rescue device, in
    /// re-levelling or with a slipping brake.
    var creep = 0.0
    var door = DoorMotion()
    var riders: [Passenger] = []
    /// Kilograms of luggage.
    var luggage = 0.0
    /// A failure keeps the car from moving or its door from opening.
    var isDisabled = false
    /// A fitter has opened a landing door by its key: the safety chain is open, and the car door is
    /// shut.
    var isLandingDoorOpen = false
    var isBeingRescuedByDevice = false

    var isMoving: Bool { journey != nil || creep > 0 }
    /// Kilograms.
    var load: Double { riders.reduce(luggage) { $0 + $1.mass } }

    /// Ends the run before its destination.
    /// - Parameter braking: metres per second squared; nil holds the car where it is.
    /// - Returns: the speed before it, metres per second; 0 for a car that stood.
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
    func speed(at time: Double) -> Double {
        journey?.ideal.motion(at: time - (journey?.begin ?? 0)).speed ?? creep
    }
}

/// The shaft of a lift: its floors, all of one height.
struct Shaft {
    var floors: Int
    /// Metres.
    var floorHeight: Double

    func floor(at height: Double) -> Int {
        min(floors - 1, max(0, Int((height / floorHeight).rounded())))
    }
    /// The distance from the landing at which a car stops, and the distance at which it is
    /// re-levelled: metres (EN 81-20 5.12.1.1.4).
    static let stoppingAccuracy = 0.01
    static let levellingAccuracy = 0.02
    func metresOffLevel(at height: Double) -> Double {
        abs(height - Double(floor(at: height)) * floorHeight)
    }
    /// Unlocking zone: ±0.2 m; at most ±0.35 m with simultaneously driven doors (EN 81-20
    /// 5.3.8.1).
    static let doorZone = 0.2
    func isInDoorZone(_ height: Double) -> Bool { metresOffLevel(at: height) <= Self.doorZone }
}
