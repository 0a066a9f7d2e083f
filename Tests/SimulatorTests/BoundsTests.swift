import Testing

@testable import Scoring

@Suite struct BoundsTests {
    /// The "rule of three", and values of the tables of the Poisson distribution (Garwood 1936).
    @Test(arguments: [(0, 2.996), (1, 4.744), (10, 16.962), (100, 118.08)])
    func boundsAreThoseOfThePoissonDistribution(_ count: Int, _ upper: Double) {
        #expect(abs(Bounds.upper(count) - upper) < 0.01)
    }
}
