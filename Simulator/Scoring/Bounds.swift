import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The confidence bound of a count of rare events, one-sided at 95%: the exact one of the Poisson
/// distribution (Garwood 1936).
package enum Bounds {
    private static let doubt = 0.05

    /// The greatest mean that still shows so few events in one case of twenty. For none it is 3.0,
    /// the "rule of three".
    package static func upper(_ count: Int) -> Double {
        search { probability(atMost: count, mean: $0) > doubt }
    }

    /// The greatest mean for which `isBelow` holds.
    private static func search(_ isBelow: (Double) -> Bool) -> Double {
        var (low, high) = (0.0, 1.0)
        while isBelow(high) { (low, high) = (high, high * 2) }
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if isBelow(middle) { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    private static func probability(atMost count: Int, mean: Double) -> Double {
        var logTerm = -mean
        var sum = exp(logTerm)
        for k in stride(from: 1, through: count, by: 1) {
            logTerm += log(mean / Double(k))
            sum += exp(logTerm)
        }
        return sum
    }
}
