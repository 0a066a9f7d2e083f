import Encoding
import Testing

@testable import City

/// Runs according to Peters' "Ideal lift kinematics".
@Suite struct KinematicsTests {
    /// Flight times over 1, 2, 5, 10 and 20 floors of 3.0 m, computed from Peters' formulas.
    @Test(arguments: [
        (1.0, 0.6, 1.0, [5.27, 8.27, 17.27, 32.27, 62.27]),
        (1.75, 0.8, 1.0, [4.75, 6.42, 11.56, 20.13, 37.27]),
        (2.5, 1.0, 1.4, [4.25, 5.67, 9.21, 15.21, 27.21]),
        (4.0, 1.1, 1.4, [4.18, 5.52, 8.21, 11.92, 19.42]),
    ])
    func flightTimesAreThoseOfTheTable(_ v: Double, _ a: Double, _ j: Double, _ times: [Double]) {
        let limits = Kinematics(speed: v, acceleration: a, jerk: j)
        for (floors, time) in zip([1, 2, 5, 10, 20], times) {
            let duration = limits.run(Double(floors) * 3).duration
            #expect(abs(duration - time) < 0.01, "\(floors) floors at \(v) m/s: \(duration)")
        }
    }

    @Test func noRunExceedsItsLimitsOrJumpsAndEachArrives() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let limits = Kinematics(
                speed: .random(in: 0.3...6, using: &random),
                acceleration: .random(in: 0.4...1.5, using: &random),
                jerk: .random(in: 0.5...2, using: &random))
            let run = limits.run(.random(in: 0.01...120, using: &random))
            let steps = 2000
            let dt = run.duration / Double(steps)
            var (last, travelled, fastest) = (run.motion(at: 0), 0.0, 0.0)
            for step in 1...steps {
                let motion = run.motion(at: dt * Double(step))
                travelled += (motion.speed + last.speed) / 2 * dt
                fastest = max(fastest, motion.speed)
                #expect(
                    motion.speed <= limits.speed + 1e-9 && motion.speed >= -1e-9, "seed \(seed)")
                #expect(abs(motion.acceleration) <= limits.acceleration + 1e-9, "seed \(seed)")
                #expect(
                    abs(motion.acceleration - last.acceleration) <= limits.jerk * dt + 1e-9,
                    "seed \(seed)")
                #expect(
                    abs(motion.speed - last.speed) <= limits.acceleration * dt + 1e-9,
                    "seed \(seed)")
                last = motion
            }
            #expect(
                abs(travelled - run.distance) < run.distance * 1e-3,
                "the integral of its speed: seed \(seed)")
            #expect(abs(run.motion(at: run.duration).position - run.distance) < 1e-9)
            #expect(
                abs(run.motion(at: run.duration - 1e-9).position - run.distance) < 1e-6,
                "it does not jump there")
            #expect(abs(run.peakSpeed - fastest) < limits.speed * 1e-2)
            let position = run.distance * .random(in: 0.01...0.99, using: &random)
            #expect(abs(run.motion(at: run.time(at: position)).position - position) < 1e-6)
        }
    }
}
