import ArgumentParser
import FoundationEssentials
import Gateway
import Glibc
import Logging
import Platform
import Synchronization

/// The gateway for trials of power cuts and of long times. It is not installed.
@main struct TrialGateway: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The gateway, which can die at a chosen moment and whose clocks can leap.",
        discussion: """
            HOISTWAY_CRASH_AT=after_commit:3 kills the process with SIGKILL between a commit and its acknowledgement, the third time that
            it is there; after_read kills it between the read and the commit.
            HOISTWAY_LEAPS names a FIFO: of each eight bytes read from it the clocks leap by so many nanoseconds.
            """)

    @Argument(help: "As of the installed program: run.")
    var command: String

    @Option(help: "The configuration file.")
    var config: String

    func run() throws {
        guard command == "run" else { throw ValidationError("found '\(command)', expected run") }
        let environment = ProcessInfo.processInfo.environment
        let crash = environment["HOISTWAY_CRASH_AT"].flatMap(CrashPoint.init)
        let leaps = environment["HOISTWAY_LEAPS"]
        let writer = LogWriter()
        defer { writer.flush(for: .seconds(1)) }
        let trial = DaemonTrial(
            reached: { crash?.note($0) },
            started: { wakeAll in if let leaps { Self.followLeaps(leaps, wakeAll) } })
        do {
            try Daemon(
                try Configuration(file: config), recordPath: nil, log: writer.logger, trial: trial
            ).run()
        } catch {
            writer.logger.critical("\(error)")
            throw ExitCode(1)
        }
    }

    private static func followLeaps(_ path: String, _ wakeAll: @escaping @Sendable () -> Void) {
        LoopThread {
            // Opened for writing, too, so that reading does not end with the writer.
            let descriptor = open(path, O_RDWR | O_CLOEXEC)
            var leap: Int64 = 0
            while read(descriptor, &leap, 8) == 8 {
                MonotonicClock.leap(by: leap)
                wakeAll()
            }
        }.detach()
    }
}

/// Kills the process when it reaches a step for the chosen time.
private final class CrashPoint: Sendable {
    private let step: String
    private let count: Int
    private let reached = Atomic(0)

    /// - Parameter text: STEP or STEP:COUNT; empty for no crash.
    init?(_ text: String) {
        let parts = text.split(separator: ":")
        guard let step = parts.first else { return nil }
        self.step = String(step)
        count = parts.count > 1 ? Int(parts[1]) ?? 1 : 1
    }

    func note(_ step: DaemonTrial.Step) {
        guard step.rawValue == self.step else { return }
        if reached.add(1, ordering: .relaxed).newValue >= count { kill(getpid(), SIGKILL) }
    }
}
