import Contract
import Foundation
import Journal
import LiftModel
import Monitoring
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

    private func intake() throws -> Intake {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        var intake = Intake(
            data: data, origin: AlertOrigin(site: "north"), admission: .registered, start: Self.now,
            isObserving: true)
        try intake.register(Lift(id: "A1"), profile: "gbt24476-json", at: Self.now)
        return intake
    }

    /// Stores an open alert in the journal that no message of it explains.
    /// - Parameter body: the stored event; nil for the one that the gateway writes.
    private func store(_ kind: String, of subject: String, body: [UInt8]? = nil) throws -> Alert {
        let alert = Alert(
            id: UUID().uuidString.lowercased(), revision: 1, lift: subject, kind: kind,
            state: .raised,
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
}
