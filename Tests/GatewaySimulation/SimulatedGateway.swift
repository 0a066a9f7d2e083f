import Contract
import DeliveryCore
import Encoding
import GatewayCore
import Journal
import LiftModel
import Monitoring
import SimulatedDisk

/// The process of the gateway: the product's core, journal and scheduling, without its threads and
/// connections.
final class SimulatedGateway {
    static let path = "/journal.db"
    /// A batch ends at so many bytes, which a dozen messages have.
    static let batchBytes = 3000
    /// So small that readings and events of a silent centre exceed it.
    private static let smallQuota = Quota(readings: 4000, outbox: 24_000)
    /// The process dies here; nothing after this line happens.
    struct Died: Error {}

    let world: World
    let journal: Journal
    private(set) var core: GatewayCore
    private var effects = Effects()
    private var memory = UnjournalledEvents()
    private var routes: [SimulatedRoute]
    /// Messages read whose acknowledgement has not left yet, oldest first.
    private var read: [SimulatedBroker.Message] = []
    /// Messages read that no commit has taken, also of a connection that is lost.
    private var uncommitted: [SimulatedBroker.Message] = []
    private var isEnding = false
    private(set) var retryAt = MonotonicTime.boot
    /// Routes have something to look at.
    private var routesAreWoken = true
    private var nextRouteTurn = MonotonicTime.boot
    var isConnected: Bool { world.broker.isConnected }

    /// Starts as the daemon does: restores the state of the lifts from the journal.
    init(_ world: World) throws {
        self.world = world
        journal = try Journal(Self.path, fileSystem: DiskFileSystem.name)
        _ = try journal.setRecipients(world.centres.map { Recipient($0.name, lanes: $0.lanes) })
        // Also of a commit that has failed, and is there all the same.
        world.noteCommitted(try journal.outboxEvents(limit: 1000))
        var moment = world.start(after: try journal.lastTime())
        try journal.beginRun(boot: "\(world.boot)", anchor: moment.time.nanoseconds)
        let beginning = try journal.replayStart() ?? moment.time
        var intake = Intake(
            data: world.data, origin: world.site.origin, admission: .registered,
            start: beginning, isObserving: false)
        for (index, lift) in world.lifts.enumerated() where !world.unwatched.contains(index) {
            try intake.register(Lift(id: lift.id), profile: "gbt24476-json", at: beginning)
        }
        var recovered = try Recovery.restore(&intake, from: journal)
        try world.checkRestored(
            intake.detector, recovered.alerts, through: journal.lastSequence)
        let (revisions, unknown, unreadable) = try Recovery.reconcile(
            &intake, with: journal, rulesChanged: !recovered.hasSameRules,
            after: recovered.alerts, at: moment.time)
        world.note(
            "restored \(recovered.batches) batches: open \(intake.detector.openAlerts.map(\.id)), further \(recovered.alerts.map { "\($0.id)/\($0.revision) \($0.kind) \($0.state)" }), reconciled \(revisions.map { "\($0.id)/\($0.revision) \($0.kind) \($0.state) \($0.reason)" })"
        )
        recovered.alerts += revisions
        if let alert = unknown.first {
            throw Violation("restart: it does not know the open \(alert.kind) of \(alert.lift)")
        }
        if !unreadable.isEmpty { throw Violation("an open alert cannot be read") }
        moment = world.moment
        routes = world.centres.map { SimulatedRoute(to: $0, life: world.life) }
        routes.append(SimulatedRoute(to: world.centres[0], index: 1, life: world.life))
        core = GatewayCore(
            GatewayCore.Settings(
                site: world.site,
                lanes: Dictionary(uniqueKeysWithValues: world.centres.map { ($0.name, $0.lanes) }),
                commitWait: .milliseconds(200), receiveMaximum: SimulatedBroker.window,
                batchBytes: Self.batchBytes),
            intake: intake, recovered: recovered,
            from: try JournalFacts(of: journal, receiveMaximum: SimulatedBroker.window),
            at: moment, into: &effects)
        try performEffects()
    }

    // MARK: Inputs and effects

    func handle(_ input: borrowing Input) throws {
        world.countInput()
        core.handle(input, at: world.moment, into: &effects)
        try performEffects()
    }

    private func performEffects() throws {
        while let effect = effects.takeNext() {
            try world.passEffect()
            try perform(effect)
        }
    }

