import ArgumentParser
import FoundationEssentials
import LiftModel
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension Trial {
    /// Days without a centre, in minutes. The gateway's clock leaps; its brokers, sockets and disk
    /// are real.
    struct Partition: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "A week without the centre: memory, disk and descriptors, and everything delivered after it.",
            discussion: """
                The real gateway with a clock that leaps. Each lift sends one message in each leap and changes its verdict every two hours; \
                meanwhile the gateway keeps trying to reach the centre. Then the centre comes back.
                """)
        @OptionGroup var options: TrialOptions
        @Option(name: .customLong("for"), help: "How long the centre is down: 6h, 72h, 168h.")
        var span = "168h"
        @Option(help: "How far the clock leaps each time.") var leap = "10s"
        @Option(help: "Lifts.") var lifts = 200
        @Option(help: "Quota of readings in MiB: small, so that it is reached.") var quota = 32

        func run() throws {
            try checkCounts(("lifts", lifts), ("quota", quota))
            guard let span = Duration(written: span), let leap = Duration(written: leap),
                leap >= .seconds(1),
                span > leap
            else {
                throw ValidationError(
                    "--for and --leap: expected durations such as 168h and 10s, at least 1s")
            }
            let site = try TrialSite(
                options, lifts: lifts, settings: ["readings_quota_mib: \(quota)"])
            let clock = try LeapingClock(site.folder + "/leaps")
            try site.startBuilding()
            try site.startCentre()
            usleep(300_000)
            try site.startGateway(isTrial: true)
            try site.waitUntilDrained()
            let publisher = try TrialPublisher(port: site.buildingPort, lifts: lifts)
            let before = try raiseFirstAlerts(site, publisher)
            site.stopCentre()
            let samples = try passTime(span, by: leap, site, clock, publisher)
            try site.startCentre()
            let met = TrialCentre(port: site.centrePort, before: before)
            // The gateway's backoff.
            clock.leap(.seconds(30))
            let wanted = publisher.causes.joined().count
            row(
                "changes of a verdict", "\(wanted)",
                "\(publisher.published) messages of \(lifts) lifts")
            _ = wait(300) {
                met.events.count { $0.kind == "trial" } >= wanted
                    && site.status?.centre.backlog == 0
            }
            met.end()
            try conclude(met, wanted, samples)
        }

        /// Some alerts reach the centre before it goes.
        private func raiseFirstAlerts(_ site: TrialSite, _ publisher: TrialPublisher) throws
            -> TrialCentre
        {
            let centre = TrialCentre(port: site.centrePort)
            try publisher.publish(lifts * 3, oneIn: 3)
            try publisher.finish()
            let wanted = publisher.causes.joined().count
            guard wait(30, { centre.count >= wanted }) else {
                throw OutputError(
                    path: "the gateway", reason: "raised nothing before the partition began")
            }
            centre.end()
            return centre
        }

        /// Each lift sends one message in each leap.
        private func passTime(
            _ span: Duration, by leap: Duration, _ site: TrialSite, _ clock: LeapingClock,
            _ publisher: TrialPublisher
        ) throws -> [Sample] {
            row(
                "time without the centre", "waiting  journal MB",
                "resident MB  descriptors  written MB")
            let changesEvery = max(1, Int(7200 / leap.inSeconds))
            let steps = Int(span.inSeconds / leap.inSeconds)
            var samples: [Sample] = []
            for step in 0...steps {
                if step % max(1, steps / 14) == 0 {
                    samples.append(try sample(site, after: leap * step))
                }
                try publisher.publish(lifts, oneIn: changesEvery)
                try publisher.finish()
                // Messages on their way must arrive before time leaps.
                usleep(2000)
                clock.leap(leap)
                // One second later the gateway renews its count of messages.
                var patience = 100
                while !wait(0.2, { site.status?.counters.messages ?? 0 >= publisher.published }) {
                    patience -= 1
                    guard site.isGatewayRunning, patience > 0 else {
                        throw OutputError(
                            path: "the gateway",
                            reason:
                                "ended, or did not read its messages; see gateway.log with --keep")
                    }
                    clock.leap(.seconds(1))
                }
            }
            return samples
        }

        private struct Sample {
            var resident: Double
            var descriptors: Int
            var journal: Double
            var waiting: Int
        }

        private func sample(_ site: TrialSite, after time: Duration) throws -> Sample {
            let sample = Sample(
                resident: try TrialSite.memory(site.gatewayPID),
                descriptors: try TrialSite.descriptors(site.gatewayPID),
                journal: try site.journalMegabytes, waiting: site.status?.centre.backlog ?? 0)
            row(
                "\(rounded(time.inSeconds / 3600, 1)) h",
                "\(sample.waiting)  \(rounded(sample.journal, 1))",
                "\(rounded(sample.resident, 1))  \(sample.descriptors)  \(rounded(try TrialSite.written(site.gatewayPID), 0))"
            )
            return sample
        }

        private func conclude(_ centre: TrialCentre, _ wanted: Int, _ samples: [Sample]) throws {
            let events = centre.events.filter { $0.kind == "trial" }
            var last: [String: Int] = [:]
            let outOfOrder = events.count { event in
                defer { last[event.subject] = max(last[event.subject] ?? 0, event.sequence) }
                return event.sequence <= last[event.subject] ?? 0
            }
            row(
                "arrived once", "\(events.count)",
                "\(centre.copies - centre.count) more copies, \(outOfOrder) out of a lift's order")
            // The first samples are of a process that has not warmed up.
            let settled = samples.dropFirst(samples.count / 4)
            guard let first = settled.first, let end = settled.last else { throw ExitCode(1) }
            let isFlat =
                end.resident <= first.resident * 1.2 && end.descriptors <= first.descriptors + 2
            row("memory and descriptors", isFlat ? "flat" : "GREW")
            // The ring with its pages' slack, the log beside it, and the outbox: each event twice,
            // with its index entries.
            let allowed = Double(quota) * 1.05 * 1.3 + 20 + Double(end.waiting) * 0.004
            row(
                "journal", end.journal <= allowed ? "bounded" : "GREW",
                "\(rounded(allowed, 0)) MB are allowed")
            guard events.count == wanted, outOfOrder == 0, isFlat, end.journal <= allowed else {
                throw ExitCode(1)
            }
        }

        private func wait(_ limit: Double, _ condition: () -> Bool) -> Bool {
            let start = MonotonicClock.now
            while !condition() {
                if seconds(since: start) > limit { return false }
                usleep(500)
            }
            return true
        }
    }
}

/// Moves the clock of a gateway that started with it in its environment.
private final class LeapingClock {
    private let descriptor: Int32

    init(_ path: String) throws {
        guard mkfifo(path, 0o600) == 0 || errno == EEXIST else {
            throw OutputError(path: path, reason: String(cString: strerror(errno)))
        }
        setenv("HOISTWAY_LEAPS", path, 1)
        // Open at both ends, so that neither waits for the other.
        descriptor = open(path, O_RDWR | O_CLOEXEC)
    }
    deinit { close(descriptor) }

    func leap(_ span: Duration) {
        var nanoseconds = span.nanoseconds
        write(descriptor, &nanoseconds, 8)
    }
}
