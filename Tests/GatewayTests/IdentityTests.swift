import Foundation
import Journal
import LiftModel
import Monitoring
import Testing

@testable import Gateway
@testable import GatewayCore

/// An alert's id is the same wherever the same journal is evaluated, and differs between journals.
@Suite struct IdentityTests {
    private let path =
        FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db"
    private static let start = Instant(seconds: 1_772_323_200)

    @Test(arguments: [
        (AlertOrigin(site: "plaza-3", journal: nil), "d70b7ca6-8bb6-5073-bc47-3298a03d471b"),
        (AlertOrigin(site: "plaza-3"), "88398540-fe98-5ff4-9646-644ee3fe8088"),
    ])
    func anIdIsTheNameBasedUUIDOfItsParts(origin: AlertOrigin, id: String) {
        let onset = Self.start.nanoseconds
        #expect(
            AlertIdentity.id(origin, lift: "A1", kind: "entrapment", onset: onset, earlier: 0) == id
        )
    }

    @Test func twoSitesThatHearALiftOfOneNameGiveItsAlertsTwoIds() throws {
        let ids = try ["north", "south"].map { site in try self.ids(AlertOrigin(site: site)) }
        #expect(ids[0].count == 1 && ids[0] != ids[1])
        #expect(try ids[0] == self.ids(AlertOrigin(site: "north")), "the same id")
        #expect(try ids[0] != self.ids(AlertOrigin(site: "north", journal: UUID().uuidString)))
    }

    @Test func anIdentityIsMadeOnceAndOutlivesItsJournal() throws {
        var first = JournalIdentity(besideJournal: path)
        let made = first.take(for: try Journal(path))
        #expect(made.isStored && UUID(uuidString: made.text) != nil)
        try FileManager.default.removeItem(atPath: path)
        var next = JournalIdentity(besideJournal: path)
        #expect(next.take(for: try Journal(path)) == made)
    }

    @Test func anIdentityThatNoDiskTookIsWrittenWhenOneDoes() throws {
        var identity = JournalIdentity(besideJournal: path)
        let inMemory = identity.take(for: nil)
        #expect(!inMemory.isStored)
        #expect(identity.take(for: try Journal(path)) == (inMemory.text, true))
    }

    @Test func aBrokenIdentityFileIsReplaced() throws {
        try "half".write(toFile: path + ".identity", atomically: true, encoding: .utf8)
        var identity = JournalIdentity(besideJournal: path)
        let made = identity.take(for: try Journal(path))
        #expect(made.isStored && UUID(uuidString: made.text) != nil)
    }

    /// A gateway that died before its first snapshot is upgraded: the past is replayed, and its
    /// alerts must keep their ids.
    @Test func alertsOfAVersionWithoutIdentitiesKeepTheirIds() throws {
        let journal = try Journal(path)
        let messages = Self.messages
        try commit(messages[...0], to: journal)
        var identity = JournalIdentity(besideJournal: path)
        let named = AlertOrigin(site: "north", journal: identity.take(for: journal).text)
        let tail = try replay(journal, named)
        #expect(try tail.ids == ids(AlertOrigin(site: "north", journal: nil)))
        #expect(tail.intake.detector.origin == named, "later alerts get the new identity")
    }

    @Test func whatIsFoldedAgainHasTheIdsOfItsJournal() throws {
        let journal = try Journal(path)
        var identity = JournalIdentity(besideJournal: path)
        let named = AlertOrigin(site: "north", journal: identity.take(for: journal).text)
        try commit(Self.messages[...], to: journal)
        #expect(try replay(journal, named).ids == ids(named))
    }

    // MARK: A car that stops between floors with a passenger

    private static var messages: [JournalledMessage] {
        let payload =
            #"{"Service_Mode":1,"Car_Status":0,"Door_Zone":false,"Door_Status":true,"Passenger_Status":true,"#
            + #""Message_Code":[],"Time_Stamps":"2026-03-01T08:00:00.000+08:00"}"#
        return [
            JournalledMessage(
                arrival: start.nanoseconds, topic: Array("lifts/A1/state".utf8),
                payload: Array(payload.utf8),
                isRetained: false, mid: 1)
        ]
    }

    private func intake(_ origin: AlertOrigin) throws -> Intake {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        var intake = Intake(
            data: data, origin: origin, admission: .registered, start: Self.start - .seconds(1),
            isObserving: true)
        try intake.register(Lift(id: "A1"), profile: "gbt24476-json", at: Self.start - .seconds(1))
        return intake
    }

    private func ids(_ origin: AlertOrigin) throws -> Set<String> {
        var intake = try intake(origin)
        for message in Self.messages {
            intake.take(
                topic: message.topic.span, payload: message.payload.span, isRetained: false,
                arrival: Instant(nanoseconds: message.arrival))
        }
        intake.advance(to: Self.start + .seconds(15))
        return Set(intake.takeAlerts().filter(\.isEntrapment).map(\.id))
    }

    private func commit(_ messages: ArraySlice<JournalledMessage>, to journal: Journal) throws {
        var batch = Journal.Batch(now: Self.start + .seconds(15))
        batch.messages = Array(messages)
        try journal.commit(batch)
    }

    private func replay(_ journal: Journal, _ origin: AlertOrigin) throws -> (
        ids: Set<String>, intake: Intake
    ) {
        var intake = try intake(origin)
        let outcome = try Recovery.restore(&intake, from: journal)
        return (Set(outcome.alerts.filter(\.isEntrapment).map(\.id)), intake)
    }
}
