import Encoding

/// A random stream for one part of the simulated world. It is the same on every machine: no library
/// of mathematics takes part.
package struct Random: RandomNumberGenerator {
    private var source: SplitMix64

    /// Each part of the world has its own stream, so that one more draw in a part changes no other
    /// part.
    package init(seed: UInt64, stream: UInt64) {
        var mixer = SplitMix64(
            seed: seed &* 0x9E37_79B9_7F4A_7C15 ^ stream &* 0xD1B5_4A32_D192_ED03)
        source = SplitMix64(seed: mixer.next())
    }

    package mutating func next() -> UInt64 { source.next() }
    package mutating func uniform() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
    package mutating func uniform(_ low: Double, _ high: Double) -> Double {
        low + (high - low) * uniform()
    }
    package mutating func uniform(_ range: ClosedRange<Double>) -> Double {
        uniform(range.lowerBound, range.upperBound)
    }
    package mutating func integer(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }
    package mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

    /// A waiting time of a Poisson process, in units of 1/rate.
    package mutating func exponential(rate: Double) -> Double {
        -Self.logarithm(1 - uniform()) / rate
    }

    /// A Gamma draw of mean 1. The smaller the shape, the more unequal the draws (Marsaglia and
    /// Tsang 2000).
    package mutating func gamma(shape: Double) -> Double {
        if shape < 1 {
            // Gamma(a) is Gamma(a + 1) times a power of a uniform draw.
            let larger = gamma(shape: shape + 1) * (shape + 1)
            return larger * Self.exponentialFunction(Self.logarithm(1 - uniform()) / shape) / shape
        }
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
            if v > 0, Self.logarithm(1 - uniform()) < x * x / 2 + d - d * v + d * Self.logarithm(v)
            {
                return d * v / shape
            }
        }
    }

    /// Mean 0, variance 1 (Marsaglia's polar method).
    package mutating func normal() -> Double {
        while true {
            let (u, v) = (uniform(-1, 1), uniform(-1, 1))
            let s = u * u + v * v
            if s > 0, s < 1 { return u * (-2 * Self.logarithm(s) / s).squareRoot() }
        }
    }

    /// The index of one of the weights.
    package mutating func pick(_ weights: [Double]) -> Int {
        var rest = uniform() * weights.reduce(0, +)
        for (index, weight) in weights.enumerated() {
            rest -= weight
            if rest < 0 { return index }
        }
        return weights.lastIndex { $0 > 0 } ?? 0
    }

    /// The natural logarithm of a positive number: the exponent apart, the rest by the series of
    /// artanh.
    static func logarithm(_ x: Double) -> Double {
        guard x > 0 else { return -745 }
        let m = x.significand
        let y = (m - 1.414_213_562_373_095) / (m + 1.414_213_562_373_095)
        let y2 = y * y
        let series =
            1 + y2 * (1 / 3 + y2 * (1 / 5 + y2 * (1 / 7 + y2 * (1 / 9 + y2 * (1 / 11 + y2 / 13)))))
        return (Double(x.exponent) + 0.5) * 0.693_147_180_559_945_3 + 2 * y * series
    }

    /// e to the power of x, for x ≤ 0: the series near 0, then squared until it is x again.
    static func exponentialFunction(_ x: Double) -> Double {
        var small = x
        var squarings = 0
        while small < -0.5 {
            small /= 2
            squarings += 1
        }
        var term = 1.0
        var power = 1.0
        for n in 1...14 {
            term *= small / Double(n)
            power += term
        }
        for _ in 0..<squarings { power *= power }
        return power
    }
}