    private func perform(_ effect: consuming Effect) throws {
        switch effect {
        case .commit(let batch): try commit(batch)
        // The turn writes on the connection.
        case .acknowledge:
            world.note("acknowledge \(read.count)")
            if !uncommitted.isEmpty { try exemptUncommitted() }
        case .storeSnapshot(let snapshot, let sequence):
            world.note("snapshot \(snapshot.count) through \(sequence)")
            try whileWriting { () throws(JournalError) in
                // Where this fails, it may be there all the same.
                world.forgetDurable()
                try journal.saveSnapshot(snapshot, through: sequence)
                world.noteDurable(through: sequence, under: core.intake.detector.rules) { snapshot }
                return .snapshotStored
            }
        case .makeRoom:
            try whileEvicting { () throws(JournalError) in
                try journal.makeRoom()
                return nil
            }
        case .enforceQuota:
            let quota = world.hasSmallQuota ? Self.smallQuota : Quota(readings: 1 << 30)
            try whileEvicting { () throws(JournalError) in
                let eviction = try journal.enforce(
                    quota, of: core.settings, at: world.moment.time, ClockStamp())
                // Reports of two evictions have different times.
                if !eviction.isEmpty { world.moveClock(by: .nanoseconds(1)) }
                return .quotaEnforced(isUnfinished: eviction.isUnfinished)
            }
            routesAreWoken = true
        case .sendFromMemory(let events):
            world.note("send from memory \(events.map(\.id))")
            memory.send(events, at: world.now)
        case .wakeRoutes: routesAreWoken = true
        case .publish(let state): world.note("state \(state.incidents.map(\.alertID))")
        case .record(let event, _): world.note("record \(event)")
        case .actionsAreDurable(let names): world.removeCommands(names)
        case .dropAction(let name): world.removeCommands([name])
        case .refuseAction(let name, let reason): throw Violation("\(name) is refused: \(reason)")
        case .rulesAdopted: world.note("rules adopted")
        case .rulesRefused(let reason): world.note("rules refused: \(reason)")
        case .log(let level, let text, _): world.note("\(level): \(text)")
        }
    }

    private func report(_ outcome: StorageOutcome) {
        core.handle(.storage(outcome), at: world.moment, into: &effects)
    }

    private func commit(_ batch: consuming Journal.Batch) throws {
        world.note(
            "commit \(batch.messages.count) messages, \(batch.alerts.map { "\($0.alert.id)/\($0.alert.revision) \($0.alert.kind) \($0.alert.state)" }), \(batch.events.map(\.id)), \(batch.control ?? "")"
        )
        memory.commitStarted(with: batch.outboundEvents, at: world.now)
        // The routes' threads go on while the disk hangs.
        if world.commitTakes > .zero {
            for _ in 0..<4 {
                world.moveClock(by: world.commitTakes / 4)
                turnRoutes()
            }
        }
        let events = batch.outboundEvents
        do throws(JournalError) {
            let sequence = try journal.commit(batch)
            memory.commitSucceeded()
            let detector = core.intake.detector
            world.noteDurable(through: sequence, under: detector.rules) { detector.snapshot() }
            world.noteCommitted(events)
            uncommitted.removeAll()
            report(.committed(sequence: sequence))
        } catch {
            memory.commitFailed()
            world.note("commit failed: \(error.message)")
            report(.commitFailed(error))
        }
    }

    /// Messages may be acknowledged that no commit has taken, where the disk has failed for long or
    /// the connection was lost meanwhile.
    private func exemptUncommitted() throws {
        let patience = GatewayCore.Settings.diskPatience
        guard core.storage.isWithoutDisk, !isEnding, let failure = core.storage.failure,
            world.now - failure.since >= patience || !isConnected
        else {
            throw Violation("acknowledged too early: \(uncommitted.count) messages wait for a disk")
        }
        world.exempt(uncommitted)
        uncommitted.removeAll()
    }

    /// What waits for a commit stays within the broker's window, and ends at so many bytes.
    private func checkBounds() throws {
        let before = uncommitted.dropLast().reduce(0) {
            $0 + $1.topic.utf8.count + $1.payload.utf8.count
        }
        guard before < Self.batchBytes, uncommitted.count <= SimulatedBroker.window else {
            throw Violation(
                "bounded: after \(before) bytes of \(uncommitted.count) messages one more is read")
        }
    }

    /// Records are removed on purpose. What is missing afterwards is no loss, if it is reported.
    private func whileEvicting(
        _ work: () throws(JournalError) -> StorageOutcome?
    ) throws {
        guard world.hasSmallQuota || core.storage.failure != nil else {
            return try whileWriting(work)
        }
        func look() throws -> ([String: Int], [OutboundEvent]) {
            try world.disk.whileWell {
                (try World.messages(in: journal), try journal.outboxEvents(limit: .max))
            }
        }
        let before = try look()
        try whileWriting(work)
        let after = try look()
        world.forget(before.0, but: after.0)
        try world.noteEvicted(before.1, but: after.1)
    }

