import Foundation
import Journal
import LiftModel
import Testing

@testable import Gateway
@testable import hoistway_sim

/// Which clock counts at a start: the wall clock, or the gateway's own line.
@Suite(.serialized) struct TimeLineTests {
    private static func day(_ text: String) -> Instant { Instant(rfc3339: text + "T12:00:00Z")! }
    private static let year = Duration.seconds(365 * 86_400)

    /// A site that ran from January to March of 2026 with a batch a minute, was off over a weekend
    /// in February, booted ten years ahead on 1 March, and ran on for two days.
    private static let history = [
        (day("2026-01-05"), day("2026-02-06")), (day("2026-02-09"), day("2026-03-01")),
        (day("2036-03-01"), day("2036-03-03")),
    ]
    private static func gap(_ history: [(Instant, Instant)], _ time: Instant) -> ClosedRange<
        Instant
    >? {
        for (from, to) in history where from <= time && time < to {
            return time...time + .seconds(60)
        }
        guard let last = history.last(where: { $0.1 <= time }),
            let next = history.first(where: { $0.0 > time })
        else {
            return nil
        }
        return last.1...next.0
    }
    private func change(
        wall: Instant, line: Instant = day("2036-03-03"), isSynchronised: Bool = false,
        offset: Duration = .zero,
        history: [(Instant, Instant)] = history, synchronisedAt: Instant? = nil
    ) -> TimeLineCheck.Change? {
        TimeLineCheck(
            line: line, calendarOffset: offset, wall: wall, isSynchronised: isSynchronised,
            synchronisedAt: synchronisedAt
        )
        .change { Self.gap(history, $0) }
    }

