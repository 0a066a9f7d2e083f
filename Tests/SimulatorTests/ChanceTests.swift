import Foundation
import Testing

@testable import City

@Suite struct ChanceTests {
    @Test func theLogarithmIsThatOfTheLibrary() {
        for x in [
            1e-300, 1e-9, 0.1, 0.5, 0.707, 0.9999, 1, 1.0001, 1.414, 1.5, 2, 3, 10, 12_345.678,
            1e300,
        ] {
            #expect(abs(Random.logarithm(x) - log(x)) < 1e-11 * max(1, abs(log(x))))
        }
        for x in [0, -1e-9, -0.3, -0.5, -1, -7.5, -40] {
            #expect(abs(Random.exponentialFunction(x) - exp(x)) < 1e-12)
        }
    }

    /// Mean 1 and variance 1/shape: what makes some lifts bad.
    @Test(arguments: [0.5, 1.0, 1.4, 4.0])
    func frailtyHasTheMomentsOfAGamma(_ shape: Double) {
        var random = Random(seed: 3, stream: UInt64(shape * 10))
        let draws = (0..<40_000).map { _ in random.gamma(shape: shape) }
        let mean = draws.reduce(0, +) / 40_000
        let variance = draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 40_000
        #expect(abs(mean - 1) < 0.03)
        #expect(abs(variance * shape - 1) < 0.1)
    }

    @Test func normalDrawsAreNormal() {
        var random = Random(seed: 5, stream: 1)
        let draws = (0..<40_000).map { _ in random.normal() }
        #expect(abs(draws.reduce(0, +) / 40_000) < 0.02)
        #expect(abs(draws.reduce(0) { $0 + $1 * $1 } / 40_000 - 1) < 0.03)
        #expect(abs(Double(draws.count { abs($0) < 1.96 }) / 40_000 - 0.95) < 0.005)
    }
}
