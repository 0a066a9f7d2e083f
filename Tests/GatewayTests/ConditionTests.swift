import Delivery
import LiftModel
import Testing

@testable import Gateway

/// `hoistway status` reports that all is well only where something was checked, and names each
/// problem with its remedy.
@Suite struct ConditionTests {
    /// A box on which all is well.
    static func well() -> Condition {
        var condition = Condition()
        condition.broker.url = "mqtt://127.0.0.1:1883"
        condition.broker.isConnected = true
        condition.broker.observedFor = .seconds(300)
        condition.lifts = [
            Condition.ObservedLift(
                name: "Tower B (1)", silence: .seconds(2), clockOffset: .milliseconds(300)),
            Condition.ObservedLift(name: "2", silence: .seconds(9), clockOffset: nil),
        ]
        var route = DeliveryState.RouteStatus(
            centre: "city", name: "city/1", url: "mqtts://city:8883")
        route.isConnected = true
        condition.delivery.routes = [route]
        condition.clock.isSynchronised = true
        condition.clock.now = Instant(rfc3339: "2026-11-30T08:00:00Z")!
        condition.selfTest = .passed(age: .seconds(7200))
        return condition
    }

    @Test func aBoxOnWhichAllIsWellSaysSoOfEverySubject() {
        let checks = Self.well().checks
        #expect(checks.map(\.subject) == Check.Subject.allCases, "in the order of the data's way")
        #expect(checks.allSatisfy { $0.verdict == .ok }, "\(checks)")
    }

    struct Fault: CustomTestStringConvertible {
        var testDescription: String
        var subject: Check.Subject
        var expected: String
        var change: @Sendable (inout Condition) -> Void
        init(
            _ name: String, _ subject: Check.Subject, _ expected: String,
            _ change: @escaping @Sendable (inout Condition) -> Void
        ) {
            (testDescription, self.subject, self.expected, self.change) = (
                name, subject, expected, change
            )
        }
    }

