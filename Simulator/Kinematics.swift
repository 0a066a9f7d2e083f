/// The ideal run of a lift: limited jerk, acceleration and speed (Peters, "Ideal lift kinematics", 1995).
struct Kinematics: Sendable {
    /// Metres per second, per second squared, per second cubed.
    var speed: Double
    var acceleration: Double
    var jerk: Double

    /// Seconds for a run over a distance in metres.
    func duration(_ distance: Double) -> Double {
        let v = speed
        let a = acceleration
        let j = jerk
        if distance >= (a * a * v + v * v * j) / (a * j) { return distance / v + v / a + a / j }
        if distance >= 2 * a * a * a / (j * j) { return a / j + (4 * distance / a + (a / j) * (a / j)).squareRoot() }
        return cubeRoot(32 * distance / j)
    }

    /// The highest speed of a run over a distance: rated, unless the run is too short for it.
    func peakSpeed(_ distance: Double) -> Double {
        distance >= (acceleration * acceleration * speed + speed * speed * jerk) / (acceleration * jerk)
            ? speed : min(speed, distance / duration(distance) * 1.8)
    }

    private func cubeRoot(_ x: Double) -> Double {
        var r = max(x, 1e-9)
        for _ in 0..<40 { r -= (r * r * r - x) / (3 * r * r) }
        return r
    }
}