    private func whileWriting(_ work: () throws(JournalError) -> StorageOutcome?) throws {
        do throws(JournalError) {
            if let outcome = try work() { report(outcome) }
        } catch {
            world.note("failed: \(error.message)")
            if error.isDamage { report(.damageFound(error)) }
        }
    }

    // MARK: One turn

    func turn() throws {
        try turnConnection()
        try handle(
            .broker(
                .answers(
                    queuesWhileAway: isConnected ? world.broker.grantedQoS > 0 : nil,
                    isClientIDTaken: false)))
        try handle(.time)
        if let damage = core.storage.damage { throw Violation("the journal is damaged: \(damage)") }
        try write()
        if core.takesActions { try applyCommands() }
        try write()
        turnRoutesIfDue()
    }

    private func turnConnection() throws {
        guard isConnected else {
            guard world.now >= retryAt else { return }
            guard let isPresent = world.broker.connect() else {
                retryAt = world.now + .seconds(2)
                return
            }
            try handle(.broker(.sessionStarted(isPresent: isPresent)))
            if !isPresent { world.broker.subscribe() }
            try handle(.broker(.subscribed))
            return
        }
        while core.hasRoom, let delivery = world.broker.next() {
            let qos = world.broker.grantedQoS
            if qos > 0 { read.append(delivery.message) }
            let redelivered = core.counters.redelivered
            let topic = Array(delivery.message.topic.utf8)
            let payload = Array(delivery.message.payload.utf8)
            try handle(
                .message(
                    IncomingMessage(
                        topic: topic.span, payload: payload.span, qos: qos,
                        isRetained: delivery.message.isRetained, mid: delivery.mid)))
            if core.counters.redelivered == redelivered { uncommitted.append(delivery.message) }
            try checkBounds()
        }
        if core.hasRoom { try handle(.broker(.socketEmpty)) }
    }

    /// A write on the connection releases the acknowledgements of everything that was read.
    private func write() throws {
        guard core.mayWrite, isConnected, !read.isEmpty else { return }
        world.noteAcknowledged(read)
        world.broker.acknowledge(read.count)
        read.removeAll()
    }

    func loseConnection() throws {
        guard isConnected else { return }
        world.broker.dropConnection()
        try noteLostConnection()
    }

    func noteLostConnection() throws {
        retryAt = world.now + .seconds(1)
        try handle(.broker(.lost(isGiantPacket: false)))
        read.removeAll()
    }

    private func applyCommands() throws {
        let applied = Set(core.appliedActions)
        let waiting = world.commands.filter { !applied.contains($0.name) }
        guard !waiting.isEmpty else { return }
        for command in waiting {
            if command.kind == .unreadable {
                world.removeCommands([command.name])
                try handle(
                    .refusedCommand(
                        RefusedCommand(commandID: command.id, "it is not JSON"),
                        centre: command.centre))
                continue
            }
            let action: OperatorAction =
                command.kind == .accepted
                ? .accepted(alert: command.alertID, by: "desk")
                : .endOfAlarm(alert: command.alertID, Statement(by: "desk"))
            var submitted = SubmittedAction(
                name: command.name, action: action,
                origin: SubmittedAction.Origin(centre: command.centre, commandID: command.id))
            do throws(JournalError) {
                if let answered = submitted.answeredCommand {
                    submitted.status = try journal.status(of: answered)
                }
            } catch { continue }
            try handle(.action(submitted))
        }
        try handle(.endOfActions)
    }

    // MARK: Routes

    private func turnRoutesIfDue() {
        if routesAreWoken { return world.whileRoutesRead(turnRoutes) }
        if world.now >= nextRouteTurn { turnRoutes() }
    }

    private func turnRoutes() {
        routesAreWoken = false
        nextRouteTurn = world.now + .seconds(1)
        for index in routes.indices {
            let isCity = routes[index].centre == world.centres[0].name
            let isUp = !isCity || routes[index].index > 0 || world.firstRouteIsUp
            routes[index].turn(
                &world.centres[isCity ? 0 : 1], isUp: isUp, &memory, time: world.moment.time,
                now: world.now)
        }
    }

    /// The next moment at which something is due.
    var nextTurn: MonotonicTime {
        var next = world.now + core.longestWait(at: world.moment)
        next = min(next, nextRouteTurn)
        if !isConnected { next = min(next, max(retryAt, world.now)) }
        return next
    }

    func reload() throws { try handle(.rules(world.data.rules)) }

    func end() throws {
        isEnding = true
        try handle(.end)
        try write()
    }
}

/// An invariant that does not hold.
struct Violation: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
