import Foundation
import LiftModel
import Testing

@testable import DeliveryCore
@testable import Journal

/// Which events a route sends next, and in which order. The tests set the time, in seconds.
@Suite struct DispatchTests {
    private let journal: Journal
    private let path =
        FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db"
    private var dispatch: Dispatch

    init() throws {
        journal = try Journal(path)
        dispatch = Dispatch(Dispatch.Settings(centre: "centre"))
    }

    /// Enqueues an event of a lift; its id contains the lane and the lift.
    private func enqueue(
        _ lane: Lane, _ lift: String, _ number: Int, at seconds: Int = 0,
        lastImmediateRoute: Int = 0
    ) throws {
        var batch = Journal.Batch(now: Instant(nanoseconds: Int64(seconds) * 1_000_000_000))
        batch.events = [
            OutboundEvent(
                id: "\(lane).\(lift).\(number)", type: "alert", lane: lane, subject: lift,
                body: Array("{}".utf8),
                lastImmediateRoute: lastImmediateRoute)
        ]
        try journal.commit(batch)
    }

    private mutating func connect(at seconds: Double = 0) throws {
        dispatch.startConnection(lastRowID: try journal.lastRowID(), now: .init(seconds: seconds))
    }

    private mutating func sent(at seconds: Double, limit: Int = .max) throws -> [String] {
        try dispatch.next(
            from: journal, now: .init(seconds: seconds), time: Instant(seconds: seconds),
            limit: limit
        ).map(\.row.eventID)
    }

    private mutating func store(_ ids: [String], at seconds: Double) throws {
        _ = try journal.receipt(ids, from: "centre")
        let last = try journal.lastRowID()
        _ = try dispatch.recordReceipts(ids, lastRowID: { last }, now: .init(seconds: seconds))
    }

    @Test mutating func entrapmentsGoBeforeFaultsAndFaultsBeforeTheRest() throws {
        try connect()
        try enqueue(.info, "1", 1)
        try enqueue(.fault, "1", 1)
        try enqueue(.entrapment, "2", 1)
        #expect(try sent(at: 1) == ["entrapment.2.1", "fault.1.1", "info.1.1"])
    }

