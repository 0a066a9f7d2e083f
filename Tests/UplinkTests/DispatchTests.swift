import Elevator
import Foundation
import Journal
import Testing

@testable import Uplink

/// What a route sends next, and in which order. Time is given by hand, in seconds.
@Suite struct DispatchTests {
    private let journal: Journal
    private let path = FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db"
    private var dispatch: Dispatch

    init() throws {
        journal = try Journal(path)
        dispatch = Dispatch(Dispatch.Terms(centre: "centre"))
    }

    /// Journals an event of a lift; its name says which lane and lift it is of.
    private func owe(_ lane: Lane, _ lift: String, _ number: Int, at seconds: Int = 0, step: Int = 0) throws {
        var batch = Journal.Batch(now: Instant(nanoseconds: Int64(seconds) * 1_000_000_000))
        batch.events = [
            OwedEvent(
                id: "\(lane).\(lift).\(number)", type: "alert", lane: lane, subject: lift, body: Array("{}".utf8),
                step: step)
        ]
        try journal.commit(batch)
    }

    private mutating func connect(at seconds: Double = 0) throws {
        dispatch.begin(lastPlace: try journal.lastPlace(), now: Int64(seconds * 1e9))
    }

    private mutating func sent(at seconds: Double, limit: Int = .max) throws -> [String] {
        try dispatch.next(
            from: journal, now: Int64(seconds * 1e9), time: Instant(seconds: seconds), limit: limit
        ).map(\.row.eventID)
    }

    private mutating func store(_ ids: [String], at seconds: Double) throws {
        _ = try journal.receipt(ids, from: "centre")
        let last = try journal.lastPlace()
        _ = dispatch.settle(ids, lastPlace: { last }, now: Int64(seconds * 1e9))
    }

    @Test mutating func entrapmentsGoBeforeFaultsAndFaultsBeforeTheRest() throws {
        try connect()
        try owe(.info, "1", 1)
        try owe(.fault, "1", 1)
        try owe(.entrapment, "2", 1)
        #expect(try sent(at: 1) == ["entrapment.2.1", "fault.1.1", "info.1.1"])
    }

