import Delivery
import GatewayCore
import Journal
import LiftModel
import Monitoring
import Platform

extension StatusReport {
    private static let mostUnheardToCompare = 20

    /// The facts for the checks.
    // Over 60 lines: one line a fact.
    func condition(now: Instant, monotonic: MonotonicTime) -> Condition {
        var condition = Condition()
        condition.broker.url = loop.settings.client.url.description
        condition.broker.isConnected = loop.connection.isSubscribed
        condition.broker.observedFor = loop.core.liveSince.map { monotonic - $0 }
        condition.broker.trouble = loop.connection.trouble
        condition.broker.problems = loop.connection.problems
        let detector = loop.core.intake.detector
        let refused = Set(loop.core.intake.refusedLifts.open.map(\.lift))
        let silent = detector.liftsReportedSilent
        condition.lifts = detector.liftIndices.map { index in
            let view = detector.view(index)
            return Condition.ObservedLift(
                name: Self.name(view.lift),
                silence: view.lastSignOfLife.map { max(.zero, now - $0) },
                silenceLimit: max(
                    Condition.ObservedLift.leastSilence,
                    (longestPauses[view.lift.id] ?? .zero) * 3),
                isReportedSilent: silent.contains(index), repetition: repetition(of: index),
                isExcused: view.maintenanceUntil != nil || refused.contains(view.lift.id),
                // The detector's offset is what is to be added to the device's time.
                clockOffset: view.clockOffset.map { .zero - $0 })
        }
        condition.broker.topics = Self.readable(loop.settings.filters)
        condition.refusedLifts = refused.sorted().map { id in
            detector.index(of: id).map { Self.name(detector.lift($0)) } ?? id
        }
        condition.partlyReadLifts = loop.core.intake.liftsReadInPart.map {
            (lift: detector.lift($0.lift), found: $0)
        }.filter { !refused.contains($0.lift.id) }.map {
            Condition.PartlyReadLift(
                name: Self.name($0.lift), sources: $0.found.sources,
                hasNeverCome: $0.found.hasNeverCome)
        }
        // A mistyped id is one of a few; where hundreds are unheard, no id is the cause.
        let unheard = zip(detector.liftIndices, condition.lifts).filter { $1.silence == nil }
            .prefix(Self.mostUnheardToCompare).map { detector.lift($0.0).id }
        condition.messagesOfAnotherLift =
            loop.core.intake.badInput.counts["another_lift"] ?? 0
        condition.unregistered = loop.core.intake.badInput.unregisteredTopics(at: now).map {
            Condition.UnregisteredTopic(
                topic: $0.topic, messages: $0.count,
                meant: MistypedID.meant(by: $0.topic, among: unheard))
        }
        condition.rulesVersion = rulesVersion
        condition.reloadProblem = reloadProblem
        condition.changedSinceStart = changedSinceStart
        condition.diskFailing = loop.core.storage.failure.map {
            (monotonic - $0.since, $0.reason)
        }
        condition.diskFailed = loop.core.diskTrouble.flatMap {
            $0.isOver(at: monotonic) ? nil : (monotonic - $0.lastFailure, $0.reason)
        }
        condition.stateFolder = (stateFolder, Files.freeBytes(stateFolder))
        // Checked only where something is wrong, which may be a matter of rights.
        if loop.core.storage.failure != nil || signingProblem != nil {
            condition.fileProblem = OwnFiles(in: stateFolder).problem
        }
        condition.delivery.routes = routes
        condition.journalProblem = journalProblem
        condition.delivery.pendingEvents = stored.pendingEvents
        condition.delivery.oldestPending = stored.oldestPending.map { now - $0 }
        condition.delivery.inMemory = loop.eventsInMemory(at: monotonic)
        condition.delivery.deadLetters = stored.deadLetters
        condition.signingProblem = signingProblem
        condition.certificates = certificates
        condition.clock.isSynchronised = loop.clock.quality != .free
        condition.clock.wallOffset = loop.clock.wallOffset
        condition.clock.now = Instant(nanoseconds: MonotonicClock.wallNanoseconds)
        condition.clock.lineOffset = condition.clock.now - now
        condition.clock.centreOffset = Self.centreOffset(
            routes, wall: condition.clock.now, monotonic: monotonic)
        do throws(Folder.Problem) {
            condition.lostJournal = try SetAsideJournal.newest(beside: stateFolder + "/journal.db")?
                .shown(at: condition.clock.now)
        } catch { condition.folderProblem = error.description }
        if lostJournal, condition.lostJournal == nil {
            condition.lostJournal = Condition.LostJournal(age: monotonic - startedAt, file: nil)
        }
        condition.selfTest = selfTest(now)
        return condition
    }

    /// The clock of the centre's server minus the wall clock as it is now: a server sends its time
    /// once a minute or so, and this box's clock may have been set since.
    static func centreOffset(
        _ routes: [DeliveryState.RouteStatus], wall: Instant, monotonic: MonotonicTime
    ) -> Duration? {
        routes.compactMap { route in
            route.serverClockLead.map { Instant(nanoseconds: monotonic.nanoseconds) + $0 - wall }
        }.min { $0.magnitude < $1.magnitude }
    }

    /// The message that a lift has repeated for too long.
    private func repetition(of lift: LiftIndex) -> Condition.RepeatedMessage? {
        guard let found = loop.core.intake.repeatedMessages.repetition(of: lift),
            found.last - found.since >= RepeatedMessages.least
        else { return nil }
        return Condition.RepeatedMessage(
            of: found.stamp ?? loop.clock.calendar(found.since), lasting: found.last - found.since)
    }

    private static func name(_ lift: Lift) -> String {
        lift.place.map { "\($0) (\(lift.id))" } ?? lift.id
    }

    /// The subscriptions in the form of an access list: `lifts/+/state` and `lifts/+/online` are
    /// `lifts/#`.
    static func readable(_ filters: [String]) -> [String] {
        Set(
            filters.filter { !Array($0.utf8).starts(with: SelfTestLift.topicPrefix) }.map {
                filter in
                let stem = filter.prefix { $0 != "+" && $0 != "#" }
                return stem.count == filter.count ? filter : stem + "#"
            }
        ).sorted()
    }

    /// The last self-test, also of an earlier run.
    private func selfTest(_ now: Instant) -> Condition.LastSelfTest {
        // A requested test that failed counts, though none is made by itself.
        guard hasSelfTest || loop.selfTests.report != nil || loop.selfTests.lastFailure != nil
        else { return .none }
        if let report = loop.selfTests.report {
            guard let ended = report.ended else {
                return .running(lastFailure: loop.selfTests.lastFailure)
            }
            let age = now - report.started - .nanoseconds(Int64(ended * 1e9))
            return report.problem.map { .failed(age: age, because: $0) } ?? .passed(age: age)
        }
        guard let last = stored.selfTest else { return .missing }
        let age = now - last.at
        return last.passed
            ? .passed(age: age) : .failed(age: age, because: loop.selfTests.lastFailure ?? "")
    }
}
