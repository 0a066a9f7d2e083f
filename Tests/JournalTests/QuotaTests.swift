import Foundation
import LiftModel
import Testing

@testable import Journal

/// Which records are evicted first when the journal is beyond its quota.
@Suite struct QuotaTests {
    private let journal: Journal
    private let unlimited = Quota(readings: .max, alerts: .max, outbox: .max)

    init() throws {
        journal = try Journal(
            FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db")
    }

    /// Commits a revision of an alert with a body of 1 KiB.
    private func raiseAlert(
        _ number: Int, revision: Int = 1, kind: String, _ state: AlertState = .cleared,
        severity: Severity = .major
    ) throws {
        let id = String(repeating: "0", count: 36 - String(number).count) + String(number)
        let alert = Alert(
            id: id, revision: revision, lift: "1", kind: kind, state: state, severity: severity,
            rule: "r",
            ruleVersion: "v", onset: Instant(nanoseconds: 1),
            time: Instant(nanoseconds: Int64(number)), reason: "held",
            hold: .zero, confirmationHold: nil, evidence: [], vendorCode: nil,
            title: Title(en: "", zh: ""))
        var batch = Journal.Batch(now: Instant(nanoseconds: Int64(number)))
        batch.alerts = [(alert, Array(repeating: UInt8(ascii: "x"), count: 1024))]
        try journal.commit(batch)
    }
    private func lanes() throws -> [Lane: Int] {
        Dictionary(grouping: try journal.outbox(limit: 10_000), by: \.lane).mapValues(\.count)
    }

    @Test func withinTheQuotasNothingGoes() throws {
        for number in 0..<20 { try raiseAlert(number, kind: "door_open_fault") }
        #expect(try journal.enforce(unlimited).isEmpty)
        #expect(try journal.statistics().pendingBytes == 20 * 1024)
    }

    @Test func infoGoesBeforeFaultsAndFaultsBeforeEntrapments() throws {
        for number in 0..<200 { try raiseAlert(number, kind: "inspection", severity: .info) }
        for number in 200..<400 { try raiseAlert(number, kind: "door_open_fault") }
        for number in 400..<600 { try raiseAlert(number, kind: "entrapment", severity: .critical) }
        var quota = unlimited
        quota.outbox = 450 << 10
        var eviction = try journal.enforce(quota)
        #expect(eviction.undelivered == [.info: 200])
        #expect(try lanes() == [.fault: 200, .entrapment: 200])
        quota.outbox = 300 << 10
        eviction = try journal.enforce(quota)
        #expect(eviction.undelivered == [.fault: 200])
        #expect(try lanes() == [.entrapment: 200])
        quota.outbox = 150 << 10
        eviction = try journal.enforce(quota)
        #expect(eviction.undelivered == [.entrapment: 100], "the oldest of them, last of all")
        #expect(try journal.outbox(limit: 1)[0].eventID.hasSuffix("500/1"))
        #expect(try journal.counters()["evicted_undelivered"] == 500)
    }

    @Test func whatALaterRevisionSaysBetterGoesBeforeAnythingIsLost() throws {
        for number in 0..<100 {
            for revision in 1...3 {
                try raiseAlert(number, revision: revision, kind: "door_open_fault")
            }
        }
        var quota = unlimited
        quota.outbox = 120 << 10
        let eviction = try journal.enforce(quota)
        #expect(eviction.coalesced == 200 && eviction.undelivered.isEmpty)
        #expect(try journal.outbox(limit: 1000).allSatisfy { $0.eventID.hasSuffix("/3") })
    }

    @Test func theNewestRevisionStaysThoughAnOlderOneWasSentAgain() throws {
        try raiseAlert(1, revision: 1, kind: "door_open_fault")
        let first = try journal.outbox(limit: 1)[0].eventID
        try journal.setAside(first, refusedBy: "centre", because: "no", at: Instant(nanoseconds: 1))
        try raiseAlert(1, revision: 2, kind: "door_open_fault")
        #expect(try journal.requeue(first) == 1)
        var quota = unlimited
        quota.outbox = 1500
        #expect(try journal.enforce(quota).coalesced == 1)
        #expect(try journal.outbox(limit: 10).map(\.eventID).allSatisfy { $0.hasSuffix("/2") })
    }

    @Test func refusedEventsBeyondTheQuotaAreRemovedLeastUrgentFirstAndReported() throws {
        try raiseAlert(0, kind: "entrapment", severity: .critical)
        try raiseAlert(1, kind: "door_open_fault")
        for row in try journal.outbox(limit: 2) {
            try journal.setAside(
                row.eventID, refusedBy: "centre", because: "no", at: Instant(nanoseconds: 1))
        }
        try journal.database.execute(
            """
            WITH RECURSIVE series(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM series LIMIT 10000)
            INSERT INTO dead_letter SELECT centre, event_id || value, type, lane, lift, body, created, number, run, monotonic,
                quality, reason, at + value FROM dead_letter, series WHERE lane = 1
            """)
        try raiseAlert(2, kind: "door_open_fault")
        let last = try journal.outbox(limit: 1)[0].eventID
        try journal.setAside(
            last, refusedBy: "centre", because: "no", at: Instant(nanoseconds: 20_000))
        let eviction = try journal.enforce(unlimited)
        #expect(eviction.undelivered == [.fault: 3] && eviction.deadLetters == 3)
        #expect(
            try journal.deadLetterCount() == 10_000
                && journal.deadLetters().contains { $0.lane == .entrapment })
        #expect(try journal.enforce(unlimited).isEmpty)
    }

