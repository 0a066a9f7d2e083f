import LiftModel
import Monitoring
import Testing

@testable import Gateway
@testable import GatewayCore

/// A code that no profile names is counted by its name and sent to the centre as the vendor's code.
@Suite struct UnknownCodeTests {
    private static let topic = Array("lifts/7/state".utf8)
    private static let start = Instant(seconds: 1_772_409_600)

    @Test func anUnknownCodeGoesToTheCentreUntilItEnds() throws {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        var intake = Intake(
            data: data, admission: .registered, start: Self.start, isObserving: true)
        try intake.register(Lift(id: "7"), profile: "gbt24476-json", at: Self.start)
        func vendorCodes(_ codes: String, at second: Int) -> [String?] {
            let payload = Array(#"{"Service_Mode":1,"Message_Code":[\#(codes)]}"#.utf8)
            let arrival = Self.start + .seconds(second)
            intake.take(
                topic: Self.topic.span, payload: payload.span, isRetained: false, arrival: arrival)
            intake.advance(to: arrival + .seconds(5))
            return intake.takeAlerts().filter { $0.kind == "power_loss" && $0.state == .raised }
                .map(\.vendorCode)
        }
        #expect(vendorCodes(#""E\u0031""#, at: 10) == [])
        #expect(vendorCodes(#""E\u0031","41""#, at: 20) == ["E1"])
        #expect(vendorCodes("", at: 30) == [])
        #expect(vendorCodes(#""41""#, at: 40) == [nil])
        #expect(
            intake.badInput.values.map { "\($0.kind) \($0.field) \($0.value) \($0.count)" } == [
                #"unknown_code Message_Code "E1" 2"#
            ])
    }
}
