/// The physical car: where it is, who is in it, how wide its door stands. Truth comes from here and from nowhere else.
struct Car {
    /// The landing it stands at or left last, and metres off it.
    var floor = 0
    var metresOffLevel = 0.0
    /// 0 shut, 1 fully open.
    var doorGap = 0.0
    var isMoving = false
    var people = 0
    /// Kilograms.
    var load = 0.0
    /// A failure keeps it from moving on or from opening.
    var isDisabled = false
    /// A rescue device is at work on it.
    var isBeingRescuedByDevice = false

    /// Unlocking zone: at most ±0.35 m with simultaneously driven doors (EN 81-20 5.3.8.1).
    var isInDoorZone: Bool { abs(metresOffLevel) <= 0.2 }
    /// A person can leave: at the landing, through a door that stands open for the most part.
    var hasWayOut: Bool { isInDoorZone && doorGap > 0.7 }
    /// It cannot take anybody anywhere by itself (being wound to a landing by hand is no help until the door opens).
    /// While an automatic rescue device works on it, help is there.
    var holdsPeopleTrapped: Bool { people > 0 && isStuckShut && !isBeingRescuedByDevice }
    var isStuckShut: Bool { isDisabled && !hasWayOut }
}