    @Test mutating func whatIsNewGoesBeforeTheBacklogButNeverBeforeItsOwnLiftsBacklog() throws {
        for n in 1...2 { for lift in ["1", "2", "3"] { try owe(.fault, lift, n) } }
        try connect()
        try owe(.fault, "2", 3)
        #expect(
            try sent(at: 0.02) == [
                "fault.2.1", "fault.2.2", "fault.2.3", "fault.1.1", "fault.3.1", "fault.1.2", "fault.3.2",
            ])
    }

    @Test mutating func theBacklogGoesAtItsRateAndEntrapmentsOfItAtOnce() throws {
        dispatch = Dispatch(Dispatch.Terms(centre: "centre", backlogRate: 10))
        for n in 1...30 { try owe(.fault, "1", n) }
        for n in 1...30 { try owe(.entrapment, "2", n) }
        try connect()
        #expect(try sent(at: 0).count == 30, "the entrapments")
        try store((1...30).map { "entrapment.2.\($0)" }, at: 0.1)
        #expect(try sent(at: 1).count == 10)
        #expect(try sent(at: 1.5).count == 5)
        #expect(try sent(at: 1.55).isEmpty)
    }

    @Test mutating func aSlowCentreIsSentNoMoreThanItKeepsUpWith() throws {
        try connect()
        for n in 1...200 { try owe(.fault, "1", n) }
        let first = try sent(at: 0)
        #expect(first.count == 32)
        #expect(try sent(at: 1).isEmpty)
        try owe(.entrapment, "2", 1)
        #expect(try sent(at: 2) == ["entrapment.2.1"], "a full window holds up no entrapment")
        try store(Array(first[..<16]) + ["entrapment.2.1"], at: 3)
        #expect(try sent(at: 3).count == 33, "each receipt makes room for two")
    }

    @Test mutating func whatHasNoReceiptIsSentAgainInItsOrderUntilItHas() throws {
        try connect()
        for n in 1...3 { try owe(.fault, "1", n) }
        #expect(try sent(at: 0) == ["fault.1.1", "fault.1.2", "fault.1.3"])
        try store(["fault.1.2"], at: 1)
        #expect(try sent(at: 9.9).isEmpty)
        #expect(try sent(at: 10) == ["fault.1.1", "fault.1.3"])
        let third = try dispatch.next(from: journal, now: 20_000_000_000, time: Instant(seconds: 20))
        #expect(third.map(\.attempt) == [3, 3])
    }

    @Test mutating func whatACentreCannotDigestGoesAloneAndAfterEverythingElse() throws {
        try connect()
        for lift in ["1", "2", "3"] { try owe(.fault, lift, 1) }
        #expect(try sent(at: 0, limit: 1) == ["fault.1.1"])
        dispatch.suspect("fault.1.1", until: 5_000_000_000)
        #expect(try sent(at: 6) == ["fault.2.1", "fault.3.1"])
        #expect(try sent(at: 7) == ["fault.1.1"], "alone, once nothing else waits")
        dispatch.suspect("fault.1.1", until: 8_000_000_000)
        try connect(at: 9)
        #expect(try sent(at: 9.1) == ["fault.2.1", "fault.3.1"], "a new connection does not clear it")
    }

    @Test mutating func suspectsLeaveTheWindowToOthers() throws {
        try connect()
        for n in 1...40 {
            try owe(.fault, "\(n)", 1)
            for id in try sent(at: 0) { dispatch.suspect(id, until: 99_000_000_000) }
        }
        try owe(.fault, "41", 1)
        #expect(try sent(at: 1) == ["fault.41.1"])
    }

    @Test mutating func whenItWasTheCentresDoingEverythingGoesInItsOrderAgain() throws {
        try connect()
        for n in 1...2 { try owe(.fault, "1", n) }
        #expect(try sent(at: 0, limit: 1) == ["fault.1.1"])
        dispatch.suspect("fault.1.1", until: 1_000_000_000)
        #expect(try sent(at: 0.1, limit: 1) == ["fault.1.2"])
        dispatch.suspect("fault.1.2", until: 2_000_000_000)
        dispatch.absolve(now: 3_000_000_000)
        #expect(try sent(at: 3) == ["fault.1.1", "fault.1.2"])
    }

    @Test mutating func aNewConnectionSendsAgainAndSaysSo() throws {
        try connect()
        try owe(.fault, "1", 1)
        #expect(try sent(at: 0) == ["fault.1.1"])
        try connect(at: 1)
        let again = try dispatch.next(from: journal, now: 2_000_000_000, time: Instant(seconds: 2))
        #expect(again.map(\.attempt) == [2])
    }

    @Test mutating func theNextRouteTakesAnEntrapmentAfterThirtySecondsWithoutAReceipt() throws {
        dispatch = Dispatch(
            Dispatch.Terms(
                centre: "centre", step: 1, fallbackAfter: [.entrapment: .seconds(30), .fault: .seconds(600)]))
        try connect()
        try owe(.entrapment, "1", 1, at: 0)
        try owe(.fault, "1", 1, at: 0)
        try owe(.info, "1", 1, at: 0)
        #expect(try sent(at: 29).isEmpty)
        #expect(try sent(at: 30) == ["entrapment.1.1"])
        #expect(try sent(at: 31).isEmpty)
        #expect(try sent(at: 600).contains("fault.1.1"))
        #expect(try !sent(at: 100_000).contains("info.1.1"), "a lane without a term stays with the first route")
    }

    @Test mutating func theNextRouteTakesWhatWaitedBeforeItWasConnected() throws {
        dispatch = Dispatch(Dispatch.Terms(centre: "centre", step: 1))
        try owe(.entrapment, "1", 1, at: 0)
        try connect(at: 5)
        #expect(try sent(at: 29).isEmpty)
        #expect(try sent(at: 30) == ["entrapment.1.1"])
        // It lost its connection, and what it had sent has no receipt.
        try connect(at: 31)
        #expect(try sent(at: 31) == ["entrapment.1.1"])
    }

    @Test mutating func aLiftsLongBacklogIsTakenInTurnsOfTheAllowedSize() throws {
        for n in 1...200 { try owe(.fault, "1", n) }
        try connect()
        try owe(.fault, "1", 201)
        try owe(.fault, "2", 1)
        let first = try sent(at: 0, limit: 10)
        #expect(first == (1...10).map { "fault.1.\($0)" }, "a lift's own order, and no more than asked for")
    }

    @Test mutating func whatNobodyHasAcceptedLeavesByTheNextRouteAtOnce() throws {
        dispatch = Dispatch(Dispatch.Terms(centre: "centre", step: 1))
        try connect()
        try owe(.entrapment, "1", 1, at: 100)
        try owe(.entrapment, "1", 2, at: 100, step: .max)
        #expect(try sent(at: 100) == ["entrapment.1.2"])
    }

    @Test mutating func whatAnotherRouteHasBroughtThereIsNotSentAgain() throws {
        try connect()
        try owe(.entrapment, "1", 1)
        #expect(try sent(at: 0).count == 1)
        _ = try journal.receipt(["entrapment.1.1"], from: "centre")
        #expect(try sent(at: 20).isEmpty)
        #expect(dispatch.isIdle)
    }

    @Test mutating func afterALongSilenceOfTheCentreWhatWaitedIsABacklog() throws {
        try connect()
        for n in 1...50 { try owe(.fault, "1", n) }
        let first = try sent(at: 0)
        for at in [10, 20, 30, 40, 50, 60, 70] { _ = try sent(at: Double(at)) }
        try store(first, at: 71)
        try owe(.fault, "2", 1, at: 71)
        #expect(try sent(at: 71).first == "fault.2.1")
    }

    @Test mutating func whatIsSentAgainByAPersonGoesAtOnceThoughAnotherCentreIsStillOwedIt() throws {
        try journal.address(to: [Addressee("centre"), Addressee("keeper")])
        try connect()
        try owe(.fault, "1", 1)
        try owe(.fault, "1", 2)
        #expect(try sent(at: 0).count == 2)
        try journal.setAside("fault.1.1", refusedBy: "centre", because: "no", at: Instant(nanoseconds: 0))
        dispatch.drop("fault.1.1")
        try store(["fault.1.2"], at: 1)
        #expect(try sent(at: 2).isEmpty)
        #expect(try journal.sendAgain() == 1)
        #expect(try sent(at: 3) == ["fault.1.1"])
    }

    @Test mutating func whatNoDiskHoldsGoesFirst() throws {
        try connect()
        try owe(.entrapment, "1", 1)
        let held = OwedEvent(id: "held", type: "alert", lane: .fault, subject: "1", body: [])
        let sendings = try dispatch.next(
            from: journal, unjournalled: [held], now: 0, time: Instant(seconds: 0))
        #expect(sendings.map(\.row.eventID) == ["held", "entrapment.1.1"])
        let again = try dispatch.next(from: journal, unjournalled: [held], now: 1, time: Instant(seconds: 0))
        #expect(again.isEmpty)
    }
}