    @Test func aBoxThatBootedYearsAheadIsBelievedAgainOnceItsClockSaysATimeThatTheLineLeaptOver() {
        for wall in ["2026-03-02", "2026-03-04", "2027-01-01", "2036-02-28"].map(Self.day) {
            #expect(
                change(wall: wall)
                    == .init(correction: wall - Self.day("2036-03-03"), evidence: .gapInJournal))
        }
    }

    @Test func aBoxWithoutAClockOfItsOwnGoesOnFromTheLastTime() {
        // 1970, the day on which its system was built, the time at which it was switched off, and
        // times at which it ran.
        for wall in ["1970-01-01", "2000-01-01", "2025-11-30", "2026-01-20", "2026-02-20"].map(
            Self.day)
        {
            #expect(change(wall: wall) == nil, "\(wall.rfc3339)")
            #expect(
                change(
                    wall: wall, line: Self.day("2026-03-01"), history: Array(Self.history.prefix(2))
                ) == nil)
        }
        #expect(change(wall: Self.day("2036-03-02")) == nil)
    }

    /// Switched off on a Friday, synchronised on Monday; after a later power cut the box boots with
    /// the time that was saved on Friday.
    @Test func aGapSinceWhichTheClockWasKeptIsATimeAtWhichTheBoxWasOff() {
        let (wall, line) = (Self.day("2026-02-06") + .seconds(60), Self.day("2026-03-01"))
        let history = Array(Self.history.prefix(2))
        #expect(
            change(
                wall: wall, line: line, history: history,
                synchronisedAt: Self.day("2026-02-09") + .seconds(5))
                == nil)
        // Synchronised before the gap only: this proves nothing.
        #expect(
            change(wall: wall, line: line, history: history, synchronisedAt: Self.day("2026-02-05"))
                != nil)
    }

    @Test func aClockThatTheKernelSaysIsKeptRightIsBelievedWhateverItSays() {
        for wall in ["2026-01-20", "2026-03-04", "2040-01-01"].map(Self.day) {
            #expect(
                change(wall: wall, isSynchronised: true)?.correction == wall
                    - Self.day("2036-03-03"))
        }
        #expect(
            change(wall: Self.day("2036-03-03") + .milliseconds(900), isSynchronised: true) == nil)
    }

    @Test func aClockThatIsAheadOrLittleBehindIsNoReason() {
        #expect(change(wall: Self.day("2046-03-03")) == nil)
        let line = Self.day("2026-02-09")
        #expect(change(wall: line + .seconds(-3599), line: line) == nil)
        #expect(change(wall: line + .seconds(-3601), line: line) != nil)
    }

    @Test func onceTheCalendarIsRightItStaysSo() {
        // The line continues ten years ahead, and the wall clock agrees with the calendar.
        let offset = Self.day("2026-03-04") - Self.day("2036-03-04")
        #expect(
            change(wall: Self.day("2026-03-05"), line: Self.day("2036-03-05"), offset: offset)
                == nil)
        // Then the box loses its time.
        #expect(
            change(wall: Self.day("1970-01-01"), line: Self.day("2036-03-05"), offset: offset)
                == nil)
    }

    @Test func theJournalKnowsBetweenWhichBatchesATimeLies() throws {
        let journal = try Journal(NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).db")
        #expect(try journal.gap(around: Instant(seconds: 5)) == nil)
        for second in [10, 11, 12, 1000, 1001, 5000] {
            try journal.commit(.init(now: Instant(seconds: Double(second))))
        }
        for (time, from, to) in [
            (10.5, 10.0, 11.0), (500, 12, 1000), (999, 12, 1000), (1000, 1000, 1001),
            (4999, 1001, 5000),
        ] {
            #expect(
                try journal.gap(around: Instant(seconds: time)) == Instant(
                    seconds: from)...Instant(seconds: to),
                "\(time)")
        }
        for time in [9.0, 5000, 9999] {
            #expect(try journal.gap(around: Instant(seconds: time)) == nil)
        }
    }

    @Test func anExportAndTheStatisticsNameTheCalendarsTimesAndATraceKeepsTheLines() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).db"
        let offset = Self.day("2026-03-04") - Self.day("2036-03-04")
        do {
            let journal = try Journal(path)
            try journal.beginRun(boot: "b", anchor: 0, calendarOffset: offset.nanoseconds)
            // The second one after a boot ten years ahead.
            for (lift, day) in [("1", "2026-03-01"), ("2", "2036-03-05")] {
                var batch = Journal.Batch(now: Self.day(day))
                batch.messages = [
                    JournalledMessage(
                        arrival: Self.day(day).nanoseconds,
                        topic: Array("lifts/\(lift)/state".utf8),
                        payload: Array("{}".utf8), isRetained: false, mid: 1)
                ]
                try journal.commit(batch)
            }
            try journal.set("selftest_at", Self.day("2036-03-05").nanoseconds)
        }
        let table = try Site.run(["journal", "export", "--file", path, "--format", "csv"]).output
        #expect(
            table.contains("2026-03-01T") && table.contains("2026-03-05T")
                && !table.contains("2036"), "\(table)")
        let trace = try Site.run(["journal", "export", "--file", path]).output
        let ahead = Int(Self.day("2036-03-05").seconds)
        #expect(
            trace.contains("{\"t\":\(ahead),\"topic\":\"lifts/2/state\""),
            "with the times of the evaluation: \(trace)")
        let some = try Site.run([
            "journal", "export", "--file", path, "--from", "2026-03-04T00:00:00Z",
        ])
        #expect(
            some.status == 0 && some.output.contains("lifts/2/")
                && !some.output.contains("lifts/1/"), "\(some)")
        let none = try Site.run([
            "journal", "export", "--file", path, "--lift", "2", "--to", "2026-03-04T00:00:00Z",
        ])
        #expect(
            none.status == 0
                && none.output.contains(
                    "nothing in that time; the journal has 1 message of lift '2'")
        )
        let unknown = try Site.run(["journal", "export", "--file", path, "--lift", "999"])
        #expect(
            unknown.status == 1
                && unknown.output.contains("there is no message of lift '999' in this journal"),
            "\(unknown)")
        let stats = try Site.run(["journal", "stats", "--file", path]).output
        #expect(stats.contains("2026-03-05") && !stats.contains("2036"), "\(stats)")
    }

    @Test func aRunThatBeganInTheFutureIsCorrectedAndOthersAreNot() throws {
        let journal = try Journal(NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).db")
        for year in [2026, 2036, 2036, 2026] {
            try journal.beginRun(
                boot: "\(year)", anchor: Self.day("\(year)-03-01").nanoseconds, calendarOffset: 7)
        }
        #expect(try journal.correctRuns(beganAfter: Self.day("2026-03-05"), by: -9) == 2)
        #expect(try (1...4).map { try journal.run($0)?.correction } == [0, -9, -9, 0])
        #expect(try journal.calendarOffset() == 7)
        #expect(try journal.lastLine(ofBoot: "2036") == Self.day("2036-03-01").nanoseconds - 7)
    }

    @Test func anAlertThatIsOpenWhileTimesGoBackGoesOnAndEnds() throws {
        let site = try Site(parameters: quick, selfTest: "never")
        let leaps = site.folder + "/leaps"
        mkfifo(leaps, 0o600)
        let descriptor = open(leaps, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        try site.startDaemon(environment: ["HOISTWAY_LEAPS=" + leaps], isTrial: true)
        #expect(site.wait { site.isDrained }, "\(site.account)")
        // The box boots ten years ahead.
        var leap = (Self.year * 10).nanoseconds
        #expect(write(descriptor, &leap, 8) == 8)
        #expect(site.wait { (site.status["time"] as? String)?.hasPrefix("203") == true })
        site.trap()
        #expect(
            site.wait(30) { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        let ahead = try #require(
            site.eventData("alert").first { $0["state"] as? String == "suspected" })
        #expect((ahead["onset"] as? String)?.hasPrefix("203") == true)
        site.stopDaemon()

        // Then the clock is right.
        try site.startDaemon()
        #expect(site.wait { site.isDrained && !site.eventData("clock").isEmpty }, "\(site.account)")
        let thisYear = String(Date.now.ISO8601Format().prefix(5))
        let clock = try #require(site.eventData("clock").first)
        #expect(clock["evidence"] as? String == "gap_in_journal")
        #expect(
            abs((clock["earlier_correction_s"] as? Double ?? 0) + (Self.year * 10).inSeconds) < 60)
        #expect((site.status["time"] as? String)?.hasPrefix(thisYear) == true)
        #expect(site.wait { site.retained("state")?.contains(#""kind":"entrapment""#) == true })
        site.send("1", state(3, zone: true, closed: false, occupied: false))
        #expect(site.wait { site.alertStates.contains("entrapment cleared") }, "\(site.account)")
        let cleared = try #require(
            site.eventData("alert").first {
                $0["state"] as? String == "cleared" && $0["kind"] as? String == "entrapment"
            })
        #expect(
            cleared["alert_id"] as? String == ahead["alert_id"] as? String,
            "one emergency is one alert")
        #expect((cleared["onset"] as? String)?.hasPrefix(thisYear) == true)
        try expectUsualHold(site, in: thisYear)
        try expectOneChange(site, in: thisYear)
    }

    /// A hold that starts now has its usual length.
    private func expectUsualHold(_ site: Site, in thisYear: String) throws {
        site.trap("2")
        #expect(site.wait(30) { site.hasAlert("confirmed", of: "2") }, "\(site.account)")
        let now = try #require(site.events.last { $0["subject"] as? String == "2" })
        #expect(
            (now["time"] as? String)?.hasPrefix(thisYear) == true && now["timecorrection"] == nil)
        let list = try Site.run(["journal", "list", "--config", site.folder + "/hoistway.yaml"])
            .output
        #expect(
            list.split(separator: "\n").contains {
                $0.hasPrefix(thisYear) && $0.contains("cleared")
            }, "\(list)")
    }

    /// One change is reported once, and the contract is kept.
    private func expectOneChange(_ site: Site, in thisYear: String) throws {
        site.stopDaemon()
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.wait(2) { false }
        #expect(
            site.eventData("clock").count == 1
                && (site.status["time"] as? String)?.hasPrefix(thisYear) == true)
        var check = try StreamCheck(contract: Site.root + "/docs/contract")
        for event in site.events {
            check.take(Array(try JSONSerialization.data(withJSONObject: event)))
        }
        #expect(check.breaches == [])
    }
}
