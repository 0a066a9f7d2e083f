import DeviceProfiles
import Foundation
import LiftModel
import Monitoring
import Testing

@testable import Gateway
@testable import GatewayCore

/// A lift whose messages are used without mode, motion, zone or doors is alive for the rules; a
/// person must learn that no passenger would be found in it.
@Suite struct PartlyReadLiftTests {
    private static let start = Instant(seconds: 1_772_409_600)
    private static let good = state(1)
    private static let words =
        #"{"Service_Mode":"normal","Car_Status":"stop","Door_Zone":true,"Car_Position":4,"Door_Status":"closed"}"#

    /// The fields of lift 7 that cannot be read after these messages at these seconds, each with
    /// its value.
    private func unread(
        after messages: [(second: Int, payload: String)], on topic: String = "state",
        equipment: EquipmentClass = .traction, profiles: [String]? = nil
    ) throws -> [String] {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(
            profiles: profiles ?? [devices + "/profiles"], rules: [devices + "/rules"])
        var intake = Intake(
            data: data, admission: .registered, start: Self.start, isObserving: true)
        try intake.register(
            Lift(id: "7", equipmentClass: equipment), profile: data.profiles[0].name,
            at: Self.start)
        for message in messages {
            let topic = Array("lifts/7/\(topic)".utf8)
            let payload = Array(message.payload.utf8)
            intake.take(
                topic: topic.span, payload: payload.span, isRetained: false,
                arrival: Self.start + .seconds(message.second))
        }
        return intake.liftsReadInPart.flatMap(\.sources).map {
            "\($0.field) \($0.found ?? "missing")"
        }
    }

    private func every10s(_ seconds: ClosedRange<Int>, _ payload: String) -> [(Int, String)] {
        stride(from: seconds.lowerBound, through: seconds.upperBound, by: 10).map { ($0, payload) }
    }

