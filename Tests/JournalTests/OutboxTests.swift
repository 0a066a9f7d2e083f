import Foundation
import LiftModel
import Testing

@testable import Journal

/// Several centres, each with its own queue.
@Suite struct OutboxTests {
    private let journal: Journal

    init() throws {
        journal = try Journal(
            FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db")
        try journal.setRecipients([
            Recipient("city"), Recipient("keeper", lanes: [.entrapment, .fault]),
            Recipient("owner", lanes: [.entrapment]),
        ])
    }

    private func enqueue(_ id: String, _ lane: Lane, lift: String = "1") throws {
        var batch = Journal.Batch(now: Instant(nanoseconds: 1))
        batch.events = [
            OutboundEvent(
                id: id, type: "alert", lane: lane, subject: lift,
                body: Array("{\"id\":\"\(id)\"}".utf8))
        ]
        try journal.commit(batch)
    }
    private func pending(for centre: String) throws -> [String] {
        try Lane.allCases.flatMap {
            try journal.pending(for: centre, in: $0, after: .beforeFirst, limit: 100).map(\.eventID)
        }
    }
    /// Every event has the right count of delivery rows, and every delivery row has its event.
    private func expectSound() {
        #expect(journal.audit().problems.filter { !$0.contains("differ from every alert") } == [])
    }

    @Test func anEventIsPendingForEachCentreThatWantsItUntilThatCentreHasStoredIt() throws {
        try enqueue("trapped", .entrapment)
        try enqueue("door", .fault)
        try enqueue("service", .info)
        #expect(try pending(for: "city") == ["trapped", "door", "service"])
        #expect(try pending(for: "keeper") == ["trapped", "door"])
        #expect(try pending(for: "owner") == ["trapped"])
        #expect(try journal.receipt(["trapped", "door"], from: "city") == 2)
        #expect(try journal.receipt(["trapped", "door"], from: "city") == 0)
        #expect(try pending(for: "owner") == ["trapped"], "another's receipt is not the owner's")
        #expect(try journal.outboxSize().count == 3)
        _ = try journal.receipt(["trapped", "door"], from: "keeper")
        _ = try journal.receipt(["trapped"], from: "owner")
        #expect(
            try journal.outboxSize().count == 1, "an event that every centre has stored is removed")
        expectSound()
    }

    @Test func aCentreThatGetsAnotherNameKeepsItsQueue() throws {
        try enqueue("trapped", .entrapment)
        try enqueue("service", .info)
        _ = try journal.receipt(["trapped"], from: "owner")
        #expect(
            try journal.setRecipients([
                Recipient("metropolis"), Recipient("keeper", lanes: [.entrapment, .fault]),
            ]) == 0
        )
        #expect(try pending(for: "metropolis") == ["trapped", "service"])
        #expect(try pending(for: "city") == [])
        expectSound()
    }

    @Test func anEventPendingOnlyForARemovedCentreIsPendingNoMore() throws {
        try enqueue("trapped", .entrapment)
        try enqueue("service", .info)
        #expect(
            try journal.setRecipients([Recipient("keeper", lanes: [.entrapment, .fault])]) == 1)
        #expect(try pending(for: "keeper") == ["trapped"])
        expectSound()
    }

    @Test func whatACentreRefusesIsSetAsideForItAloneAndCanBeSentAgain() throws {
        try enqueue("bad", .fault)
        try enqueue("good", .fault)
        try journal.setAside(
            "bad", refusedBy: "city", because: "no such lift", at: Instant(nanoseconds: 5))
        #expect(try pending(for: "city") == ["good"])
        #expect(try pending(for: "keeper") == ["bad", "good"])
        let letters = try journal.deadLetters()
        #expect(
            letters.map(\.eventID) == ["bad"] && letters[0].reason == "no such lift"
                && letters[0].centre == "city")
        expectSound()
        let number = try journal.pendingRow(for: "keeper", event: "bad")?.sequence
        _ = try journal.receipt(["bad"], from: "keeper")
        #expect(try journal.requeue("bad") == 1)
        #expect(try pending(for: "city") == ["good", "bad"])
        #expect(
            try journal.pendingRow(for: "city", event: "bad")?.sequence == number,
            "under the number it had")
        #expect(try journal.deadLetters().isEmpty)
        expectSound()
    }

    @Test func anEventRecordedTwiceIsOneAndTakesOneNumber() throws {
        try enqueue("a", .fault)
        try enqueue("a", .fault)
        try enqueue("b", .fault)
        #expect(try pending(for: "city") == ["a", "b"])
        #expect(try journal.pendingRow(for: "city", event: "b")?.sequence == 2)
        expectSound()
    }

    @Test func anEvictedEventIsPendingForNobody() throws {
        for number in 0..<50 { try enqueue("\(number)", .info) }
        var quota = Quota(readings: .max, alerts: .max, outbox: .max)
        quota.outbox = 20
        let eviction = try journal.enforce(quota)
        #expect(eviction.undelivered[.info] ?? 0 > 0)
        #expect(try pending(for: "city").count == journal.outboxSize().count)
        expectSound()
    }

    @Test func aDamagedJournalsQueueIsSavedWithItsPlaces() throws {
        try enqueue("a", .fault)
        try enqueue("b", .fault)
        _ = try journal.receipt(["a"], from: "city")
        try journal.setAside("b", refusedBy: "keeper", because: "no", at: Instant(nanoseconds: 1))
        let copy = journal.database.path + ".saved"
        #expect(try Journal.salvage(journal.database.path, into: copy).pending == 2)
        let saved = try Journal(copy)
        #expect(
            try saved.pending(for: "city", in: .fault, after: .beforeFirst, limit: 9).map(\.eventID)
                == ["b"])
        #expect(
            try saved.pending(for: "keeper", in: .fault, after: .beforeFirst, limit: 9).map(
                \.eventID) == ["a"]
        )
        #expect(try saved.deadLetters().map(\.eventID) == ["b"])
    }

    @Test func aRouteWaitsForACommitThatTheDiskHoldsUpForASecondAndNoLonger() throws {
        try enqueue("trapped", .entrapment)
        let path = journal.path
        let (begun, over) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        Thread.detachNewThread {
            _ = WriteTurn.of(path).take(within: nil) {
                begun.signal()
                over.wait()
            }
        }
        begun.wait()
        let route = try Journal(forDelivery: path)
        let start = ContinuousClock.now
        let error = #expect(throws: JournalError.self) {
            _ = try route.receipt(["trapped"], from: "city")
        }
        #expect(
            error?.description.contains("held up another commit") == true
                && error?.isDamage == false)
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(throws: JournalError.self) { try route.passOn("trapped", for: "city", toRoute: 1) }
        over.signal()
        #expect(try route.receipt(["trapped"], from: "city") == 1)
    }
}
