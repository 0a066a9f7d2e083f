import ArgumentParser
import LiftModel
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct Trial: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Try the gateway under load on this machine: CPU, delay, an outage, a long backlog, a week without the centre.",
        discussion: """
            Each runs brokers, the gateway and a centre on free loopback ports and leaves nothing behind. Run it in the repository.
            On a machine with other work only ratios count: each trial compares the gateway with something in the same run.
            """,
        subcommands: [Speed.self, Outage.self, Priority.self, Partition.self])
}

struct TrialOptions: ParsableArguments {
    @Option(help: "The gateway's program.")
    var hoistway = ".build/release/hoistway"

    @Option(help: "Sign alerts (true or false).")
    var sign = true

    @Option(help: "Keep the folder.")
    var keep: String?
}

/// - Throws: `ValidationError` for the first number below 1.
func checkCounts(_ numbers: (name: String, value: Int)...) throws {
    for (name, value) in numbers where value < 1 {
        throw ValidationError("--\(name): found \(value), expected a whole number from 1 upwards")
    }
}

func row(_ what: String, _ figure: String, _ note: String = "") {
    func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
    print(padded(what, 46) + padded(figure, 26) + note)
    fflush(nil)
}

func rounded(_ value: Double, _ digits: Int = 2) -> String {
    let scale = digits == 0 ? 1.0 : digits == 1 ? 10 : digits == 2 ? 100 : 1000
    return "\((value * scale).rounded() / scale)"
}

func seconds(since start: MonotonicTime) -> Double { (MonotonicClock.now - start).inSeconds }
