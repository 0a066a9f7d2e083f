import City
import LiftModel
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Plays the demo: starts the programs, does what the plan says while the fleet runs, and tells a
/// person about it.
struct Stage {
    private let folder: String
    private let demo: Demo
    /// Seconds.
    private let span: Double
    private var plan: DemoPlan
    private var programs: DemoPrograms
    private var screen = Screen()
    private var random: Random
    private var absences: GatewayAbsences
    private var isCentreAway = false
    /// How often the rule has been changed.
    private var changes = 0

    /// - Parameters:
    ///   - span: how long the fleet runs, seconds.
    ///   - outage: how long the centre's broker is down each time, seconds.
    init(folder: String, demo: Demo, span: Double, outage: Double) throws {
        self.folder = folder
        self.demo = demo
        self.span = span
        absences = GatewayAbsences(gatewayLog: LogTail("\(folder)/gateway.log"))
        random = Random(seed: demo.seed, stream: 0xD1E5)
        plan = DemoPlan(demo, span: span, outage: outage, &random)
        programs = try DemoPrograms(folder: folder, demo: demo)
    }

    /// - Returns: whether every entrapment was found, delivered and counted once; false where a
    ///   signal stopped it.
    mutating func play(until stop: StopOnSignal) throws -> Bool {
        try start()
        let began = MonotonicClock.now
        while programs.isFleetRunning, !stop.isSet {
            usleep(100_000)
            absences.noticeEnd()
            let now = seconds(since: began)
            try restartAfterCrash()
            try killGateway(at: now)
            try changeRules(at: now)
            try moveCentreBroker(at: now)
            screen.show(
                statusFile: "\(folder)/status.json", alertsFile: "\(folder)/alerts.ndjson",
                progress: min(1, now / span))
        }
        screen.say("The fleet has ended. Waiting until the centre has everything.")
        waitForDelivery(stop)
        programs.endCentre()
        var outcome = try DemoOutcome(demo, folder: folder, programs)
        end()
        screen.finish()
        if stop.isSet { return false }
        absences.endNow()
        try outcome.score(deaf: absences.times)
        return outcome.report()
    }

    mutating func end() { programs.end() }

    // MARK: The steps of a turn

    private mutating func start() throws {
        screen.say(
            "The building's broker on 127.0.0.1:\(programs.buildingPort), the centre's on 127.0.0.1:\(programs.centrePort), with the product's settings."
        )
        screen.say(
            "Shipped rules; holds shortened: "
                + DemoThresholds.all.map { "\($0.key) \($0.value)s" }.joined(separator: ", ") + "."
        )
        try programs.startBrokers()
        try programs.changeRule(0)
        try programs.startCentre()
        try programs.startGateway()
        usleep(700_000)
        try programs.startFleet(for: span)
    }

    /// The gateway killed itself at a crash point, within this turn or the last.
    private mutating func restartAfterCrash() throws {
        guard programs.hasGatewayEnded else { return }
        absences.begin(secondsAgo: 0.2)
        try programs.startGateway()
    }

    private mutating func killGateway(at now: Double) throws {
        guard let due = plan.kills.first, now >= due else { return }
        plan.kills.removeFirst()
        let isOnlyKill = demo.kills == 1
        if isOnlyKill { screen.say("Killing the gateway with SIGKILL, while messages arrive.") }
        programs.killGateway()
        absences.begin()
        if isOnlyKill { usleep(1_500_000) }
        let crashes = demo.kills > 1 && plan.kills.count % 3 == 2
        try programs.startGateway(crashAfterCommit: crashes ? random.integer(2...6) : nil)
        if isOnlyKill {
            screen.say(
                "The gateway is back: it continues from its journal; the broker sends again the messages without an acknowledgement."
            )
        }
    }

    private mutating func changeRules(at now: Double) throws {
        while let due = plan.reloads.first, now >= due {
            plan.reloads.removeFirst()
            changes += 1
            try programs.changeRule(changes)
            programs.reloadGateway()
            usleep(50_000)
        }
    }

    private mutating func moveCentreBroker(at now: Double) throws {
        guard let next = plan.outages.first else { return }
        if !isCentreAway, now >= next.from {
            isCentreAway = true
            screen.say(
                "Stopping the centre's broker for \(Int(next.to - next.from)) s: alerts wait in the journal."
            )
            programs.killCentreBroker()
        } else if isCentreAway, now >= next.to {
            isCentreAway = false
            plan.outages.removeFirst()
            try programs.startCentreBroker()
            screen.say("The centre's broker is back.")
        }
    }

    private func waitForDelivery(_ stop: StopOnSignal) {
        let deadline = MonotonicClock.now + .seconds(40)
        usleep(2_500_000)
        while !stop.isSet, MonotonicClock.now < deadline,
            GatewayStatus(file: "\(folder)/status.json")?.centre.backlog != 0
        { usleep(300_000) }
    }
}

/// The times in which no gateway observed.
private struct GatewayAbsences {
    /// Seconds since 1970.
    private(set) var times: [ClosedRange<Double>] = []
    /// Since when none observes; nil while one does.
    private var since: Double?
    private let gatewayLog: LogTail

    init(gatewayLog: LogTail) { self.gatewayLog = gatewayLog }

    private static var wallSeconds: Double {
        Instant(nanoseconds: MonotonicClock.wallNanoseconds).seconds
    }

    mutating func begin(secondsAgo: Double = 0) { since = since ?? Self.wallSeconds - secondsAgo }

    mutating func endNow() {
        if let since { times.append(since...Self.wallSeconds) }
        since = nil
    }

    /// The gateway logs when it has caught up.
    mutating func noticeEnd() {
        if gatewayLog.count(of: "the backlog is read") > 0 { endNow() }
    }
}
