import Encoding

/// What chance draws for one part of the simulated world.
struct Random: RandomNumberGenerator {
    private var source: SplitMix64
    /// A stream of its own for each part of the world, so that one more draw here changes nothing there.
    init(seed: UInt64, stream: UInt64) {
        var mixer = SplitMix64(seed: seed &* 0x9E37_79B9_7F4A_7C15 ^ stream &* 0xD1B5_4A32_D192_ED03)
        source = SplitMix64(seed: mixer.next())
    }
    mutating func next() -> UInt64 { source.next() }
    mutating func uniform() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
    mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }
    mutating func integer(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(next() % UInt64(range.count)) }
    mutating func chance(_ probability: Double) -> Bool { uniform() < probability }
    /// Waiting time of a Poisson process, in units of 1/rate.
    mutating func exponential(rate: Double) -> Double {
        var u = uniform()
        while u == 0 { u = uniform() }
        var x = 0.0
        // −ln u without a maths library: halve until near 1, then the series of ln.
        var m = u
        while m < 0.5 {
            m *= 2
            x += 0.693_147_180_559_945_3
        }
        let y = (m - 1) / (m + 1)
        let y2 = y * y
        let ln = 2 * y * (1 + y2 * (1 / 3 + y2 * (1 / 5 + y2 * (1 / 7 + y2 * (1 / 9 + y2 / 11)))))
        return (x - ln) / rate
    }
}