    static let faults = [
        Fault("the broker is away", .broker, "nothing listens on") {
            $0.broker.isConnected = false
            $0.broker.trouble = "broker: nothing listens on 127.0.0.1:1883 (connection refused)."
        },
        Fault("the broker was never reached", .broker, "mqtt://127.0.0.1:1883 is not connected yet")
        {
            $0.broker.isConnected = false
        },
        Fault("QoS 0", .subscriptions, "gives us only QoS 0") {
            $0.broker.problems = ["The building's broker gives us only QoS 0 on x."]
        },
        Fault(
            "a lift that never sent a message", .liftsHeard,
            "no message has ever come from Tower B (1)"
        ) {
            $0.lifts[0].silence = nil
        },
        Fault(
            "five of six lifts that never sent a message", .liftsHeard,
            "no message has ever come from 0, 1, 2 and 2 more"
        ) {
            condition in
            condition.lifts =
                (0..<5).map { Condition.ObservedLift(name: "\($0)") } + [
                    Condition.ObservedLift(name: "5", silence: .zero)
                ]
        },
        Fault("no lift ever sent a message", .liftsHeard, "no lift has ever sent a message") {
            for index in $0.lifts.indices { $0.lifts[index].silence = nil }
        },
        Fault("every lift fell silent", .liftsHeard, "no message from any lift for 3 min") {
            $0.lifts[0].silence = .seconds(200)
            $0.lifts[1].silence = .seconds(7000)
        },
        Fault("one lift fell silent", .liftsHeard, "no message from 2 for 3 h") {
            $0.lifts[1].silence = .seconds(3 * 3600)
        },
        Fault(
            "one fell silent and another never sent a message", .liftsHeard,
            "ever come from Tower B (1); no message from 2"
        ) {
            condition in
            condition.lifts.append(Condition.ObservedLift(name: "3", silence: .zero))
            condition.lifts[0].silence = nil
            condition.lifts[1].silence = .seconds(3 * 3600)
        },
        Fault(
            "an unregistered lift publishes", .unregistered,
            "messages on lifts/9/state (12): no lift"
        ) {
            $0.unregistered = [Condition.UnregisteredTopic(topic: "lifts/9/state", messages: 12)]
        },
        Fault(
            "a client that invents topics", .unregistered,
            "lifts/0/state (20), lifts/1/state (19), lifts/2/state (18) and 17 more:"
        ) {
            $0.unregistered = (0..<20).map {
                Condition.UnregisteredTopic(topic: "lifts/\($0)/state", messages: 20 - $0)
            }
        },
        Fault("a topic of a thousand characters", .unregistered, "messages on …xxx") {
            $0.unregistered = [
                Condition.UnregisteredTopic(topic: String(repeating: "x", count: 1000), messages: 1)
            ]
        },
        Fault("a lift in another time zone", .liftClocks, "Tower B (1) is 8 h 0 min ahead") {
            $0.lifts[0].clockOffset = .seconds(8 * 3600 + 4)
        },
        Fault("a lift whose clock is slow", .liftClocks, "Tower B (1) is 12 min behind") {
            $0.lifts[0].clockOffset = .zero - .seconds(720)
        },
        Fault(
            "lifts two days ahead, where the centre agrees with the box", .liftClocks,
            "is 2 days 0 h ahead"
        ) {
            $0.clock.isSynchronised = false
            $0.clock.centreOffset = .seconds(1)
            $0.lifts[0].clockOffset = .seconds(172_800)
        },
        Fault(
            "a lift was added, and nothing restarted", .configuration, "applies this: lifts, broker"
        ) {
            $0.changedSinceStart = ["lifts", "broker"]
        },
        Fault(
            "a journal that root put back", .disk,
            "nothing is stored on disk for 45 s: user 'hoistway' may not read"
        ) {
            $0.diskFailing = (.seconds(45), "unable to open database file")
            $0.fileProblem = OwnFiles.Problem(
                found: "user 'hoistway' may not read and write journal.db",
                remedy: "As root: chown …")
        },
        Fault(
            "a damaged journal", .journal,
            "was set aside 2 h ago; a new one continues with what could be saved of it. The damaged file: j"
        ) {
            $0.lostJournal = Condition.LostJournal(age: .seconds(7200), file: "j")
        },
        Fault("a journal that was gone", .journal, "it was missing or empty at the start 2 h ago") {
            $0.lostJournal = Condition.LostJournal(age: .seconds(7200), file: nil)
        },
        Fault("a journal that cannot be read", .journal, "it cannot be read: disk I/O error") {
            $0.journalProblem = "disk I/O error"
            $0.selfTest = .missing
        },
        Fault(
            "a state folder that cannot be read", .journal,
            "cannot be seen: /var/lib/hoistway: Permission denied"
        ) {
            $0.folderProblem = "/var/lib/hoistway: Permission denied"
        },
        Fault(
            "a certificate with 20 days left", .certificates,
            "our certificate box.crt expires in 20 days, on 2026-12-"
        ) {
            $0.hold(.gateway("box.crt"), for: .seconds(20 * 86_400 + 60))
        },
        Fault("a certificate with a day left", .certificates, "expires in 30 h, on") {
            $0.hold(.gateway("box.crt"), for: .seconds(30 * 3600))
        },
        Fault(
            "a server's certificate with six days left", .certificates,
            "the certificate of city.example:8883 expires in 6 days, on 2026-"
        ) {
            $0.hold(.server("city.example:8883"), for: .seconds(6 * 86_400 + 60))
        },
        Fault("an expired certificate", .certificates, "our certificate box.crt expired 3 days ago")
        {
            $0.hold(.gateway("box.crt"), for: .zero - .seconds(3 * 86_400))
        },
        Fault("a lift that is only refused", .liftsUnderstood, "every message of 2 is refused") {
            $0.refusedLifts = ["2"]
        },
        Fault("a reload that failed", .rules, "the last reload failed") {
            $0.reloadProblem = "rules.yaml:3:1: no such let"
        },
        Fault("a full disk", .disk, "it has stored nothing for 45 s: database or disk is full") {
            $0.diskFailing = (.seconds(45), "database or disk is full")
        },
        Fault(
            "a route that is down", .routes,
            "city/1 is down: its access list does not let us write there"
        ) {
            $0.delivery.routes[0].isConnected = false
            $0.delivery.routes[0].lastError = "its access list does not let us write there"
        },
        Fault(
            "a broker without retained messages", .routes,
            "city/1: The centre's broker keeps no retained"
        ) {
            $0.delivery.routes[0].problems = ["The centre's broker keeps no retained messages."]
        },
        Fault(
            "a centre that gives no receipts", .receipts,
            "1 event waits for a receipt, the oldest for 3 h"
        ) {
            $0.delivery.pendingEvents = 1
            $0.delivery.oldestPending = .seconds(3 * 3600)
        },
        Fault("events that were refused", .refusals, "the centre refused 2 events for good") {
            $0.delivery.deadLetters = 2
        },
        Fault("a key that is gone", .signing, "alerts go out unsigned: no key") {
            $0.signingProblem = Condition.SigningProblem(found: "no key")
        },
        Fault("1970", .clock, "this box thinks it is 1970-01-01T00:00:20") {
            $0.clock.isSynchronised = false
            $0.clock.now = Instant(nanoseconds: 20_000_000_000)
        },
        Fault("ten years ahead of the lifts", .clock, "it is 3650 days ahead of its lifts'") {
            $0.clock.isSynchronised = false
            $0.lifts[0].clockOffset = .zero - .seconds(3650 * 86_400)
        },
        Fault("eight hours behind the lifts", .clock, "it is 8 h behind its lifts'") {
            $0.clock.isSynchronised = false
            $0.lifts[0].clockOffset = .seconds(8 * 3600)
        },
        Fault(
            "another time than the centre's server", .clock,
            "this box is 20 min ahead of the centre's server"
        ) {
            $0.clock.centreOffset = .zero - .seconds(1200)
        },
        Fault("a clock that was set", .clock, "the clock was set by 8 h since the gateway started")
        {
            $0.clock.wallOffset = .seconds(8 * 3600)
        },
        Fault("no self-test yet", .selfTest, "none has passed yet") { $0.selfTest = .missing },
        Fault(
            "a self-test that runs after one that failed", .selfTest,
            "the last one failed: no rule raised"
        ) {
            $0.selfTest = .running(lastFailure: "no rule raised an entrapment")
        },
        Fault("a self-test that failed", .selfTest, "failed 60 s ago: no receipt from city") {
            $0.selfTest = .failed(age: .seconds(60), because: "no receipt from city in 150s")
        },
    ]

