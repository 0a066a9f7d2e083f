import Contract
import Foundation
import Journal
import LiftModel
import Monitoring
import PositionedYAML
import Testing

@testable import Gateway
@testable import GatewayCore

/// The journal's alerts and the detector's alerts are reconciled at a start.
@Suite struct ReconciliationTests {
    private static let now = Instant(nanoseconds: 1_772_323_200_000_000_000)
    private let journal: Journal

    init() throws {
        journal = try Journal(
            FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db")
    }

    /// - Parameters:
    ///   - hold: of the suspicion that a car stands between floors.
    ///   - follows: the lift is in the configuration.
    private func intake(hold: String = "10s", follows: Bool = true) throws -> Intake {
        let devices = Site.root + "/Devices"
        let text = "off_level_hold: \(hold)\n"
        guard
            case .mapping(let parameters) = try YAMLNode(
                parsing: Array(text.utf8), file: "parameters"
            ).content
        else { return try #require(nil as Intake?) }
        let data = try DeviceData(
            profiles: [devices + "/profiles"], rules: [devices + "/rules"], parameters: parameters)
        var intake = Intake(
            data: data, origin: AlertOrigin(site: "north"), admission: .registered, start: Self.now,
            isObserving: true)
        if follows { try intake.register(Lift(id: "A1"), profile: "gbt24476-json", at: Self.now) }
        return intake
    }

    /// A run in which lift A1 stands between floors with a passenger from the first second on.
    private func trap(_ intake: inout Intake, until end: Int, from start: Int = 0) throws {
        for second in stride(from: start + 1, through: start + end, by: 5) {
            let text =
                "{\"Service_Mode\":1,\"Car_Status\":0,\"Door_Zone\":false,\"Door_Status\":true,\"Passenger_Status\":true,\"Car_Position\":4}"
            let time = Self.now + .seconds(second)
            let (topic, payload) = (Array("lifts/A1/state".utf8), Array(text.utf8))
            intake.take(topic: topic.span, payload: payload.span, isRetained: false, arrival: time)
            intake.advance(to: time)
            var batch = Journal.Batch(now: time)
            batch.messages = [
                JournalledMessage(
                    arrival: time.nanoseconds, topic: topic, payload: payload, isRetained: false,
                    mid: 0)
            ]
            batch.alerts = written(intake.takeAlerts())
            try journal.commit(batch)
        }
    }

    private func written(_ alerts: [Alert]) -> [(alert: Alert, body: [UInt8])] {
        alerts.map {
            (
                $0,
                AlertEvent.json(
                    $0, lift: Lift(id: $0.lift), site: AlertEvent.Site(id: "north", name: "North"),
                    recorded: $0.time, calendarOffset: .zero, isTest: false)
            )
        }
    }

    /// Restarts from the journal, which gets what the reconciliation decides, and a snapshot.
    private func restart(_ intake: inout Intake, rulesChanged: Bool, at second: Int) throws {
        let now = Self.now + .seconds(second)
        let outcome = try Recovery.restore(&intake, from: journal)
        let (revisions, unknown, unreadable) = try Recovery.reconcile(
            &intake, with: journal, rulesChanged: rulesChanged, after: outcome.alerts, at: now)
        #expect(unknown.isEmpty && unreadable.isEmpty)
        var batch = Journal.Batch(now: now)
        batch.alerts = written(outcome.alerts + revisions)
        batch.snapshot = intake.detector.snapshot()
        try journal.commit(batch)
    }

    /// The revisions of all entrapments in the journal: one id has each revision once.
    private func entrapments() throws -> [String] {
        let stored = try journal.alerts().filter { $0.kind == "entrapment" }
        #expect(Set(stored.map(\.id)).count == 1, "one incident, one alert")
        return stored.map { "\($0.revision) \($0.state)" }
    }

    /// A centre that has revision 1 would take a second revision 1 for a copy, and go on without
    /// the people in the car.
    @Test func anEntrapmentThatOtherRulesFindLaterContinuesTheOneThatWasCleared() throws {
        var before = try intake()
        try trap(&before, until: 16)
        #expect(try entrapments() == ["1 suspected"])
        var after = try intake(hold: "60s")
        try restart(&after, rulesChanged: true, at: 17)
        #expect(try entrapments() == ["1 suspected", "2 cleared"])
        #expect(after.detector.snapshot().first == 8)
        // It survives a second restart, too.
        var again = try intake(hold: "60s")
        try restart(&again, rulesChanged: false, at: 18)
        try trap(&again, until: 66)
        #expect(try entrapments() == ["1 suspected", "2 cleared", "3 suspected"])
        #expect(again.detector.snapshot().first == 7, "version 0.3 reads it")
    }

    @Test func theOpenAlertOfALiftThatIsBackInTheConfigurationIsOpenAgain() throws {
        var before = try intake()
        try trap(&before, until: 16)
        var without = try intake(follows: false)
        var batch = Journal.Batch(now: Self.now + .seconds(17))
        let outcome = try Recovery.restore(&without, from: journal)
        batch.alerts = written(
            try Recovery.reconcile(
                &without, with: journal, rulesChanged: false, after: outcome.alerts, at: batch.now
            ).revisions)
        // As in 0.3, which stored no snapshot here.
        try journal.commit(batch)
        #expect(try entrapments() == ["1 suspected", "2 cleared"])
        var after = try intake()
        try restart(&after, rulesChanged: false, at: 18)
        #expect(try entrapments() == ["1 suspected", "2 cleared", "3 suspected"])
    }

    /// Stores an open alert in the journal that no message of it explains.
    /// - Parameter body: the stored event; nil for the one that the gateway writes.
    private func store(
        _ kind: String, of subject: String, state: AlertState = .raised, body: [UInt8]? = nil
    ) throws -> Alert {
        let alert = Alert(
            id: UUID().uuidString.lowercased(), revision: 1, lift: subject, kind: kind,
            state: state,
            severity: .major,
            rule: kind, ruleVersion: "", onset: Self.now - .seconds(9), time: Self.now,
            reason: kind, hold: .zero,
            confirmationHold: nil, evidence: [], vendorCode: nil, title: Title(en: kind, zh: kind))
        let site = AlertEvent.Site(id: "north", name: "North")
        let written = AlertEvent.json(
            alert, lift: Lift(id: subject), site: site, recorded: Self.now, calendarOffset: .zero,
            isTest: false)
        var batch = Journal.Batch(now: Self.now)
        batch.alerts = [(alert, body ?? written)]
        try journal.commit(batch)
        return alert
    }

    private func reconcile(rulesChanged: Bool = false, after replayed: [Alert] = []) throws -> (
        revisions: [Alert], unknown: [Alert], unreadable: [Journal.StoredAlert]
    ) {
        var intake = try intake()
        return try Recovery.reconcile(
            &intake, with: journal, rulesChanged: rulesChanged, after: replayed,
            at: Self.now + .seconds(5))
    }

    @Test func anOpenAlertWhoseEventCannotBeReadIsNamedAndNotClearedUnseen() throws {
        let open = try store("area_silence", of: "A1", body: Array("{}".utf8))
        let (revisions, unknown, unreadable) = try reconcile()
        #expect(revisions.isEmpty && unknown.isEmpty)
        #expect(unreadable.map(\.id) == [open.id])
    }

    @Test(arguments: ["north", "A1"])
    func anOpenAlertThatTheFoldDoesNotKnowIsEndedAndNamed(subject: String) throws {
        let open = try store("area_silence", of: subject)
        let (revisions, unknown, _) = try reconcile()
        #expect(
            revisions.map(\.id) == [open.id] && revisions[0].revision == 2
                && revisions[0].state == .cleared)
        #expect(revisions[0].reason == "revised")
        #expect(unknown.map(\.id) == [open.id])
    }

    @Test func underOtherRulesAnIncidentOfTheSiteThatNoRuleKnowsIsEnded() throws {
        let open = try store("area_flood", of: "north")
        let (revisions, unknown, _) = try reconcile(rulesChanged: true)
        #expect(revisions.map(\.id) == [open.id] && revisions[0].reason == "rules_changed")
        #expect(unknown.isEmpty, "it is no fault")
    }

    @Test(arguments: ["door_open_fault", GatewayKind.liftRefused.rawValue])
    func anAlertOfALiftThatIsGoneIsEndedBecauseOfThat(kind: String) throws {
        _ = try store(kind, of: "B7")
        #expect(try reconcile().revisions.map(\.reason) == ["lift_removed"])
    }

    @Test func anEndThatIsAlreadyDecidedIsNotSentTwice() throws {
        var end = try store("area_silence", of: "north")
        (end.revision, end.state) = (2, .cleared)
        #expect(try reconcile(after: [end]).revisions.isEmpty)
    }

    @Test(arguments: GatewayKind.allCases.filter { $0 != .maintenance && $0 != .deviceClock })
    func whatIsNoPartOfTheFoldGoesOnByItself(kind: GatewayKind) throws {
        _ = try store(kind.rawValue, of: kind.isOfLift ? "A1" : "north")
        #expect(try reconcile(rulesChanged: true).revisions.isEmpty)
    }

    /// Its id would be given again to a reading that comes late.
    @Test func anAlertThatARunWithoutItsLiftHasEndedIsRememberedForTwoHours() throws {
        var before = try intake()
        try trap(&before, until: 16)
        var without = try intake(follows: false)
        try restart(&without, rulesChanged: false, at: 17)
        #expect(try entrapments() == ["1 suspected", "2 cleared"])
        var back = try intake()
        try restart(&back, rulesChanged: false, at: 18)
        #expect(back.detector.remembersDelivered)
        var later = try intake()
        try restart(&later, rulesChanged: false, at: 17 + 2 * 3600)
        #expect(later.detector.remembersDelivered, "the snapshot of the start before has it")
        try trap(&later, until: 16, from: 3 * 3600)
        #expect(!later.detector.remembersDelivered, "no hold is that long")
    }

    /// Otherwise 0.3 could not go on after an upgrade that changes the rules.
    @Test func anAlertThatEndedBeforeTheSnapshotIsNotRemembered() throws {
        _ = try store("door_open_fault", of: "A1", state: .cleared)
        let late = Self.now + .seconds(700)
        var batch = Journal.Batch(now: late)
        batch.snapshot = try intake().detector.snapshot()
        try journal.commit(batch)
        var after = try intake(hold: "60s")
        #expect(try !Recovery.restore(&after, from: journal).hasSameRules)
        _ = try Recovery.reconcile(
            &after, with: journal, rulesChanged: true, after: [], at: late + .seconds(5))
        #expect(after.detector.snapshot().first == 7)
    }

    @Test func aSuppressedAlertThatOtherRulesDoNotFindIsNoneThatContinues() throws {
        let stored = try store("door_open_fault", of: "A1", state: .suppressed)
        var after = try intake()
        _ = try Recovery.reconcile(
            &after, with: journal, rulesChanged: true, after: [], at: Self.now + .seconds(5))
        #expect(!after.detector.remembersDelivered, "\(stored.id) was never raised")
        _ = try store("door_open_fault", of: "A1", state: .cleared)
        _ = try Recovery.reconcile(
            &after, with: journal, rulesChanged: true, after: [], at: Self.now + .seconds(5))
        #expect(after.detector.remembersDelivered)
    }
}
