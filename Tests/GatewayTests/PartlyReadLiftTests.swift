import DeviceProfiles
import LiftModel
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
        after messages: [(second: Int, payload: String)], on topic: String = "state"
    ) throws -> [String] {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        var intake = Intake(
            data: data, admission: .registered, start: Self.start, isObserving: true)
        try intake.register(Lift(id: "7"), profile: "gbt24476-json", at: Self.start)
        for message in messages {
            let topic = Array("lifts/7/\(topic)".utf8)
            let payload = Array(message.payload.utf8)
            intake.take(
                topic: topic.span, payload: payload.span, isRetained: false,
                arrival: Self.start + .seconds(message.second))
        }
        return intake.partlyReadLifts.found.flatMap(\.sources).map {
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

    @Test func aLiftWithoutADoorZoneSensorIsUnderstood() throws {
        let without = Self.good.replacing("Door_Zone", with: "x")
        #expect(try unread(after: every10s(0...300, without)).isEmpty)
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
