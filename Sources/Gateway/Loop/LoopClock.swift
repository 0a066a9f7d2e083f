import Contract
import Delivery
import GatewayCore
import Journal
import LiftModel
import Monitoring

/// What was reported of the wall clock in this run.
struct WallClockReports {
    /// The last correction; nil until the wall clock was synchronised.
    var reportedCorrection: Duration?
    /// When the synchronised clock was last noted in the journal, on the gateway's time line.
    var synchronisationNotedAt: Instant?
}

extension TelemetryLoop {
    /// Reports a change of the calendar at the start: times that earlier runs sent were wrong, and
    /// the centres receive the correction.
    func report(_ change: TimeLineCheck.Change) {
        // Where the line was behind, `reportClockCorrection` covers the runs of this boot; of other
        // boots nothing is known.
        guard change.correction < .zero else {
            return log.notice(
                "times continue from \(clock.calendarNow.rfc3339): the wall clock is synchronised")
        }
        var corrected = 0
        do throws(JournalError) {
            corrected = try journal.correctRuns(
                beganAfter: clock.calendarNow, by: change.correction.nanoseconds)
        } catch { log.error("\(error)") }
        handle(
            .event(
                .newTimeLine(
                    change, site: settings.core.site, bootID: settings.bootID,
                    at: clock.calendarNow)))
        log.warning(
            "the times sent until now were wrong by \(change.correction.spanText): the wall clock is right (\(change.evidence.rawValue)), and times continue from \(clock.calendarNow.rfc3339); \(corrected) earlier runs are corrected, and the centre is informed"
        )
    }

    /// Reports a wall clock that was set right. The time stamps of this run, and of earlier runs of
    /// the same boot, get the correction, and the centres receive it.
    func reportClockCorrection() {
        guard clock.quality != .free, core.storage.failure == nil else { return }
        noteSynchronised()
        let correction = abs(clock.wallOffset) < .seconds(1) ? .zero : clock.wallOffset
        let hasChanged = abs(correction - (wallClock.reportedCorrection ?? .zero)) >= .seconds(1)
        guard wallClock.reportedCorrection == nil || hasChanged else { return }
        do throws(JournalError) {
            let earlier = try journal.correctRuns(by: correction.nanoseconds)
            wallClock.reportedCorrection = correction
            guard hasChanged || earlier > 0 else { return }
            handle(
                .event(
                    .clock(
                        correction: correction, site: settings.core.site, bootID: settings.bootID,
                        at: clock.calendarNow)))
            log.notice(
                "the wall clock was set: times of this run are off by \(correction.spanText), those of \(earlier) earlier ones of this boot are corrected too; the centre is informed"
            )
        } catch { log.error("\(error)") }
    }

    private static let noteSynchronisedEvery = Duration.seconds(600)

    /// The next start needs to know when the kernel last reported the clock as synchronised.
    private func noteSynchronised() {
        let now = clock.now
        guard clock.quality == .synchronised,
            wallClock.synchronisationNotedAt.map({ now - $0 >= Self.noteSynchronisedEvery }) ?? true
        else { return }
        wallClock.synchronisationNotedAt = now
        do throws(JournalError) {
            try journal.set(GatewayClock.synchronisedCounter, now.nanoseconds)
        } catch {
            log.error("\(error)")
        }
    }
}

private func abs(_ duration: Duration) -> Duration {
    duration < .zero ? .zero - duration : duration
}
