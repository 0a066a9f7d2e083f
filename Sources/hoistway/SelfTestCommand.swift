import ArgumentParser
import FoundationEssentials
import Gateway

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the status file says of a self-test.
struct SelfTestReport: Decodable {
    struct Stored: Decodable {
        var centre: String
        var seconds: Double
    }
    var started: String
    var passed: Bool
    var problem: String?
    var heardS: Double?
    var raisedS: Double?
    var endedS: Double?
    var stored: [Stored]
}

struct SelfTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "selftest",
        abstract: "Try the whole way with an entrapment that nobody is in: broker, rules, disk, route, receipt.",
        discussion: """
            The running gateway has a lift that does not exist stop between floors with a passenger, on the topic
            hoistway/selftest/SITE/state of the building's broker, and waits for each centre's receipt. The alert says "test": true; no
            real lift is touched. It does so by itself every 72 h (selftest_every). It is no test of a lift's own alarm (EN 81-28).

            Exit code 0 when every centre stored the alert, 1 when not. Run it as the gateway's user or as root.
            """)

    @Option(help: "The gateway's configuration file.")
    var config = "/etc/hoistway/hoistway.yaml"

    func run() throws {
        try reporting {
            let configuration = try Configuration(file: config)
            var before = report(configuration).map(\.started)
            if let running = report(configuration), running.endedS == nil {
                print("a self-test runs already; this is it")
                before = nil
            } else {
                try OrderBox(stateFolder: configuration.stateFolder).requestSelfTest()
            }
            var told: Set<String> = []
            func tell(_ line: String) { if told.insert(line).inserted { print(line) } }
            for _ in 0..<1800 {
                usleep(100_000)
                guard let report = report(configuration), report.started != before else { continue }
                tell("a virtual lift stops between floors with a passenger")
                if let seconds = report.heardS { tell("heard over the building's broker after \(seconds) s") }
                if let seconds = report.raisedS { tell("raised by the rules after \(seconds) s") }
                for stored in report.stored { tell("stored by \(stored.centre) after \(stored.seconds) s") }
                guard let ended = report.endedS else { continue }
                if report.passed { return print("passed; the virtual lift's doors are open after \(ended) s") }
                printError("hoistway: the self-test failed: \(report.problem ?? "")")
                throw ExitCode.failure
            }
            printError("hoistway: the gateway has not answered in 180 s. Does it run? hoistway status")
            throw ExitCode.failure
        }
    }

    private func report(_ configuration: Configuration) -> SelfTestReport? {
        struct Page: Decodable { var selftest: SelfTestReport? }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return FileManager.default.contents(atPath: configuration.runtimeFolder + "/status.json")
            .flatMap { try? decoder.decode(Page.self, from: $0) }?.selftest
    }
}
