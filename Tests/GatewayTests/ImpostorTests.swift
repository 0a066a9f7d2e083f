import LiftModel
import Monitoring
import Testing

@testable import Gateway
@testable import GatewayCore

/// One device cannot publish for another, and a foreign message does not keep the lift's own ones
/// from counting (design: topics bound to lifts).
@Suite struct ImpostorTests {
    /// A lift shut at a landing with a passenger publishes its state every 5 s; another client
    /// publishes on its topic in between.
    private func alerts(_ admission: Intake.Admission, intruder: String?) throws -> (
        states: [String], bad: [String: Int]
    ) {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        let start = Instant(seconds: 1_772_409_600)
        var intake = Intake(data: data, admission: admission, start: start, isObserving: true)
        if admission == .registered {
            try intake.register(Lift(id: "7"), profile: "interval-json", at: start)
        }
        let topic = Array("elev/7/rt".utf8)
        for second in stride(from: 5, through: 200, by: 5) {
            let message =
                #"{"id":"7","ts":\#(1_772_409_600_000 + second * 1000),"n":\#(second),"op":{"md":"X","run":0,"dir":0,"v":0},"#
                + #""pos":{"dz":1,"fl":4},"dr":{"lk":1},"car":{"pax":1,"ld":12},"err":["41"]}"#
            let time = Instant(seconds: 1_772_409_600 + Double(second))
            for (text, delay) in [(message, 0.0), (intruder, 0.5)] {
                guard let text else { continue }
                let (payload, arrival) = (Array(text.utf8), Instant(seconds: time.seconds + delay))
                intake.advance(to: arrival)
                intake.take(
                    topic: topic.span, payload: payload.span, isRetained: false, arrival: arrival)
            }
        }
        let states = intake.takeAlerts().filter(\.isEntrapment).map { "\($0.state)" }
        return (states, intake.badInput.counts)
    }

    @Test(
        arguments: [Intake.Admission.registered, .anyone],
        [
            (#"{}"#, "nameless"), (#"{"Identification_Number":"9","Door_Zone":true}"#, "nameless"),
            (#"{"op":{"md":"A","run":0},"pos":{"dz":1},"dr":{"lk":0},"err":[]}"#, "nameless"),
            (#"{"id":9,"op":{"md":"A","run":0},"dr":{"lk":0},"err":[]}"#, "another_lift"),
            (#"{"id":"7"}"#, "nothing_known"),
        ])
    func aMessageThatIsNotTheLiftsOwnEndsNoEntrapment(
        _ admission: Intake.Admission, _ intruder: (message: String, kind: String)
    ) throws {
        let undisturbed = try alerts(admission, intruder: nil)
        #expect(undisturbed.states == ["suspected", "confirmed"] && undisturbed.bad.isEmpty)
        let found = try alerts(admission, intruder: intruder.message)
        #expect(found.states == undisturbed.states)
        #expect(found.bad == [intruder.kind: 40])
    }
}
