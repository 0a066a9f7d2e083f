import Contract
import Encoding
import GatewayCore
import Journal
import LiftModel
import Monitoring
import RuleLanguage
import SimulatedDisk

/// Everything around one gateway under one seed, in virtual time: lifts, broker, disk, clock and
/// centres.
///
/// Invariants, which every run checks:
/// - acknowledged ⇒ durable: a message whose acknowledgement has left is in the journal, or the
///   gateway was known to be without a disk.
/// - raised ⇒ delivered: each alert that a commit has taken is stored by each centre of its lane,
///   or the centre has refused it; one id has one content.
/// - order: a centre receives the revisions of an alert in their order, as far as they have one
///   lane.
/// - found: a passenger who is trapped at the end is known to the centre within the bound, and an
///   alert of a lift that stands open at a landing is over.
/// - followed once: a centre command has one answer.
/// - bounded: what waits for a commit stays below its limits.
/// - evicted: events that the quota removes are reported, and entrapments go last.
/// - it always starts, and a restart knows every open alert.
/// - replay: a restart under the same rules finds the state of the lifts to the byte.
final class World {
    /// The site's rules and profiles, compiled once.
    private(set) var data: DeviceData
    private let firstRules: RuleSet
    private let otherRules: RuleSet
    let site: AlertEvent.Site
    private(set) var lifts: [SimulatedLift] = []
    /// Lifts that are not in the configuration at the next start, and in the present process.
    private var unlisted: Set<Int> = []
    private(set) var unwatched: Set<Int> = []
    var broker = SimulatedBroker()
    var centres: [SimulatedCentre]
    let disk: SimulatedDisk
    private(set) var gateway: SimulatedGateway?
    private var random: SplitMix64
    /// The first of the city's two routes can be used.
    var firstRouteIsUp = true
    /// The first route is down while the last entrapment is to be found.
    let isRouteToFail: Bool
    /// The disk is full while the last entrapment is to be found.
    let isDiskToFail: Bool

    private(set) var now = MonotonicTime(seconds: 1)
    /// The time line and the wall clock, each at the moment `MonotonicTime.boot`.
    private var anchor = Instant(nanoseconds: 0)
    private var wall = Instant(seconds: 1_800_000_000)
    private(set) var boot = 1
    private var lastBoot = 0
    private(set) var commitTakes = Duration.zero

    private(set) var commands: [SimulatedCommand] = []
    private(set) var sentCommands: [SimulatedCommand] = []
    /// The reads of the routes before one that fails.
    private var routeReadError: Int?
    /// The state of the lifts as the journal has it.
    private(set) var durable: DurableState?
    private var death: (afterEffects: Int, isPowerCut: Bool, clockStep: Int)?
    private(set) var inputs = 0
    private(set) var deaths = 0
    /// The number of the present process.
    private(set) var life = 0
    /// How often a message was acknowledged, by `key`.
    private(set) var acknowledged: [String: Int] = [:]
    /// How often the gateway took a message without a disk.
    private(set) var exempted: [String: Int] = [:]
    /// The events that a commit has taken, with their lanes.
    private(set) var committed: [String: Lane] = [:]
    /// The journal evicts readings and events.
    let hasSmallQuota: Bool
    /// Events that were evicted, and the commands that some of them answer.
    var evicted: Set<String> = []
    var evictedAnswers: Set<String> = []
    /// What happened, as text; nil where only its hash is wanted.
    private(set) var log: [String]?
    private var logHash = ByteHash(seed: 1)
    var hash: UInt64 { logHash.value }

    init(seed: UInt64, data: SiteData, keepsLog: Bool) {
        self.data = data.device
        otherRules = data.otherRules
        firstRules = data.device.rules
        random = SplitMix64(seed: seed ^ 0x5EED)
        isDiskToFail = seed % 3 == 0
        isRouteToFail = seed % 5 == 2
        hasSmallQuota = seed % 8 == 1
        disk = SimulatedDisk(seed: seed)
        DiskFileSystem.disk = disk
        var site = AlertEvent.Site(id: "plaza")
        site.journal = "simulated"
        self.site = site
        lifts = (0..<Step.lifts).map { SimulatedLift(id: "L\($0)", isPlain: $0 % 3 == 0) }
        centres = [
            SimulatedCentre("city", lanes: Set(Lane.allCases), seed: seed &+ 1),
            SimulatedCentre("care", lanes: [.entrapment, .fault], seed: seed &+ 2),
        ]
        log = keepsLog ? [] : nil
    }

    // MARK: Time

    var moment: Moment { Moment(time: anchor + (now - .boot), monotonic: now) }

    /// The time line of a new run: that of the run before in one boot of the box, else the wall
    /// clock; never before the journal's last time.
    func start(after last: Instant?) -> Moment {
        let line = boot == lastBoot ? anchor : wall
        lastBoot = boot
        let earliest = (last ?? Instant(nanoseconds: 0)) + .nanoseconds(1)
        anchor = max(line, earliest - (now - .boot))
        return moment
    }

