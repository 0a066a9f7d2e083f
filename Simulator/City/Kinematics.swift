/// The limits of a lift's drive.
package struct Kinematics: Sendable {
    /// Metres per second, per second squared, per second cubed.
    package var speed: Double
    package var acceleration: Double
    package var jerk: Double

    package init(speed: Double, acceleration: Double, jerk: Double) {
        (self.speed, self.acceleration, self.jerk) = (speed, acceleration, jerk)
    }

    package func run(_ distance: Double) -> IdealRun { IdealRun(distance, self) }
}

/// The quickest run over a distance with limited speed, acceleration and jerk (R. Peters, "Ideal
/// lift kinematics", peters-research.com).
///
/// Seven phases: the acceleration rises, holds and falls; the car cruises; and the same in reverse.
/// A short run has no cruise, a very short one no phase of steady acceleration either.
package struct IdealRun: Sendable {
    /// The car's position, speed and acceleration at a moment: metres, metres per second, metres
    /// per second squared.
    package struct Motion: Sendable, Equatable {
        package var position = 0.0
        package var speed = 0.0
        package var acceleration = 0.0

        /// The motion a time later, under a steady jerk.
        fileprivate func after(_ t: Double, jerk: Double) -> Motion {
            Motion(
                position: position + t * (speed + t * (acceleration / 2 + t * jerk / 6)),
                speed: speed + t * (acceleration + t * jerk / 2),
                acceleration: acceleration + t * jerk)
        }
    }

    /// Metres.
    package let distance: Double
    private let jerk: Double
    /// Seconds of each phase in which the jerk is not zero, of steady acceleration, and of the
    /// cruise.
    private let (rise, steady, cruise): (Double, Double, Double)

    package init(_ distance: Double, _ limits: Kinematics) {
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
    package var duration: Double { 4 * rise + 2 * steady + cruise }
    /// Seconds until it no longer gains speed.
    private var gaining: Double { 2 * rise + steady }
    /// Metres per second.
    package var peakSpeed: Double { jerk * rise * (rise + steady) }
    /// Whether the run has a phase of steady speed. If so, it differs from a longer run only after
    /// that phase.
    package var hasCruise: Bool { cruise > 0 }
    /// Where the car begins to lose speed, metres.
    package var brakingPoint: Double { distance - peakSpeed * gaining / 2 }

    /// - Parameter time: seconds since the start; before and after the run the car stands.
    package func motion(at time: Double) -> Motion {
        if time <= 0 { return Motion() }
        if time >= duration { return Motion(position: distance) }
        // The second half is the first one backwards.
        if time > duration / 2 {
            let mirrored = motion(at: duration - time)
            return Motion(
                position: distance - mirrored.position, speed: mirrored.speed,
                acceleration: -mirrored.acceleration)
        }
        var motion = Motion().after(min(time, rise), jerk: jerk)
        if time > rise { motion = motion.after(min(time - rise, steady), jerk: 0) }
        if time > rise + steady {
            motion = motion.after(min(time - rise - steady, rise), jerk: -jerk)
        }
        if time > gaining {
            motion = Motion(
                position: motion.position + peakSpeed * (time - gaining), speed: peakSpeed)
        }
        return motion
    }

    /// When the car passes a position, in seconds since the start.
    package func time(at position: Double) -> Double {
        if position > distance / 2 { return duration - time(at: distance - position) }
        let gained = distance - brakingPoint
        if position >= gained { return gaining + (position - gained) / max(peakSpeed, 1e-9) }
        var (early, late) = (0.0, gaining)
        for _ in 0..<26 {
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
