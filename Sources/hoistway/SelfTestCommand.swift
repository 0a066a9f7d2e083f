import ArgumentParser
import Gateway

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct SelfTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "selftest",
        abstract:
            "Test the whole way with an entrapment without people: broker, rules, disk, route, receipt.",
        discussion: """
            The running gateway has a lift that does not exist stop between floors with a passenger, on the topic
            hoistway/selftest/SITE/state of the building's broker, and waits for each centre's receipt. The alert says "test": true; no
            real lift is touched. It does so by itself every 72 h (selftest_every). It is no test of a lift's own alarm (EN 81-28).

            Exit code 0 when every centre stored the alert, 1 when not. Run it as the gateway's user or as root.
            """)

    @Option(help: "The gateway's configuration file.")
    var config = standardConfiguration

    func run() throws {
        try reporting {
            let configuration = try Configuration(file: config)
            guard configuration.isRunning else {
                printError(
                    "hoistway: the gateway is not running, and no test was started. Start it: systemctl start hoistway"
                )
                throw ExitCode.failure
            }
            guard let newest = try status(configuration), !newest.isOld else {
                printError(
                    "hoistway: no test was started, because its result could not be shown: "
                        + Status.runsWithoutStatus(configuration.runtimeFolder + "/status.json"))
                throw ExitCode.failure
            }
            var before = newest.selfTest?.started
            if let running = newest.selfTest, running.endedSeconds == nil {
                print("a self-test is running already; this is its report")
                before = nil
            } else {
                try ActionInbox(stateFolder: configuration.stateFolder).requestSelfTest()
            }
            var printed: Set<String> = []
            func printOnce(_ line: String) { if printed.insert(line).inserted { print(line) } }
            for _ in 0..<1800 {
                usleep(100_000)
                guard let report = try status(configuration)?.selfTest, report.started != before
                else { continue }
                printOnce("a virtual lift stops between floors with a passenger")
                if let seconds = report.heardSeconds {
                    printOnce("received from the building's broker after \(seconds) s")
                }
                if let seconds = report.raisedSeconds {
                    printOnce("raised by the rules after \(seconds) s")
                }
                for stored in report.stored {
                    printOnce("stored by \(stored.centre) after \(stored.seconds) s")
                }
                guard let ended = report.endedSeconds else { continue }
                if report.passed {
                    print("passed; the virtual lift's doors are open after \(ended) s")
                    if let unheard = try status(configuration)?.unheardLifts { print(unheard) }
                    return
                }
                printError("hoistway: the self-test failed: \(report.problem ?? "")")
                throw ExitCode.failure
            }
            printError(
                "hoistway: the self-test has not ended in 180 s. What the gateway does: hoistway status"
            )
            throw ExitCode.failure
        }
    }

    /// - Throws: `StatusReader.Problem` for a file that may not be read.
    private func status(_ configuration: Configuration) throws -> StatusSnapshot? {
        do throws(StatusReader.Problem) {
            return try StatusReader(runtimeFolder: configuration.runtimeFolder).last()
        } catch {
            if case .unreadable = error { throw error }
            // A file of another version counts as missing.
            return nil
        }
    }
}