    func moveClock(by duration: Duration) { now += duration }

    // MARK: What the gateway reports

    func note(_ line: @autoclosure () -> String) {
        let text = "\(now.nanoseconds) \(line())"
        let bytes = Array(text.utf8)
        logHash.add(bytes.span, 0, bytes.count)
        log?.append(text)
    }

    /// The routes have something to read, which may fail.
    func whileRoutesRead(_ work: () -> Void) {
        guard let reads = routeReadError else { return work() }
        routeReadError = nil
        note("a read of the routes fails after \(reads) others")
        disk.failOneRead(after: reads, work)
    }

    /// The journal's last batch, and the state of the lifts that a restart must find by it.
    struct DurableState {
        var sequence: Int64
        /// The version of the rules.
        var rules: String
        var unwatched: Set<Int>
        var snapshot: () -> [UInt8]
    }

    func noteDurable(
        through sequence: Int64, under rules: RuleSet, _ snapshot: @escaping () -> [UInt8]
    ) {
        durable = DurableState(
            sequence: sequence, rules: rules.version, unwatched: unwatched, snapshot: snapshot)
    }

    /// Which state a restart finds is not known.
    func forgetDurable() { durable = nil }

    /// A restart under the same rules finds the state of the process before, to the byte, and
    /// raises no alert that the process before had not raised.
    func checkRestored(_ detector: Detector, _ alerts: [Alert], through sequence: Int64) throws {
        guard let durable, durable.rules == data.rules.version, durable.unwatched == unwatched
        else { return }
        if let alert = alerts.first {
            throw Violation("replay: \(alert.kind) \(alert.state) of \(alert.lift) is new")
        }
        // A commit that has failed may be there all the same.
        guard durable.sequence == sequence, detector.snapshot() != durable.snapshot() else {
            return
        }
        throw Violation("replay: the state of the lifts is another than before the restart")
    }

    func countInput() { inputs += 1 }

    /// - Throws: `Died` where the process dies before the next effect.
    func passEffect() throws {
        guard let planned = death else { return }
        guard planned.afterEffects > 0 else { throw SimulatedGateway.Died() }
        death?.afterEffects -= 1
    }

    /// The gateway has said of these that it takes them without a disk.
    func exempt(_ messages: [SimulatedBroker.Message]) {
        for message in messages {
            exempted[Self.key(message.topic, message.payload), default: 0] += 1
        }
    }

    func noteAcknowledged(_ messages: [SimulatedBroker.Message]) {
        let refused = Set(unwatched.map { lifts[$0].topic })
        // Of a message on an unregistered topic the journal has the beginning and a hash.
        for message in messages where !refused.contains(message.topic) {
            let key = Self.key(message.topic, message.payload)
            // A message with a time of its own, which comes again, is the same one.
            let isSame = message.isDistinct && acknowledged[key] ?? 0 > 0
            if !isSame { acknowledged[key, default: 0] += 1 }
        }
    }

    /// Old readings were removed on purpose, for a full disk.
    func forget(_ before: [String: Int], but after: [String: Int]) {
        for (key, count) in before { acknowledged[key]? -= count - (after[key] ?? 0) }
    }

    static func key(_ topic: String, _ payload: String) -> String { topic + " " + payload }

    func noteCommitted(_ events: [OutboundEvent]) {
        for event in events { committed[event.id] = event.lane }
    }

    func removeCommands(_ names: [String]) {
        note("done \(names)")
        commands.removeAll { names.contains($0.name) }
    }

    // MARK: The script

    /// - Throws: `Violation`.
    func run(_ script: [Step]) throws {
        // The two hold each other.
        defer { gateway = nil }
        try startGateway()
        for step in script {
            note("step \(step)")
            try whileAlive { try take(step) }
            try whileAlive { try turn() }
        }
        try heal()
        try checkEnd()
    }

    private func take(_ step: Step) throws {
        switch step {
        case .lift(let index, let situation):
            lifts[index].become(situation, &random)
            publish(index)
        case .press(let index):
            lifts[index].press()
            publish(index)
        case .repeatStates: for index in lifts.indices { publish(index) }
        case .pass(let milliseconds): try turn(for: .milliseconds(milliseconds))
        case .stall(let milliseconds):
            for index in lifts.indices { publish(index) }
            moveClock(by: .milliseconds(milliseconds))
        case .connectionLost: try gateway?.loseConnection()
        case .brokerDown:
            guard broker.isUp else { return }
            let wasConnected = broker.isConnected
            broker.goDown()
            if wasConnected { try gateway?.noteLostConnection() }
        case .brokerGrants(let qos):
            guard broker.isUp else { return }
            let wasConnected = broker.isConnected
            broker.grant(qos)
            if wasConnected { try gateway?.noteLostConnection() }
        case .firstRoute(let isUp): firstRouteIsUp = isUp
        case .brokerUp(let keepsQueue, let keepsSession):
            if broker.isUp { return }
            broker.comeUp(keepsQueue: keepsQueue, keepsSession: keepsSession)
        case .disk(let fault, let after): disk.plan(fault, after: after)
        case .slowDisk(let milliseconds): commitTakes = .milliseconds(milliseconds)
        case .routeReadError(let after): routeReadError = after
        case .repair:
            disk.repair()
            commitTakes = .zero
        case .kill(let effects): death = death ?? (effects, false, 0)
        case .powerCut(let effects, let step): death = death ?? (effects, true, step)
        case .restart:
            try gateway?.end()
            try stopGateway(isPowerCut: false, clockStep: 0)
        case .listed(let index, let isListed):
            if isListed { unlisted.remove(index) } else { unlisted.insert(index) }
        case .reload(let other):
            data.rules = other ? otherRules : firstRules
            try gateway?.reload()
        case .centre(let index, let mood): centres[index].mood = mood
        case .command(let index, let kind, let isRepeated):
            send(kind, from: centres[index].name, isRepeated: isRepeated)
        }
    }

