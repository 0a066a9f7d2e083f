import Foundation
import PositionedYAML
import Testing

@testable import hoistway_sim

/// The files of a score are checked: an impossible file makes no score at all.
@Suite struct ScoreFilesTests {
    private static let run =
        #"{"kind":"run","lift":"","start":0,"decidable":0,"end":1000,"lifts":1}"#

    private func file(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "hoistway-score-\(UUID().uuidString).ndjson"
        try (text + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test(arguments: [
        (run + "\n" + run, ":2:1: a second run begins here, the first one at line 1"),
        (
            #"{"kind":"run","lift":"","start":0,"end":1000,"lifts":-3}"#,
            ":1:1: found -3 lifts, expected 1 or more"
        ),
        (#"{"kind":"run","lift":"","start":0,"end":1000}"#, ":1:1: found no number of lifts"),
        (#"{"kind":"lift","lift":"1","start":0,"end":1}"#, "no row of the kind 'run'"),
    ])
    func aTruthThatTellsOfNoRunOrOfTwoIsRefused(_ text: String, _ message: String) throws {
        let path = try file(text)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = #expect(throws: InvalidFiles.self) { try Score.truth(path) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        ("raised", 1, true), ("raised", 0, false), ("raised", -5, false), ("shouted", 1, false),
    ])
    func anAlertOfNoRevisionOrNoStateIsRefused(_ state: String, _ revision: Int, _ isRight: Bool)
        throws
    {
        let path = try file(
            """
            {"type":"org.hoistway.alert.v1","subject":"1","data":{"alert_id":"a","revision":\(revision),"kind":"x","state":"\(state)","event_s":5,"rule":{"hold_s":1}}}
            """)
        defer { try? FileManager.default.removeItem(atPath: path) }
        if isRight {
            #expect(try Score.alerts(path).map(\.revision) == [1])
        } else {
            #expect(throws: InvalidFiles.self) { try Score.alerts(path) }
        }
    }

    /// Without the member, as in earlier files, the alert's own time counts.
    @Test(arguments: [
        ("\"1970-01-01T00:01:30Z\"", 90.0), ("\"1970-01-01T00:00:04.999Z\"", 5), ("null", 5),
        ("\"soon\"", nil),
    ])
    func anAlertWasSaidWhenTheGatewayDecidedIt(_ recorded: String, _ time: Double?) throws {
        let path = try file(
            """
            {"type":"org.hoistway.alert.v1","subject":"1","recordedtime":\(recorded),"data":{"alert_id":"a","revision":1,"kind":"x","state":"raised","event_s":5,"rule":{"hold_s":1}}}
            """)
        defer { try? FileManager.default.removeItem(atPath: path) }
        if let time {
            #expect(try Score.alerts(path).map(\.recorded) == [time])
        } else {
            #expect(throws: InvalidFiles.self) { try Score.alerts(path) }
        }
    }
}
