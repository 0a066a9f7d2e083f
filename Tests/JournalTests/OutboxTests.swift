import Elevator
import Foundation
import Testing

@testable import Journal

/// Several centres, each with its own place in the queue.
@Suite struct OutboxTests {
    private let journal: Journal

    init() throws {
        journal = try Journal(FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db")
        try journal.address(to: [
            Addressee("city"), Addressee("keeper", lanes: [.entrapment, .fault]),
            Addressee("owner", lanes: [.entrapment]),
        ])
    }

    private func tell(_ id: String, _ lane: Lane, lift: String = "1") throws {
        var batch = Journal.Batch(now: Instant(nanoseconds: 1))
        batch.events = [
            OwedEvent(id: id, type: "alert", lane: lane, subject: lift, body: Array("{\"id\":\"\(id)\"}".utf8))
        ]
        try journal.commit(batch)
    }
    private func owed(to centre: String) throws -> [String] {
        try Lane.allCases.flatMap { try journal.owed(to: centre, in: $0, after: 0, limit: 100).map(\.eventID) }
    }
    /// Every event counts those who are owed it; nobody is owed what is not there.
    private func expectSound() {
        #expect(journal.audit().problems.filter { !$0.contains("differ from every alert") } == [])
    }

    @Test func eachCentreIsOwedWhatItWantsUntilItHasStoredItItself() throws {
        try tell("trapped", .entrapment)
        try tell("door", .fault)
        try tell("service", .info)
        #expect(try owed(to: "city") == ["trapped", "door", "service"])
        #expect(try owed(to: "keeper") == ["trapped", "door"])
        #expect(try owed(to: "owner") == ["trapped"])
        #expect(try journal.receipt(["trapped", "door"], from: "city") == 2)
        #expect(try journal.receipt(["trapped", "door"], from: "city") == 0)
        #expect(try owed(to: "owner") == ["trapped"], "another's receipt is not the owner's")
        #expect(try journal.owed().count == 3)
        _ = try journal.receipt(["trapped", "door"], from: "keeper")
        _ = try journal.receipt(["trapped"], from: "owner")
        #expect(try journal.owed().count == 1, "what all have stored is gone")
        expectSound()
    }

    @Test func aCentreThatGetsAnotherNameKeepsItsQueue() throws {
        try tell("trapped", .entrapment)
        try tell("service", .info)
        _ = try journal.receipt(["trapped"], from: "owner")
        #expect(
            try journal.address(to: [Addressee("metropolis"), Addressee("keeper", lanes: [.entrapment, .fault])]) == 0)
        #expect(try owed(to: "metropolis") == ["trapped", "service"])
        #expect(try owed(to: "city") == [])
        expectSound()
    }

    @Test func whatOnlyACentreThatIsGoneWasOwedIsOwedNoMore() throws {
        try tell("trapped", .entrapment)
        try tell("service", .info)
        #expect(try journal.address(to: [Addressee("keeper", lanes: [.entrapment, .fault])]) == 1)
        #expect(try owed(to: "keeper") == ["trapped"])
        expectSound()
    }

    @Test func whatACentreRefusesIsSetAsideForItAloneAndCanBeSentAgain() throws {
        try tell("bad", .fault)
        try tell("good", .fault)
        try journal.setAside("bad", refusedBy: "city", because: "no such lift", at: Instant(nanoseconds: 5))
        #expect(try owed(to: "city") == ["good"])
        #expect(try owed(to: "keeper") == ["bad", "good"])
        let letters = try journal.deadLetters()
        #expect(letters.map(\.eventID) == ["bad"] && letters[0].reason == "no such lift" && letters[0].centre == "city")
        expectSound()
        let number = try journal.owed(to: "keeper", event: "bad")?.number
        _ = try journal.receipt(["bad"], from: "keeper")
        #expect(try journal.sendAgain("bad") == 1)
        #expect(try owed(to: "city") == ["good", "bad"])
        #expect(try journal.owed(to: "city", event: "bad")?.number == number, "under the number it had")
        #expect(try journal.deadLetters().isEmpty)
        expectSound()
    }

    @Test func anEventToldTwiceIsOneAndTakesOneNumber() throws {
        try tell("a", .fault)
        try tell("a", .fault)
        try tell("b", .fault)
        #expect(try owed(to: "city") == ["a", "b"])
        #expect(try journal.owed(to: "city", event: "b")?.number == 2)
        expectSound()
    }

    @Test func whatIsEvictedIsOwedToNobody() throws {
        for number in 0..<50 { try tell("\(number)", .info) }
        var quota = Quota(readings: .max, alerts: .max, outbox: .max)
        quota.outbox = 20
        let eviction = try journal.enforce(quota)
        #expect(eviction.undelivered[.info] ?? 0 > 0)
        #expect(try owed(to: "city").count == journal.owed().count)
        expectSound()
    }

    @Test func aDamagedJournalsQueueIsSavedWithItsPlaces() throws {
        try tell("a", .fault)
        try tell("b", .fault)
        _ = try journal.receipt(["a"], from: "city")
        try journal.setAside("b", refusedBy: "keeper", because: "no", at: Instant(nanoseconds: 1))
        let copy = journal.database.path + ".saved"
        #expect(try Journal.salvage(journal.database.path, into: copy).owed == 2)
        let saved = try Journal(copy)
        #expect(try saved.owed(to: "city", in: .fault, after: 0, limit: 9).map(\.eventID) == ["b"])
        #expect(try saved.owed(to: "keeper", in: .fault, after: 0, limit: 9).map(\.eventID) == ["a"])
        #expect(try saved.deadLetters().map(\.eventID) == ["b"])
    }
}
