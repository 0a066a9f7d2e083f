import ArgumentParser
import DeviceProfiles
import Encoding
import Gateway
import LiftModel
import Monitoring
import PositionedYAML

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Speed and score. Every figure of speed is CPU time of this process, so that a busy machine
/// disturbs it little.
@main
struct HoistwayBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hoistway-bench",
        abstract:
            "Measure decode, rules, memory, start-up and the journal; judge the benchmark city; write the Timescales traces.",
        subcommands: [
            Messages.self, CityBench.self, NuisanceBench.self, StrataBench.self, NewYork.self,
            Causes.self, State.self,
            Timescales.self, Load.self,
            Reloads.self,
            JournalBench.self,
        ])
}

/// Seconds of CPU that this process has used.
func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// SplitMix64: the same draws in every run.
struct Chance {
    private var source: SplitMix64
    init(seed: UInt64) { source = SplitMix64(seed: seed) }
    mutating func below(_ n: Int) -> Int { Int(source.next() % UInt64(n)) }
    mutating func happens(_ percent: Int) -> Bool { below(100) < percent }
}

func printRow(_ what: String, _ figure: String, _ note: String = "") {
    print(what.padded(44) + figure.padded(22) + note)
}

func written(_ value: Double, _ digits: Int = 2) -> String {
    let scale = (0..<digits).reduce(1.0) { product, _ in product * 10 }
    let rounded = (value * scale).rounded() / scale
    return "\(rounded)"
}

extension String {
    func padded(_ width: Int) -> String {
        count >= width ? self + " " : self + String(repeating: " ", count: width - count)
    }
}
