import LiftModel
import Monitoring
import Testing

@testable import Gateway
@testable import GatewayCore

/// A lift whose every message is refused is silent for the rules; the centre receives the reason.
@Suite struct RefusedLiftTests {
    private static let topic = Array("lifts/7/state".utf8)
    private static let start = Instant(seconds: 1_772_409_600)
    private static let good = #"{"Car_Status":0,"Door_Zone":true,"Car_Position":4}"#

    /// The alerts about lift 7 after these messages at these seconds.
    private func alertTexts(
        after messages: [(second: Double, payload: String)], topic: [UInt8] = Self.topic
    ) throws
        -> [String]
    {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        var intake = Intake(
            data: data, admission: .registered, start: Self.start, isObserving: true)
        try intake.register(Lift(id: "7"), profile: "gbt24476-json", at: Self.start)
        for message in messages {
            let (payload, arrival) = (
                Array(message.payload.utf8), Self.start + .milliseconds(Int(message.second * 1000))
            )
            intake.take(
                topic: topic.span, payload: payload.span, isRetained: false, arrival: arrival)
        }
        return intake.refusedLifts.takeAlerts().map {
            "\($0.lift) \($0.kind) \($0.state.rawValue) \($0.severity.rawValue) \($0.reason) \(Int(($0.time - Self.start).inSeconds))"
        }
    }

    private func every(_ pause: Double, _ seconds: ClosedRange<Double>, _ payload: String) -> [(
        Double, String
    )] {
        stride(from: seconds.lowerBound, through: seconds.upperBound, by: pause).map {
            ($0, payload)
        }
    }

    @Test func aLiftWhoseMessagesAreAllRefusedIsReportedOnceAndClearedWhenOneIsRead() throws {
        let alerts = try alertTexts(
            after: every(10, 0...300, "{'Car_Status':0}") + [(310, Self.good)]
                + every(10, 320...360, "{"))
        #expect(
            alerts == [
                "7 lift_refused raised major single_quotes 60",
                "7 lift_refused cleared major read 310",
            ])
        let again = try alertTexts(
            after: every(10, 0...60, "{") + [(70, Self.good)] + every(10, 80...140, "["))
        #expect(again.count == 3 && again.last == "7 lift_refused raised major array 140")
    }

    @Test func aFastReporterIsFoundOutAfterTwentyMessages() throws {
        #expect(
            try alertTexts(after: every(1, 0...40, "7")) == [
                "7 lift_refused raised major bare_value 19"
            ])
    }

    @Test func anothersNameIsARefusal() throws {
        let alerts = try alertTexts(
            after: every(10, 0...90, #"{"Identification_Number":"\u5854B1","Car_Status":0}"#))
        #expect(alerts == ["7 lift_refused raised major another_lift 60"])
    }

    @Test func neitherABurstNorRubbishBetweenGoodMessagesIsEnough() throws {
        #expect(
            try alertTexts(after: (0..<200).map { (Double($0) / 100, "{") } + [(9, Self.good)])
                .isEmpty)
        #expect(
            try alertTexts(
                after: (0..<60).flatMap {
                    [(Double($0) * 5, "{"), (Double($0) * 5 + 1, Self.good)]
                }
            ).isEmpty
        )
    }

    @Test func aStrangersTopicIsNobodysAlert() throws {
        #expect(
            try alertTexts(after: every(10, 0...90, "{"), topic: Array("lifts/8/state".utf8))
                .isEmpty)
    }

    @Test func aLastWillIsNoMessageThatWasRead() throws {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        var intake = Intake(
            data: data, admission: .registered, start: Self.start, isObserving: true)
        try intake.register(Lift(id: "7"), profile: "gbt24476-json", at: Self.start)
        for second in stride(from: 0, through: 90, by: 10) {
            for (topic, payload) in [("state", "{"), ("online", #"{"Online":true}"#)] {
                intake.take(
                    topic: Array("lifts/7/\(topic)".utf8).span, payload: Array(payload.utf8).span,
                    isRetained: false,
                    arrival: Self.start + .seconds(second))
            }
        }
        #expect(intake.refusedLifts.takeAlerts().count == 1)
    }

    @Test func whatIsOpenStaysOpenOverARestart() throws {
        let site = try Site()
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        for _ in 0..<30 {
            site.send("1", "{'Car_Status':0}")
            _ = site.wait(0.5) { false }
        }
        #expect(
            site.wait { site.alertStates.contains("lift_refused raised") }, "\(site.alertStates)")
        let page = try Site.run(["status", "--config", site.folder + "/hoistway.yaml"])
        #expect(
            page.output.contains("lift_refused raised") && page.output.contains("single_quotes"),
            "\(page.output)")
        site.stopDaemon()
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.send("1", state(1))
        #expect(
            site.wait { site.alertStates.contains("lift_refused cleared") }, "\(site.alertStates)")
        #expect(site.alertStates.filter { $0 == "lift_refused raised" }.count == 1)
    }
}