    @Test func wordsInPlaceOfNumbersAreFoundAfterAMinute() throws {
        #expect(try unread(after: every10s(0...50, Self.words)).isEmpty)
        #expect(
            try unread(after: every10s(0...60, Self.words)) == [
                #"Service_Mode "normal""#, #"Car_Status "stop""#, #"Door_Status "closed""#,
            ])
    }

    @Test func aMessageThatIsUnderstoodEndsIt() throws {
        let ended = every10s(0...100, Self.words) + [(110, Self.good)]
        #expect(try unread(after: ended).isEmpty)
        #expect(try unread(after: ended + every10s(120...170, Self.words)).isEmpty)
    }

    @Test func aFieldThatCameBeforeAndIsMissingNowIsFound() throws {
        let renamed = Self.good.replacing("Car_Status", with: "CarStatus")
        #expect(
            try unread(after: [(0, Self.good)] + every10s(10...70, renamed)) == [
                "Car_Status missing"
            ])
    }

    @Test(arguments: [
        (
            ["Car_Status", "Door_Zone", "Door_Status", "Door_Open_Limit"],
            ["Car_Status", "Door_Zone", "Door_Status", "Door_Open_Limit"]
        ),
        (["Door_Zone"], ["Door_Zone"]), (["Car_Status"], ["Car_Status"]),
        (["Service_Mode"], ["Service_Mode"]),
        (["Door_Status", "Door_Open_Limit"], ["Door_Status", "Door_Open_Limit"]),
        (["Door_Open_Limit"], []), (["Door_Status"], []), (["Passenger_Status"], []),
    ])
    func aLiftThatNeverSendsWhatAPurposeOfTheRulesNeedsIsFound(
        _ missing: [String], _ found: [String]
    ) throws {
        var payload =
            #"{"Time_Stamps":"2026-03-02T08:00:00+08:00","Service_Mode":1,"Car_Status":0,"Door_Zone":true,"Car_Position":3,"Door_Status":true,"Door_Open_Limit":false,"Passenger_Status":true,"Message_Code":[]}"#
        for field in missing { payload = payload.replacing("\"\(field)\"", with: "\"x\"") }
        let unread = try Set(unread(after: every10s(0...60, payload)))
        #expect(unread == Set(found.map { "\($0) missing" }))
        #expect(try self.unread(after: every10s(0...50, payload)).isEmpty, "an adapter may start")
        #expect(
            try self.unread(after: every10s(0...60, payload), equipment: .escalator).isEmpty,
            "it has no doors")
    }

    @Test func aLiftThatNeverSendsItsStateIsFoundAfterAnHourOfEvents() throws {
        let event = #"{"Message_Code":"90","Active":true}"#
        let found = try unread(after: every10s(0...3600, event), on: "event")
        #expect(found.contains("Car_Status missing") && found.contains("Door_Zone missing"))
        #expect(try unread(after: every10s(0...3590, event), on: "event").isEmpty)
    }

    @Test func whatTheStateOfTheLastRunKnowsHasNotToComeAgain() throws {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        func started(from state: Detector?) throws -> Intake {
            var intake = Intake(
                data: data, admission: .registered, start: Self.start, isObserving: true)
            try intake.register(Lift(id: "7"), profile: "gbt24476-json", at: Self.start)
            if let state { intake.restore(state) }
            return intake
        }
        func take(_ payload: String, on topic: String, _ second: Int, _ intake: inout Intake) {
            let (topic, payload) = (Array("lifts/7/\(topic)".utf8), Array(payload.utf8))
            intake.take(
                topic: topic.span, payload: payload.span, isRetained: false,
                arrival: Self.start + .seconds(second))
        }
        var before = try started(from: nil)
        take(Self.good, on: "state", 0, &before)
        var (after, unknowing) = (try started(from: before.detector), try started(from: nil))
        for second in stride(from: 5, through: 3700, by: 5) {
            take(#"{"Message_Code":"90","Active":true}"#, on: "event", second, &after)
            take(#"{"Message_Code":"90","Active":true}"#, on: "event", second, &unknowing)
        }
        #expect(after.liftsReadInPart.isEmpty)
        #expect(!unknowing.liftsReadInPart.isEmpty)
    }

    @Test func aFieldThatComesWithALaterChangeHasAnHour() throws {
        let folder = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Self.changes.write(toFile: folder, atomically: true, encoding: .utf8)
        func unread(_ messages: [(Int, String)]) throws -> [String] {
            try self.unread(after: messages, on: "change", profiles: [folder])
        }
        let run = every10s(0...3600, #"{"run":true}"#)
        #expect(try unread(run.dropLast() + []).isEmpty)
        #expect(try unread(run) == ["zone missing", "lock missing"])
        #expect(try unread([(0, #"{"zone":true,"lock":true}"#)] + run).isEmpty)
    }
    private static let changes = """
        profile: changes-only
        title: Each change at once
        source: this test
        encoding: json
        reports_every: 10s
        stale_after: 60s
        topics:
          - topic: lifts/{lift}/change
            signals:
              moving: { field: run }
              in_door_zone: { field: zone }
              doors.front.locked: { field: lock }

        """

    @Test func aProfileWithoutADoorZoneMakesNoRowAndAWarningOfCheck() throws {
        let folder = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Self.changes.replacing("      in_door_zone: { field: zone }\n", with: "")
            .replacing("    signals:", with: "    complete: true\n    signals:")
            .write(toFile: folder, atomically: true, encoding: .utf8)
        #expect(
            try unread(
                after: every10s(0...4000, #"{"run":true,"lock":true}"#), on: "change",
                profiles: [folder]
            ).isEmpty)
        let data = try DeviceData(profiles: [folder], rules: [Site.root + "/Devices/rules"])
        let warnings = try CheckReport.findings(data, kinds: nil).warnings.map(\.description)
        #expect(
            warnings.contains { $0.contains("entrapment") && $0.contains("in_door_zone") },
            "\(warnings)")
    }

    /// The messages of a lift in good health are the profiles' own examples.
    @Test func everyShippedProfileWithAllItsFieldsIsUnderstood() throws {
        let folder = Site.root + "/Devices/profiles/"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(!files.isEmpty)
        for file in files {
            let data = try DeviceData(
                profiles: [folder + file], rules: [Site.root + "/Devices/rules"])
            var intake = Intake(
                data: data, admission: .anyone, start: Self.start, isObserving: true)
            let example = try #require(data.profiles[0].examples.first)
            let (topic, payload) = (Array(example.topic.utf8), Array(example.payload.utf8))
            for second in stride(from: 0, to: 7200, by: 10) {
                intake.take(
                    topic: topic.span, payload: payload.span, isRetained: false,
                    arrival: Self.start + .seconds(second))
            }
            #expect(intake.detector.liftCount == 1)
            #expect(intake.liftsReadInPart.isEmpty, "\(file)")
        }
    }

    @Test func aLiftOfWhichOnlyTheFloorIsReadIsNot() throws {
        let found = try unread(after: every10s(0...60, #"{"Car_Position":4}"#))
        #expect(found.contains("Service_Mode missing") && found.contains("Door_Status missing"))
    }

    @Test func whatTheProfileItselfCallsUnknownIsUnderstood() throws {
        let unknown = Self.good.replacing(#""Service_Mode":1"#, with: #""Service_Mode":7"#)
        #expect(try unread(after: [(0, Self.good)] + every10s(10...200, unknown)).isEmpty)
    }

    @Test func anEventSaysNothingOfWhatItDoesNotHave() throws {
        let events = every10s(0...200, #"{"Message_Code":"90","Active":true}"#)
        #expect(try unread(after: events, on: "event").isEmpty)
    }

    @Test func theRowNamesTheFieldsAndOneValue() {
        var condition = Condition()
        func row() -> Check { condition.liftsUnderstood }
        condition.partlyReadLifts = [
            Condition.PartlyReadLift(
                name: "Tower B (7)",
                sources: [
                    UnreadSource(field: "Door_Zone", found: nil),
                    UnreadSource(field: "Service_Mode", found: "\"normal\""),
                    UnreadSource(field: "Car_Status", found: "\"stop\""),
                ])
        ]
        #expect(
            row().found
                == "Tower B (7): Door_Zone, Service_Mode and Car_Status cannot be read (for example Service_Mode: \"normal\"). A trapped passenger may not be found"
        )
        #expect(row().advice == "Did the adapter or its profile change?")
        condition.partlyReadLifts[0].sources = [UnreadSource(field: "Car_Status", found: nil)]
        #expect(
            row().found.hasPrefix(
                "Tower B (7): Car_Status cannot be read (for example Car_Status is missing)"))
        condition.refusedLifts = ["8"]
        #expect(row().found.split(separator: "\n").first == "every message of 8 is refused")
    }

    @Test func theRowSaysWhatToDoWhereAFieldHasNeverCome() {
        var condition = Condition()
        condition.partlyReadLifts = [
            Condition.PartlyReadLift(
                name: "7", sources: [UnreadSource(field: "Door_Zone", found: nil)],
                hasNeverCome: true)
        ]
        #expect(condition.liftsUnderstood.advice?.contains("a profile without this field") == true)
    }

    @Test func aPartlyReadLiftIsInTheStatusOfTheGateway() throws {
        let gateway = try FilledGateway()
        defer { gateway.remove() }
        for second in stride(from: 702, to: 780, by: 5) {
            let (topic, payload) = (Array("lifts/1/state".utf8), Array(Self.words.utf8))
            gateway.loop.core.intake.take(
                topic: topic.span, payload: payload.span, isRetained: false,
                arrival: FilledGateway.start + .seconds(second))
        }
        let row = gateway.snapshot.checks(.failed).first { $0.subject == "lifts_understood" }
        #expect(
            row?.found.contains("(1): Service_Mode, Car_Status and Door_Status cannot be read")
                == true, "\(row?.found ?? "")")
    }
}
