import Foundation
import LiftModel
import Testing

@testable import Gateway

/// The disk takes nothing and no centre is reached: what waits is in memory only, and the gateway
/// says so.
@Suite(.serialized) struct EventsInMemoryTests {
    private func row(_ subject: String, _ site: Site) -> (found: String, advice: String) {
        let rows = site.status["checks"] as? [[String: Any]] ?? []
        let row = rows.first { $0["subject"] as? String == subject } ?? [:]
        return (row["found"] as? String ?? "", row["advice"] as? String ?? "")
    }

    @Test func whatNeitherTheDiskNorACentreHasIsCountedAndNamedAtTheEnd() throws {
        let site = try Site(
            parameters: quick, centres: "centre: { url: \"mqtt://127.0.0.1:1\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        let before = site.status("centre", "backlog")
        try site.limitFiles(to: 40_000)
        site.trap()
        #expect(
            site.wait(30) {
                row("receipts", site).found.contains("in memory only, the oldest for")
                    && row("disk", site).found.contains("it has stored nothing for")
            }, "\(site.account)")
        #expect(row("receipts", site).advice.contains("Do not restart"), "\(site.status)")
        #expect(!row("receipts", site).advice.contains("Nothing is lost"), "\(site.status)")
        #expect(!row("disk", site).advice.contains("go out"), "\(site.status)")
        #expect(site.status("centre", "backlog") > before, "\(site.status)")
        #expect(
            site.wait { site.log.contains("entrapment confirmed") }, "in memory: \(site.account)")
        site.stopDaemon()
        let last = site.log.split(separator: "\n").last { $0.contains("with this process") } ?? ""
        #expect(
            last.contains("critical") && last.contains("2 of entrapment"), "\(site.log)")
    }

    @Test func whatACentreHasStoredFromMemoryDoesNotWait() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        try site.limitFiles(to: 40_000)
        site.trap()
        #expect(
            site.wait {
                site.alertStates.contains("entrapment confirmed")
                    && site.alertStates.contains("disk_failing raised")
            }, "\(site.account)")
        #expect(site.wait { site.status("centre", "backlog") == 0 }, "\(site.status)")
        #expect(row("disk", site).advice.hasPrefix("Alerts go out from memory"), "\(site.status)")
        site.stopDaemon()
        #expect(!site.log.contains("with this process"), "\(site.log)")
    }

    @Test func eventsThatLeaveFromMemoryAtOnceAreNoFinding() {
        var condition = ConditionTests.well()
        condition.delivery.inMemory = EventsInMemory(count: 3, oldest: .seconds(2))
        #expect(condition.receipts.verdict == .ok)
        condition.delivery.inMemory.oldest = .seconds(60)
        #expect(condition.receipts.verdict == .failed)
        condition.delivery.inMemory = EventsInMemory(alsoInPastJournal: 3, oldest: .seconds(60))
        #expect(condition.receipts.verdict == .ok, "a restart does not lose them")
        condition.delivery.inMemory = EventsInMemory(count: 1, oldest: .seconds(2))
        condition.delivery.routes[0].isConnected = false
        condition.delivery.pendingEvents = 2
        condition.delivery.oldestPending = .seconds(70)
        let row = condition.receipts
        #expect(
            row.found.hasPrefix("1 event waits in memory only, the oldest for 2 s\n2 events wait"))
        #expect(row.advice?.contains("Nothing is lost") == false)
    }
}