    @Test(arguments: faults)
    func whatIsWrongIsNamedAndNothingElse(_ fault: Fault) {
        var condition = Self.well()
        fault.change(&condition)
        let failed = condition.checks.filter { $0.verdict == .failed }
        #expect(failed.map(\.subject) == [fault.subject], "\(failed)")
        #expect(failed.first?.found.contains(fault.expected) == true, "\(failed)")
    }

    @Test func missingReceiptsAreReportedWithTheirTopic() {
        var condition = Self.well()
        condition.delivery.pendingEvents = 1
        condition.delivery.oldestPending = .seconds(3600)
        func advice() -> String { condition.checks.first { $0.subject == .receipts }?.advice ?? "" }
        #expect(
            advice().contains("must answer each request with a 2xx") && !advice().contains("PUBACK")
        )
        condition.delivery.routes[0].receiptTopic = "hoistway/v1/plaza/receipt"
        #expect(
            advice().contains("say on hoistway/v1/plaza/receipt that it has stored")
                && advice().contains("access list")
        )
        condition.delivery.routes[0].isConnected = false
        #expect(advice() == "Nothing is lost.", "the route is what to mend")
    }

    @Test func whatCannotBeJudgedYetIsNeitherGoodNorBad() {
        var condition = Self.well()
        condition.broker.observedFor = .seconds(5)
        condition.lifts[0].silence = nil
        condition.selfTest = .running(lastFailure: nil)
        condition.clock.isSynchronised = false
        condition.lifts[0].clockOffset = nil
        let unknown = condition.checks.filter { $0.verdict == .unknown }.map(\.subject)
        #expect(unknown == [.liftsHeard, .clock, .selfTest])
        #expect(!condition.checks.contains { $0.verdict == .failed })
    }

    @Test func whatOnlyAnUnreadableJournalCouldTellIsNotKnown() {
        var condition = Self.well()
        condition.journalProblem = "disk I/O error"
        condition.selfTest = .missing
        let unknown = condition.checks.filter { $0.verdict == .unknown }.map(\.subject)
        #expect(unknown == [.receipts, .refusals, .selfTest])
    }

    @Test func oneLiftOfThreeWithAWrongClockIsNoProblemOfTheGateway() {
        var condition = Self.well()
        condition.clock.isSynchronised = false
        condition.lifts = [.zero, .seconds(8 * 3600), .seconds(2)].map {
            Condition.ObservedLift(name: "x", silence: .zero, clockOffset: $0)
        }
        #expect(condition.checks.first { $0.subject == .clock }?.verdict == .ok)
    }

    private func check(_ subject: Check.Subject, _ change: (inout Condition) -> Void) throws
        -> Check
    {
        var condition = Self.well()
        change(&condition)
        return try #require(condition.checks.first { $0.subject == subject })
    }

    @Test func aGatewayThatHasJustBegunToListenGivesSilentLiftsTheirTime() throws {
        let silent = try check(.liftsHeard) {
            $0.broker.observedFor = .seconds(100)
            $0.lifts[0].silence = .seconds(4000)
        }
        #expect(silent.verdict == .unknown && silent.found == "1 of 2 so far")
        let away = try check(.liftsHeard) {
            $0.broker.observedFor = nil
            $0.lifts[0].silence = .seconds(4000)
        }
        #expect(away.verdict == .unknown)
    }

    @Test func aLiftThatReportsSeldomIsSilentAfterThreeOfItsPauses() throws {
        func verdict(_ silence: Duration) throws -> Check.Verdict {
            try check(.liftsHeard) {
                $0.broker.observedFor = .seconds(7200)
                $0.lifts[0].silenceLimit = .seconds(900)
                $0.lifts[0].silence = silence
            }.verdict
        }
        #expect(try verdict(.seconds(899)) == .ok && verdict(.seconds(900)) == .failed)
    }

    @Test func whoIsRefusedOrWorkedOnIsNotSilentAsWell() throws {
        let excused = try check(.liftsHeard) {
            $0.lifts[0].silence = nil
            $0.lifts[0].isExcused = true
        }
        #expect(excused.verdict == .ok)
    }

    @Test func whenEveryLiftIsSilentTheAccessListIsNamedAsItIsWritten() throws {
        let silent = try check(.liftsHeard) {
            $0.broker.topics = StatusReport.readable([
                "lifts/+/state", "lifts/+/online", "acme/7", "hoistway/selftest/s/state",
            ])
            for index in $0.lifts.indices { $0.lifts[index].silence = .seconds(600) }
        }
        #expect(
            silent.advice?.contains("topic read acme/7, topic read lifts/#") == true, "\(silent)")
    }

    @Test func aDifferenceOfWholeZonesIsAdvisedOnOtherwiseThanAClockThatIsWrong() throws {
        func advice(_ offset: Duration) throws -> String? {
            try check(.liftClocks) { $0.lifts[0].clockOffset = offset }.advice
        }
        #expect(try advice(.seconds(8 * 3600))?.contains("time zone") == true)
        #expect(
            try advice(.zero - .seconds(5 * 3600 + 45 * 60))?.contains("time zone") == true, "Nepal"
        )
        #expect(try advice(.seconds(720))?.contains("Set the clock") == true)
        #expect(try advice(.seconds(200 * 86_400))?.contains("Set the clock") == true)
        #expect(try check(.liftClocks) { $0.lifts[0].clockOffset = .seconds(170) }.verdict == .ok)
    }

    @Test func aKeyThatMayNotBeReadIsAMatterOfRights() throws {
        let key = try check(.signing) {
            $0.signingProblem = Condition.SigningProblem(
                found: "signing-key.pem: Permission denied")
            $0.fileProblem = OwnFiles.Problem(found: "f", remedy: "As root: chown …")
        }
        #expect(key.advice?.hasPrefix("As root: chown") == true)
    }

    @Test func eachRouteThatIsDownHasALineOfItsOwn() throws {
        let routes = try check(.routes) {
            $0.delivery.routes[0].isConnected = false
            $0.delivery.routes.append(
                DeliveryState.RouteStatus(centre: "keeper", name: "keeper/1", url: "https://k"))
        }
        #expect(
            routes.found.split(separator: "\n") == [
                "city/1 is down: not connected yet", "keeper/1 is down: not connected yet",
            ])
    }
}

extension Condition {
    /// - Parameter time: how long the certificate is still valid.
    fileprivate mutating func hold(_ holder: Certificate.Holder, for time: Duration) {
        certificates = [Certificate(holder: holder, validUntil: clock.now + time)]
    }
}
