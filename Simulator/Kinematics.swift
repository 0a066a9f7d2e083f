/// What a lift's drive may do to its passengers.
struct Kinematics: Sendable {
    /// Metres per second, per second squared, per second cubed.
    var speed: Double
    var acceleration: Double
    var jerk: Double

    func run(_ distance: Double) -> IdealRun { IdealRun(distance, self) }
}

/// The quickest run over a distance with limited speed, acceleration and jerk (R. Peters, "Ideal lift kinematics", peters-research.com).
///
/// Seven phases: the acceleration rises, holds and falls; the car cruises; and the same backwards. A short run has no cruise, a very
/// short one no phase of steady acceleration either.
struct IdealRun: Sendable {
    /// What the car does at a moment: metres, metres per second, metres per second squared.
    struct Motion: Sendable, Equatable {
        var position = 0.0
        var speed = 0.0
        var acceleration = 0.0
    }

    /// Metres.
    let distance: Double
    private let jerk: Double
    /// Seconds of each phase in which the jerk is not zero, of steady acceleration, and of the cruise.
    private let (rise, steady, cruise): (Double, Double, Double)

    init(_ distance: Double, _ limits: Kinematics) {
        self.distance = distance
        let (v, j) = (limits.speed, limits.jerk)
        // A slow lift is at its speed before it is at its acceleration.
        let a = min(limits.acceleration, (v * j).squareRoot())
        jerk = j
        if distance >= (a * a * v + v * v * j) / (a * j) {
            (rise, steady, cruise) = (a / j, v / a - a / j, distance / v - v / a - a / j)
        } else if distance >= 2 * a * a * a / (j * j) {
            let t = a / j
            (rise, steady, cruise) = (t, ((t * t + 4 * distance / a).squareRoot() - 3 * t) / 2, 0)
        } else {
            (rise, steady, cruise) = (Self.cubeRoot(distance / (2 * j)), 0, 0)
        }
    }

    /// Seconds.
    var duration: Double { 4 * rise + 2 * steady + cruise }
    var peakSpeed: Double { jerk * rise * (rise + steady) }

    /// - Parameter time: seconds since the start; before and after the run the car stands.
    func motion(at time: Double) -> Motion {
        if time <= 0 { return Motion() }
        if time >= duration { return Motion(position: distance) }
        // The second half is the first one backwards.
        if time > duration / 2 {
            let mirrored = motion(at: duration - time)
            return Motion(
                position: distance - mirrored.position, speed: mirrored.speed, acceleration: -mirrored.acceleration)
        }
        var motion = Motion()
        var left = time
        for (length, jerk) in [(rise, jerk), (steady, 0), (rise, -jerk), (cruise, 0)] {
            let t = min(left, length)
            motion = Motion(
                position: motion.position + t * (motion.speed + t * (motion.acceleration / 2 + t * jerk / 6)),
                speed: motion.speed + t * (motion.acceleration + t * jerk / 2),
                acceleration: motion.acceleration + t * jerk)
            left -= t
            if left <= 0 { break }
        }
        return motion
    }

    /// When the car passes a place, in seconds since the start.
    func time(at position: Double) -> Double {
        var (early, late) = (0.0, duration)
        for _ in 0..<50 {
            let middle = (early + late) / 2
            if motion(at: middle).position < position { early = middle } else { late = middle }
        }
        return late
    }

    private static func cubeRoot(_ x: Double) -> Double {
        var root = max(x, 1e-9)
        for _ in 0..<40 { root -= (root * root * root - x) / (3 * root * root) }
        return root
    }
}