    @Test mutating func whatIsNewGoesBeforeTheBacklogButNeverBeforeItsOwnLiftsBacklog() throws {
        for n in 1...2 { for lift in ["1", "2", "3"] { try enqueue(.fault, lift, n) } }
        try connect()
        try enqueue(.fault, "2", 3)
        #expect(
            try sent(at: 0.02) == [
                "fault.2.1", "fault.2.2", "fault.2.3", "fault.1.1", "fault.3.1", "fault.1.2",
                "fault.3.2",
            ])
    }

    @Test mutating func receiptsStayForAnotherAttemptWhereTheLastRowCannotBeRead() throws {
        try connect()
        try enqueue(.fault, "1", 1)
        #expect(try sent(at: 0.1) == ["fault.1.1"])
        let failure = JournalError(
            path: path, doing: "reading", code: 10, message: "disk I/O error")
        // The centre was silent for more than a minute, so the backlog begins anew.
        #expect(throws: JournalError.self) {
            try dispatch.recordReceipts(
                ["fault.1.1"], lastRowID: { () throws(JournalError) in throw failure },
                now: .init(seconds: 100))
        }
        let last = try journal.lastRowID()
        let unmatched = try dispatch.recordReceipts(
            ["fault.1.1"], lastRowID: { last }, now: .init(seconds: 101))
        #expect(unmatched == [], "the event is still in flight")
    }

    @Test mutating func aBacklogWhoseEndCouldNotBeReadIsNoNewEvents() throws {
        dispatch = Dispatch(Dispatch.Settings(centre: "centre", backlogRate: 10))
        for n in 1...30 { try enqueue(.fault, "1", n) }
        dispatch.startConnection(lastRowID: nil, now: .boot)
        #expect(try sent(at: 0.2).count == 2, "ten a second")
        try enqueue(.info, "2", 1)
        #expect(try sent(at: 0.3).contains("info.2.1"))
    }

    @Test mutating func theBacklogGoesAtItsRateAndEntrapmentsOfItAtOnce() throws {
        dispatch = Dispatch(Dispatch.Settings(centre: "centre", backlogRate: 10))
        for n in 1...30 { try enqueue(.fault, "1", n) }
        for n in 1...30 { try enqueue(.entrapment, "2", n) }
        try connect()
        #expect(try sent(at: 0).count == 30, "the entrapments")
        try store((1...30).map { "entrapment.2.\($0)" }, at: 0.1)
        #expect(try sent(at: 1).count == 10)
        #expect(try sent(at: 1.5).count == 5)
        #expect(try sent(at: 1.55).isEmpty)
    }

    @Test mutating func aSlowCentreIsSentNoMoreThanItKeepsUpWith() throws {
        try connect()
        for n in 1...200 { try enqueue(.fault, "1", n) }
        let first = try sent(at: 0)
        #expect(first.count == 32)
        #expect(try sent(at: 1).isEmpty)
        try enqueue(.entrapment, "2", 1)
        #expect(try sent(at: 2) == ["entrapment.2.1"], "a full window holds up no entrapment")
        try store(Array(first[..<16]) + ["entrapment.2.1"], at: 3)
        #expect(try sent(at: 3).count == 33, "each receipt makes room for two")
    }

    @Test mutating func whatHasNoReceiptIsSentAgainInItsOrderUntilItHas() throws {
        try connect()
        for n in 1...3 { try enqueue(.fault, "1", n) }
        #expect(try sent(at: 0) == ["fault.1.1", "fault.1.2", "fault.1.3"])
        try store(["fault.1.2"], at: 1)
        #expect(try sent(at: 9.9).isEmpty)
        #expect(try sent(at: 10) == ["fault.1.1", "fault.1.3"])
        let third = try dispatch.next(
            from: journal, now: .init(seconds: 20), time: Instant(seconds: 20))
        #expect(third.map(\.attempt) == [3, 3])
    }

    @Test mutating func whatACentreCannotDigestGoesAloneAndAfterEverythingElse() throws {
        try connect()
        for lift in ["1", "2", "3"] { try enqueue(.fault, lift, 1) }
        #expect(try sent(at: 0, limit: 1) == ["fault.1.1"])
        dispatch.isolate("fault.1.1", until: .init(seconds: 5))
        #expect(try sent(at: 6) == ["fault.2.1", "fault.3.1"])
        #expect(try sent(at: 7) == ["fault.1.1"], "alone, once nothing else waits")
        dispatch.isolate("fault.1.1", until: .init(seconds: 8))
        try connect(at: 9)
        #expect(
            try sent(at: 9.1) == ["fault.2.1", "fault.3.1"], "a new connection does not clear it")
    }

    @Test mutating func suspectsLeaveTheWindowToOthers() throws {
        try connect()
        for n in 1...40 {
            try enqueue(.fault, "\(n)", 1)
            for id in try sent(at: 0) { dispatch.isolate(id, until: .init(seconds: 99)) }
        }
        try enqueue(.fault, "41", 1)
        #expect(try sent(at: 1) == ["fault.41.1"])
    }

    @Test mutating func whenItWasTheCentresDoingEverythingGoesInItsOrderAgain() throws {
        try connect()
        for n in 1...2 { try enqueue(.fault, "1", n) }
        #expect(try sent(at: 0, limit: 1) == ["fault.1.1"])
        dispatch.isolate("fault.1.1", until: .init(seconds: 1))
        #expect(try sent(at: 0.1, limit: 1) == ["fault.1.2"])
        dispatch.isolate("fault.1.2", until: .init(seconds: 2))
        dispatch.endIsolation(now: .init(seconds: 3))
        #expect(try sent(at: 3) == ["fault.1.1", "fault.1.2"])
    }

    @Test mutating func aNewConnectionSendsAgainAndSaysSo() throws {
        try connect()
        try enqueue(.fault, "1", 1)
        #expect(try sent(at: 0) == ["fault.1.1"])
        try connect(at: 1)
        let again = try dispatch.next(
            from: journal, now: .init(seconds: 2), time: Instant(seconds: 2))
        #expect(again.map(\.attempt) == [2])
    }

    @Test mutating func theNextRouteTakesAnEntrapmentAfterThirtySecondsWithoutAReceipt() throws {
        dispatch = Dispatch(
            Dispatch.Settings(
                centre: "centre", routeIndex: 1,
                fallbackAfter: [.entrapment: .seconds(30), .fault: .seconds(600)]))
        try connect()
        try enqueue(.entrapment, "1", 1, at: 0)
        try enqueue(.fault, "1", 1, at: 0)
        try enqueue(.info, "1", 1, at: 0)
        #expect(try sent(at: 29).isEmpty)
        #expect(try sent(at: 30) == ["entrapment.1.1"])
        #expect(try sent(at: 31).isEmpty)
        #expect(try sent(at: 600).contains("fault.1.1"))
        #expect(
            try !sent(at: 100_000).contains("info.1.1"),
            "a lane without a term stays with the first route")
    }

    @Test mutating func theNextRouteTakesWhatWaitedBeforeItWasConnected() throws {
        dispatch = Dispatch(Dispatch.Settings(centre: "centre", routeIndex: 1))
        try enqueue(.entrapment, "1", 1, at: 0)
        try connect(at: 5)
        #expect(try sent(at: 29).isEmpty)
        #expect(try sent(at: 30) == ["entrapment.1.1"])
        // The connection is lost, and the event has no receipt.
        try connect(at: 31)
        #expect(try sent(at: 31) == ["entrapment.1.1"])
    }

    @Test mutating func aLiftsLongBacklogIsTakenInTurnsOfTheAllowedSize() throws {
        for n in 1...200 { try enqueue(.fault, "1", n) }
        try connect()
        try enqueue(.fault, "1", 201)
        try enqueue(.fault, "2", 1)
        let first = try sent(at: 0, limit: 10)
        #expect(
            first == (1...10).map { "fault.1.\($0)" },
            "a lift's own order, and no more than asked for")
    }

    @Test mutating func whatNobodyHasAcceptedLeavesByTheNextRouteAtOnceAndAfterWhatItsLiftWaitsFor()
        throws
    {
        dispatch = Dispatch(Dispatch.Settings(centre: "centre", routeIndex: 1))
        try connect()
        try enqueue(.entrapment, "1", 1, at: 100)
        try enqueue(.entrapment, "1", 2, at: 100, lastImmediateRoute: .max)
        try enqueue(.entrapment, "1", 3, at: 100)
        try enqueue(.entrapment, "2", 1, at: 100)
        #expect(try sent(at: 100) == ["entrapment.1.1", "entrapment.1.2"])
        #expect(try sent(at: 101).isEmpty)
    }

    @Test mutating func aFullWindowOfFaultsHoldsUpNoEventThatEveryRouteMaySendAtOnce() throws {
        dispatch = Dispatch(
            Dispatch.Settings(centre: "centre", routeIndex: 1, fallbackAfter: [.fault: .zero]))
        try connect()
        for n in 1...50 { try enqueue(.fault, "1", n) }
        #expect(try sent(at: 1).count == 32)
        try enqueue(.fault, "2", 1, at: 1, lastImmediateRoute: .max)
        #expect(try sent(at: 1) == ["fault.2.1"])
    }

    @Test mutating func whatAnotherRouteHasBroughtThereIsNotSentAgain() throws {
        try connect()
        try enqueue(.entrapment, "1", 1)
        #expect(try sent(at: 0).count == 1)
        _ = try journal.receipt(["entrapment.1.1"], from: "centre")
        #expect(try sent(at: 20).isEmpty)
        #expect(!dispatch.hasInFlight(of: Lane.allCases))
    }

    @Test mutating func afterALongSilenceOfTheCentreWhatWaitedIsABacklog() throws {
        try connect()
        for n in 1...50 { try enqueue(.fault, "1", n) }
        let first = try sent(at: 0)
        for at in [10, 20, 30, 40, 50, 60, 70] { _ = try sent(at: Double(at)) }
        try store(first, at: 71)
        try enqueue(.fault, "2", 1, at: 71)
        #expect(try sent(at: 71).first == "fault.2.1")
    }

    @Test mutating func anEventThatAPersonSendsAgainGoesAtOnceThoughItIsPendingForAnotherCentre()
        throws
    {
        try journal.setRecipients([Recipient("centre"), Recipient("keeper")])
        try connect()
        try enqueue(.fault, "1", 1)
        try enqueue(.fault, "1", 2)
        #expect(try sent(at: 0).count == 2)
        try journal.setAside(
            "fault.1.1", refusedBy: "centre", because: "no", at: Instant(nanoseconds: 0))
        dispatch.drop("fault.1.1")
        try store(["fault.1.2"], at: 1)
        #expect(try sent(at: 2).isEmpty)
        #expect(try journal.requeue() == 1)
        #expect(try sent(at: 3) == ["fault.1.1"])
    }

    @Test mutating func whatNoDiskHoldsGoesFirst() throws {
        try connect()
        try enqueue(.entrapment, "1", 1)
        let inMemory = OutboundEvent(
            id: "in-memory", type: "alert", lane: .fault, subject: "1", body: [])
        let transmissions = try dispatch.next(
            from: journal, unjournalled: [inMemory], now: .boot, time: Instant(seconds: 0))
        #expect(transmissions.map(\.row.eventID) == ["in-memory", "entrapment.1.1"])
        let again = try dispatch.next(
            from: journal, unjournalled: [inMemory], now: .init(nanoseconds: 1),
            time: Instant(seconds: 0))
        #expect(again.isEmpty)
    }

    @Test mutating func whatWentOutFromMemoryGoesOnceMoreWithItsNumber() throws {
        try connect()
        let inMemory = OutboundEvent(
            id: "fault.1.1", type: "alert", lane: .fault, subject: "1", body: [])
        _ = try dispatch.next(
            from: journal, unjournalled: [inMemory], now: .boot, time: Instant(seconds: 0))
        #expect(dispatch.isFromMemory("fault.1.1"))
        try enqueue(.fault, "1", 1)
        // The disk takes it, and its row is not read yet: a receipt is still that of the copy.
        _ = try dispatch.next(
            from: journal, now: .init(nanoseconds: 1), time: Instant(seconds: 0), lanes: [])
        #expect(dispatch.isFromMemory("fault.1.1"))
        let again = try dispatch.next(
            from: journal, now: .init(nanoseconds: 1), time: Instant(seconds: 0))
        #expect(again.map(\.row.eventID) == ["fault.1.1"] && again.map(\.row.sequence) == [1])
        #expect(!dispatch.isFromMemory("fault.1.1"), "a receipt counts for the row now")
    }
}