    @Test func afterABigCutOfTheQuotaTheReadingsGoAFewSegmentsAtATime() throws {
        try store(1...3200, in: journal)
        var quota = unlimited
        quota.readings = 1
        let first = try journal.enforce(quota)
        #expect(first.readingBatches == 8 * 256 && first.isUnfinished)
        let second = try journal.enforce(quota)
        #expect(second.readingBatches == 3200 - 8 * 256 && !second.isUnfinished)
    }

    @Test func deliveredAlertsGoOldestFirstAndUndeliveredOnesStay() throws {
        for number in 0..<1500 { try raiseAlert(number, kind: "door_open_fault") }
        let pending = try journal.outbox(limit: 10_000).map(\.eventID)
        _ = try journal.receipt(Array(pending[10...]), from: "centre")
        var quota = unlimited
        quota.alerts = 1 << 20
        let eviction = try journal.enforce(quota)
        #expect(
            eviction.alerts == 490,
            "not the newest thousand, which a restart may raise again, nor pending ones")
        #expect(try journal.outbox(limit: 10).map(\.eventID) == Array(pending[..<10]))
        let audit = journal.audit()
        #expect(
            audit.isSound,
            "evicted alerts are counted, and are no gap in the chain: \(audit.problems)")
    }

    @Test func anOpenAlertStaysHoweverOldItIsAndIsFoundAfterARestart() throws {
        try raiseAlert(0, kind: "selftest_failed", .raised)
        try raiseAlert(1, kind: "door_open_fault", .raised)
        try raiseAlert(1, revision: 2, kind: "door_open_fault", .cleared)
        for number in 2..<2000 { try raiseAlert(number, kind: "door_open_fault") }
        _ = try journal.receipt(try journal.outbox(limit: 10_000).map(\.eventID), from: "centre")
        var quota = unlimited
        quota.alerts = 1 << 10
        #expect(try journal.enforce(quota).alerts == 1000)
        let oldest = try #require(try journal.latestAlerts().first)
        #expect(oldest.kind == "selftest_failed" && oldest.state == "raised")
        #expect(
            try journal.latestAlerts(about: "1").count == 1001,
            "the newest thousand, and the one that is open")
        let audit = journal.audit()
        #expect(audit.isSound, "\(audit.problems)")
    }

    @Test func aSmallDiskMakesSmallQuotas() {
        let quota = Quota(readings: 2048 << 20).fitted(into: 1024 << 20)
        #expect(quota.readings + quota.alerts + quota.outbox <= 512 << 20)
        #expect(quota.alerts == 64 << 20 && quota.outbox == 64 << 20)
        #expect(Quota(readings: 2048 << 20).fitted(into: 100 << 30).readings == 2048 << 20)
    }

    /// Commits batches of one message each, the last with a snapshot.
    private func store(_ numbers: ClosedRange<Int>, in journal: Journal) throws {
        for n in numbers {
            var batch = Journal.Batch(now: Instant(nanoseconds: Int64(n)))
            batch.messages = [
                JournalledMessage(
                    arrival: Int64(n), topic: Array("t".utf8),
                    payload: Array(UUID().uuidString.utf8),
                    isRetained: false, mid: n)
            ]
            if n == numbers.upperBound { batch.snapshot = [1] }
            try journal.commit(batch)
        }
    }

    @Test func readingsAreCountedOverSegmentsRestartsAndEviction() throws {
        let path = FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db"
        do { try store(1...300, in: try Journal(path)) }
        do {
            let journal = try Journal(path)
            #expect(try journal.statistics().batches == 300)
            try store(301...700, in: journal)
            #expect(journal.audit().isSound, "\(journal.audit().problems)")
            // Two of four segments, then all of them with the one that is being written.
            _ = try journal.evictReadings(beyond: try journal.statistics().readingsBytes / 2)
            #expect(
                journal.audit().problems.allSatisfy { !$0.contains("counts") },
                "\(journal.audit().problems)")
            _ = try journal.evictReadings(beyond: 0)
            #expect(try journal.statistics().batches == 0)
            try store(701...710, in: journal)
        }
        let journal = try Journal(path)
        #expect(
            journal.audit().problems.allSatisfy { !$0.contains("counts") },
            "\(journal.audit().problems)")
        #expect(try journal.statistics().batches == 10)
        #expect(try journal.counters()["messages"] == 710, "evicted messages are counted, too")
    }

    @Test func onAFullDiskTheOldestReadingsMakeRoom() throws {
        try store(1...1000, in: journal)
        let before = try journal.statistics().batches
        try journal.makeRoom()
        let after = try journal.statistics().batches
        #expect(after < before && after >= before / 2, "\(before) to \(after)")
    }
}
