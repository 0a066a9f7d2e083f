import LiftModel
import Testing

@testable import Gateway
@testable import GatewayCore

/// An adapter that sends its last message for ever is found; a parked lift that has nothing new to
/// say is none.
@Suite struct RepeatedMessagesTests {
    private static let start = Instant(seconds: 1_772_409_600)

    /// How long lift 7 has repeated its last message after these messages; nil where it does not.
    private func repeated(_ messages: [(second: Int, payload: String)]) throws -> Int? {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        var intake = Intake(
            data: data, admission: .registered, start: Self.start, isObserving: true)
        try intake.register(Lift(id: "7"), profile: "gbt24476-json", at: Self.start)
        let topic = Array("lifts/7/state".utf8)
        for message in messages {
            let payload = Array(message.payload.utf8)
            intake.take(
                topic: topic.span, payload: payload.span, isRetained: false,
                arrival: Self.start + .seconds(message.second))
        }
        return intake.repeatedMessages.repetition(of: 0).map {
            Int(($0.last - $0.since).inSeconds)
        }
    }

    private func every5s(_ seconds: ClosedRange<Int>, _ payload: (Int) -> String) -> [(Int, String)]
    {
        stride(from: seconds.lowerBound, through: seconds.upperBound, by: 5).map {
            ($0, payload($0))
        }
    }

    private func stamped(_ second: Int) -> String {
        let time = (Self.start + .seconds(second)).rfc3339
        return #"{"Time_Stamps":"\#(time)","Car_Status":0,"Door_Zone":true,"Car_Position":4}"#
    }

    @Test func theSameSequenceNumberAgainAndAgainIsAFrozenAdapter() throws {
        #expect(try repeated(every5s(0...200) { _ in state(41) }) == 200)
    }

    @Test func aNewMessageEndsIt() throws {
        #expect(try repeated(every5s(0...200) { _ in state(41) } + [(205, state(42))]) == nil)
    }

    @Test func aLiftThatRepeatsTheTimeOfItsLastChangeIsParked() throws {
        #expect(try repeated(every5s(0...3600) { _ in stamped(0) }) == nil)
    }

    @Test func aLiftWhoseTimeMovedOnWhileItWasParkedIsFrozenWhenItStands() throws {
        let alive = every5s(0...100) { stamped($0) }
        #expect(try repeated(alive + every5s(105...300) { _ in stamped(100) }) == 200)
    }

    @Test func messagesWithoutTimeAndNumberAreNeverRepetitions() throws {
        let payload = #"{"Car_Status":0,"Door_Zone":true,"Car_Position":4}"#
        #expect(try repeated(every5s(0...600) { _ in payload }) == nil)
    }

    @Test func statusShowsWhenTheLiftLastSaidSomethingNew() throws {
        let gateway = try FilledGateway()
        defer { gateway.remove() }
        gateway.loop.core.intake.startObserving(at: FilledGateway.died)
        for second in stride(from: 5, through: 400, by: 5) {
            let (topic, payload) = (Array("lifts/1/state".utf8), Array(state(900).utf8))
            gateway.loop.core.intake.take(
                topic: topic.span, payload: payload.span, isRetained: false,
                arrival: FilledGateway.died + .seconds(second))
        }
        let snapshot = gateway.snapshot(at: 405)
        let lift = try #require(snapshot.lifts.first { $0.id == "1" })
        #expect(lift.lastWordSeconds == 400)
        #expect(
            gateway.loop.core.intake.detector.view(0).lastSignOfLife.map {
                FilledGateway.died + .seconds(405) - $0 < .seconds(10)
            } == true, "the rules' silence is another matter")
    }
}
