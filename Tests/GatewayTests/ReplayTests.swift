import Foundation
import LiftModel
import Monitoring
import Testing

@testable import Gateway
@testable import GatewayCore

/// A replay of a trace gives the daemon's alerts, or names the possible differences.
@Suite struct ReplayTests {
    private func row(
        _ time: Double, stamp: Double? = nil, session: Int = 1, moving: Bool = false,
        zone: Bool = false
    )
        -> String
    {
        let stampText = Instant(seconds: 1_772_323_200 + (stamp ?? time)).rfc3339
        let payload =
            #"{\"Service_Mode\":1,\"Car_Status\":\#(moving ? 1 : 0),\"Door_Zone\":\#(zone),\"Door_Status\":\#(!zone),"#
            + #"\"Door_Open_Limit\":\#(zone),\"Passenger_Status\":\#(!zone),\"Message_Code\":[],\"Time_Stamps\":\"\#(stampText)\"}"#
        return
            #"{"t":\#(1_772_323_200 + time),"topic":"lifts/A1/state","payload":"\#(payload)","session":\#(session)}"#
    }

    private func replay(_ rows: [String]) throws -> (alerts: [Alert], summary: Replay.Summary) {
        let path =
            FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).ndjson"
        try rows.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        var alerts: [Alert] = []
        let summary = try Replay(data: data).run(path) { alert, _ in alerts.append(alert) }
        return (alerts, summary)
    }

    /// Like the loop: time advances in turns of half a second, and never back.
    private func watch(_ messages: [(arrival: Double, stamp: Double, zone: Bool)]) throws -> [Alert]
    {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        let start = Instant(seconds: 1_772_323_200 + messages[0].arrival)
        var intake = Intake(
            data: data, origin: AlertOrigin(site: "replay"), admission: .anyone, start: start,
            isObserving: true)
        var alerts: [Alert] = []
        var now = start
        for message in messages {
            let arrival = Instant(seconds: 1_772_323_200 + message.arrival)
            while now + .milliseconds(500) < arrival {
                now = now + .milliseconds(500)
                intake.advance(to: now)
            }
            now = arrival
            let payload = Array(
                row(message.arrival, stamp: message.stamp, zone: message.zone).split(
                    separator: "\"payload\":\"")[1]
                    .split(separator: "\",\"session\"")[0].replacingOccurrences(
                        of: "\\\"", with: "\""
                    ).utf8)
            intake.take(
                topic: Array("lifts/A1/state".utf8).span, payload: payload.span, isRetained: false,
                arrival: arrival)
            alerts += intake.takeAlerts()
        }
        intake.advance(to: now)
        return alerts + intake.takeAlerts()
    }

    /// A link that was down for an hour delivers its old messages: an entrapment that has long
    /// ended is history.
    @Test func aBurstIsJudgedAsInTheDaemon() throws {
        var messages: [(arrival: Double, stamp: Double, zone: Bool)] = (0...10).map {
            (Double(10 * $0), Double(10 * $0), true)
        }
        for number in 11...370 {
            messages.append(
                (3700 + Double(number) / 64, Double(10 * number), number < 100 || number > 200))
        }
        let live = try watch(messages)
        let replayed = try replay(messages.map { row($0.arrival, stamp: $0.stamp, zone: $0.zone) })
            .alerts
        func facts(_ alerts: [Alert]) -> [String] {
            alerts.map { "\($0.id)/\($0.revision) \($0.state) \($0.time.rfc3339)" }
        }
        #expect(facts(replayed) == facts(live))
        #expect(live.contains { $0.kind == "controller_silent" && $0.state == .cleared })
        #expect(!live.contains { $0.isEntrapment })
        #expect(!replayed.contains { $0.reason == Alert.notAccepted }, "it was raised only now")
    }

    /// After a stall the daemon reads the waiting messages before it evaluates due timers.
    @Test func whatWaitedUnreadIsReadBeforeTimersRun() throws {
        let stall = #"{"t":1772323230,"event":"behind","session":1}"#
        let read = #"{"t":1772323231,"event":"drained","session":1}"#
        let rows = [
            row(0, zone: true), row(10), row(10.5, moving: true), row(12), stall,
            row(30, stamp: 15, zone: true), read,
        ]
        let alerts = try replay(rows + [row(40, zone: true)]).alerts
        #expect(!alerts.contains { $0.isEntrapment }, "\(alerts.map(\.kind))")
        let (without, _) = try replay(rows.filter { !$0.contains("event") } + [row(40, zone: true)])
        #expect(
            without.contains { $0.isEntrapment },
            "without the stall's row the hold was over before the door opened")
    }

    @Test func aTimeThatGoesBackIsNamedAndTheRestIsJudged() throws {
        let rows = [row(0), row(20, moving: true), row(19.5), row(40), row(60, stamp: 60)]
        let (alerts, summary) = try replay(rows)
        #expect(
            summary.differences.count == 1
                && summary.differences[0].hasPrefix("line 3: \"t\" goes back (1 times, by 500ms"))
        #expect(alerts.contains { $0.isEntrapment } && summary.messages == 5)
    }

    /// A recording continues in the same file after the box's clock was set back.
    @Test func afterAClockThatWasSetBackTimeRunsOnAtItsPace() throws {
        let back = -100_000.0
        let rows =
            [row(0, zone: true), row(10, zone: true)] + (0...9).map { row(back + 10 * Double($0)) }
        let (alerts, summary) = try replay(rows)
        let first = try #require(alerts.first { $0.isEntrapment })
        #expect(10...40 ~= first.time.seconds - 1_772_323_200, "\(first.time.rfc3339)")
        #expect(summary.differences.count == 1)
    }

    @Test func aSessionThatChangesWithoutAGapIsNamed() throws {
        let summary = try replay([row(0), row(10), row(200, session: 2)]).summary
        #expect(
            summary.differences.count == 1
                && summary.differences[0].hasPrefix("line 3: another session"))
        let gap = [
            #"{"t":1772323215,"event":"disconnected","session":1}"#,
            #"{"t":1772323390,"event":"drained","session":2}"#,
        ]
        #expect(
            try replay([row(0), row(10)] + gap + [row(200, session: 2)]).summary.differences.isEmpty
        )
    }
}