    private func publish(_ index: Int) {
        let time = wall + (now - .boot)
        broker.publish(
            SimulatedBroker.Message(
                topic: lifts[index].topic, payload: lifts[index].message(at: time),
                isDistinct: !lifts[index].isPlain))
    }

    private func send(_ kind: SimulatedCommand.Kind, from centre: String, isRepeated: Bool) {
        let open = gateway?.core.openAlerts.filter { $0.kind == "entrapment" } ?? []
        guard kind == .unreadable || !open.isEmpty else { return }
        let alert = kind == .unreadable ? "" : open[Int(random.next() % UInt64(open.count))].id
        let id = "c\(sentCommands.count)"
        for copy in 0...(isRepeated && kind != .unreadable ? 1 : 0) {
            commands.append(
                SimulatedCommand(
                    name: "\(id).\(copy)", id: id, centre: centre, alertID: alert, kind: kind))
        }
        sentCommands.append(commands[commands.count - 1])
    }

    /// Does some work of the gateway, which may die in it and then starts again.
    private func whileAlive(_ work: () throws -> Void) throws {
        do { try work() } catch is SimulatedGateway.Died {
            let planned = death
            death = nil
            deaths += 1
            note("dies")
            try stopGateway(
                isPowerCut: planned?.isPowerCut ?? false, clockStep: planned?.clockStep ?? 0)
        }
    }

    private func turn(for duration: Duration = .zero) throws {
        let end = now + duration
        try gateway?.turn()
        while now < end {
            now = min(end, max(now + .milliseconds(1), gateway?.nextTurn ?? end))
            try gateway?.turn()
        }
    }

    // MARK: When everything is well again

    /// Repairs everything around the gateway; the lifts stand open at a landing.
    func repairAll() throws {
        death = nil
        disk.repair()
        commitTakes = .zero
        routeReadError = nil
        firstRouteIsUp = true
        if !broker.isUp { broker.comeUp(keepsQueue: true, keepsSession: true) }
        for index in centres.indices { centres[index].mood = .well }
        if !unlisted.isEmpty || !unwatched.isEmpty {
            unlisted = []
            try gateway?.end()
            try stopGateway(isPowerCut: false, clockStep: 0)
        }
        for index in lifts.indices { become(.open, lift: index) }
    }

    func become(_ situation: SimulatedLift.Situation, lift index: Int) {
        lifts[index].become(situation, &random)
        publish(index)
    }

    /// Time passes in which every lift repeats its state every ten seconds.
    /// - Parameters:
    ///   - silent: the lift that does not.
    ///   - isReached: it ends before the duration where this is so.
    func pass(
        _ duration: Duration, silent: Int? = nil, until isReached: () -> Bool = { false }
    ) throws {
        let end = now + duration
        while now < end, !isReached() {
            for index in lifts.indices where index != silent { publish(index) }
            try turn(for: .seconds(10))
        }
    }

    // MARK: Life and death

    private func stopGateway(isPowerCut: Bool, clockStep: Int) throws {
        broker.dropConnection()
        // Nothing that a dying process would still do reaches the disk.
        disk.loseContact()
        gateway = nil
        if isPowerCut {
            disk.cutPower()
            boot += 1
            wall = wall + .seconds(clockStep)
        } else {
            disk.regainContact()
        }
        moveClock(by: .milliseconds(Int(random.next() % 3000)))
        // A disk that fails at a start makes the daemon run without one; that is not simulated.
        disk.repair()
        try startGateway()
        try checkDurable()
    }

    private func startGateway() throws {
        var attempts = 0
        while gateway == nil {
            attempts += 1
            life += 1
            unwatched = unlisted
            do { gateway = try SimulatedGateway(self) } catch is SimulatedGateway.Died {
                let planned = death
                death = nil
                deaths += 1
                disk.loseContact()
                if planned?.isPowerCut == true { disk.cutPower() } else { disk.regainContact() }
            } catch let error as JournalError {
                throw Violation("it does not start: \(error)")
            }
            guard attempts < 10 else { throw Violation("it does not start") }
        }
    }
}
