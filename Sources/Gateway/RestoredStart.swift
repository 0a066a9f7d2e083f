import Contract
import FoundationEssentials
import GatewayCore
import Journal
import LiftModel
import Monitoring
import RuleLanguage

/// What a run starts from: the journal, the state of every lift at the end of the last run, and the
/// clock.
struct RestoredStart {
    var opened: JournalOpener.Opened
    var site: AlertEvent.Site
    var rules: RuleSet
    var intake: Intake
    var recovered: Recovery.Outcome
    var clock: GatewayClock
    var timeLineChange: TimeLineCheck.Change?
    /// The version of the rules, as a journal's counter has it.
    var rulesVersion: Int64 { Int64(bitPattern: UInt64(rules.version, radix: 16) ?? 0) }
}

extension Daemon {
    /// Restores the last run's state. Where it cannot be read, every lift starts anew: it is better
    /// to watch without the past than not at all, and undelivered events are untouched.
    func restoredStart(
        _ opener: inout JournalOpener, resuming handover: RunHandover?
    ) throws -> RestoredStart {
        var data = data
        if let handover { data.rules = handover.core.rules }
        var opened = try opener.open()
        var site = configuration.site
        site.journal = opened.identity
        var (intake, recovered): (Intake, Recovery.Outcome)
        do {
            (intake, recovered) = try restore(data, site, from: opened.past, handover)
        } catch let error as JournalError where error.isDamage && opened.failure == nil {
            Journal.markDamaged(opener.path)
            opened = try opener.open()
            do { (intake, recovered) = try restore(data, site, from: opened.past, handover) } catch
            {
                (intake, recovered) = try startAfresh(data, site, after: error, from: opened.past)
            }
        } catch {
            if opened.failure != nil { opened.past = opened.journal }
            (intake, recovered) = try startAfresh(data, site, after: error, from: opened.past)
        }
        if recovered.batches > 0 || recovered.lastNow != nil {
            log.info(
                "journal: replayed \(recovered.messages) messages of \(recovered.batches) batches")
        }
        if !recovered.hasSameRules {
            log.notice(
                "the rules have changed: holds in progress start anew, open alerts stay open")
        }
        let (clock, change) = clock(after: recovered, on: opened.past, handover)
        var start = RestoredStart(
            opened: opened, site: site, rules: data.rules, intake: intake, recovered: recovered,
            clock: clock,
            timeLineChange: change)
        if recovered.isComplete, handover == nil, opened.damage == nil { reconcile(&start) }
        return start
    }

    /// Compares the journal's alerts with the restored state, and corrects what differs.
    private func reconcile(_ start: inout RestoredStart) {
        do {
            // A journal without a snapshot does not contain the version of its rules.
            let before = try start.opened.past.counters()[Self.rulesCounter].map { Int64($0) }
            let rulesChanged =
                !start.recovered.hasSameRules || before != nil && before != start.rulesVersion
            let (revisions, unknown, unreadable) = try Recovery.reconcile(
                &start.intake, with: start.opened.past, rulesChanged: rulesChanged,
                after: start.recovered.alerts, at: start.clock.now)
            start.recovered.alerts += revisions
            for alert in unknown {
                log.error(
                    "\(alert.kind) of \(alert.lift) was open and is not known after the restart: it is cleared. This is a fault of Hoistway; please report it with the journal."
                )
            }
            for alert in unreadable {
                log.error(
                    "alert \(alert.id), \(alert.kind) of \(alert.lift), is open and cannot be cleared: its event in the journal cannot be read. Close it at the centre"
                )
            }
        } catch {
            log.error(
                "the alerts of the journal cannot be reconciled with the restored state: \(error)")
        }
    }

    /// The clock of this run: the last run's time line, with the calendar corrected where the wall
    /// clock is right.
    private func clock(
        after recovered: Recovery.Outcome, on past: Journal, _ handover: RunHandover?
    ) -> (GatewayClock, TimeLineCheck.Change?) {
        if let handover {
            return (
                GatewayClock(
                    notBefore: recovered.lastNow, line: handover.anchor,
                    continuingAt: handover.calendarOffset), nil
            )
        }
        var clock = GatewayClock(notBefore: recovered.lastNow)
        do throws(JournalError) {
            clock = GatewayClock(
                notBefore: recovered.lastNow, line: try past.lastLine(ofBoot: Self.bootID()),
                calendarOffset: .nanoseconds(try past.calendarOffset()))
        } catch {
            log.error(
                "\(error). The last run's time is not known: times continue from this box's clock")
        }
        do throws(JournalError) {
            guard let (checked, change) = try clock.checked(against: past) else {
                return (clock, nil)
            }
            return (checked, change)
        } catch {
            log.error("\(error)")
            return (clock, nil)
        }
    }

    /// The state of every lift at the end of the last run.
    /// - Throws: when the journal cannot be read.
    private func restore(
        _ data: DeviceData, _ site: AlertEvent.Site, from past: Journal, _ handover: RunHandover?
    ) throws -> (Intake, Recovery.Outcome) {
        guard let handover else {
            var intake = try freshIntake(
                data, site, from: past.replayStart() ?? GatewayClock(notBefore: nil).now)
            let outcome = try Recovery.restore(&intake, from: past)
            return (intake, outcome)
        }
        var intake = try freshIntake(data, site, from: beginning(of: past))
        var detector = intake.detector
        var outcome = Recovery.Outcome()
        outcome.hasSameRules = try detector.restore(handover.core.state)
        outcome.lastNow = lastTime(in: past)
        intake.restore(detector)
        return (intake, outcome)
    }

    /// An intake without the last run's state.
    private func startAfresh(
        _ data: DeviceData, _ site: AlertEvent.Site, after error: any Error, from past: Journal
    ) throws -> (Intake, Recovery.Outcome) {
        log.critical("the state of the last run cannot be read (\(error)); every lift starts anew")
        var outcome = Recovery.Outcome()
        outcome.isComplete = false
        outcome.lastNow = lastTime(in: past)
        return (try freshIntake(data, site, from: beginning(of: past)), outcome)
    }

    /// The last time in a journal whose state is not read; nil, with a log line, where it cannot be
    /// read.
    private func lastTime(in past: Journal) -> Instant? {
        do throws(JournalError) { return try past.lastTime() } catch {
            log.error(
                "\(error). The last time in the journal is not known: times of this run may begin before it"
            )
            return nil
        }
    }

    /// The start of every lift's record, where the journal's state is not read.
    private func beginning(of past: Journal) -> Instant {
        do throws(JournalError) { if let start = try past.replayStart() { return start } } catch {
            log.error("\(error). Every lift's record begins now")
        }
        return GatewayClock(notBefore: nil).now
    }

    private func freshIntake(_ data: DeviceData, _ site: AlertEvent.Site, from beginning: Instant)
        throws -> Intake
    {
        var intake = Intake(
            data: data, origin: site.origin, admission: .registered, start: beginning,
            isObserving: false)
        for registered in configuration.lifts {
            try intake.register(registered.lift, profile: registered.profile, at: beginning)
        }
        return intake
    }
}
