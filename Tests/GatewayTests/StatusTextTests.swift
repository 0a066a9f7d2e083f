import Foundation
import LiftModel
import Platform
import Testing

@testable import Gateway
@testable import hoistway

/// `hoistway status` for a person at a terminal of 80 columns.
@Suite struct StatusTextTests {
    private static func lift(_ number: Int, _ alerts: String = "") -> String {
        """
        {"id": "3110440106202001000\(number)", "place": "Tower B, left, behind the desk", "last_word_s": 0.4,
         "occupancy": "unknown", "occupancy_source": "none", "maintenance_s": \(number == 2 ? "3600" : "null"),
         "signals": {"moving": false, "floor": 12, "mode": "inspection", "doors.front.locked": false},
         "counters": {"readings": 1, "duplicates": 0, "rolled_back": 0, "too_late": 0, "absurd_times": 0,
                      "standing_clocks": 0},
         "alerts": [\(alerts)]}
        """
    }

    private static func incident(_ number: Int, _ kind: String, _ acceptedBy: String?) -> String {
        """
        {"id": "5c09435c-\(number)", "lift": "3110440106202001000\(number)", "kind": "\(kind)", "state": "presumed_released",
         "since_s": 4000, "accepted_by": \(acceptedBy.map { "\"\($0)\"" } ?? "null"), "wants_acceptance": true}
        """
    }

    private static let openAlert =
        #"{"id": "5c", "kind": "entrapment", "state": "confirmed", "since_s": 9}"#

    private static func specimen(_ number: Int) -> String {
        """
        {"time": "2026-11-30T08:00:00Z", "kind": "\(number < 4 ? "empty" : "field")", "topic": "lifts/1/state",
         "explanation": "n\(number)", "payload": ""}
        """
    }

    /// Written some time ago by a process that no longer runs.
    private static func page(age: Double = 0) throws -> StatusSnapshot {
        let long =
            "is down: nothing listens on centre.example:8883 (connection refused). Check the port, and that the server runs."
        let text = """
            {"version": "\(productVersion)", "pid": 1, "site": "th-plaza-3",
             "site_name": "TH Plaza 3, the long name of a building in the city", "up_s": 99,
             "time": "2026-11-30T08:00:00Z", "monotonic_s": \(MonotonicClock.now.seconds - age),
             "wall_offset_s": 0, "clock_quality": "free", "rules_version": "1",
             "broker": {"connected": true, "drained": true, "connects": 1, "failures": 0, "last_error": "", "problems": []},
             "centre": {"connected": false, "receipts": 3, "unmatched_receipts": 0, "sent": 3, "resent": 0, "backlog": 7,
                        "last_receipt_age_s": 4, "last_error": ""},
             "counters": {"messages": 1, "commits": 1, "alerts": 1, "redelivered": 0, "commit_failures": 0,
                          "fell_behind": 0, "giant_packets": 0, "unjournalled": 0},
             "routes": [{"name": "city/1", "url": "mqtts://centre.example:8883", "connected": false, "receipts": 3,
                         "refused": 0, "sent": 3, "resent": 0, "last_error": "", "problems": []}],
             "checks": [
               {"subject": "routes", "verdict": "failed", "found": "city/1 \(long)\\ncity/2 \(long)"},
               {"subject": "clock", "verdict": "unknown", "found": "it is not synchronised (no NTP), and there is nothing to compare it with"}],
             "incidents": [\((1...5).map { incident($0, "entrapment", $0 == 5 ? "Wang" : nil) }.joined(separator: ","))],
             "bad_input": {"counts": {"empty": 4, "field": 2}, "refused": 6, "values": [],
                           "last": [\((0..<6).map(specimen).joined(separator: ","))]},
             "lifts": [\((1...5).map { lift($0, $0 < 3 ? openAlert : "") }.joined(separator: ","))]}
            """
        return try StatusReader(runtimeFolder: "/nowhere").snapshot(Array(text.utf8))
    }

    @Test func noLineIsLongerThanTheTerminal() throws {
        let lines = try Self.page().text(columns: 80).split(separator: "\n").map(String.init)
        let long = lines.filter { $0.terminalColumns > 80 }
        #expect(lines.count > 20 && long.isEmpty, "\(long.joined(separator: "\n"))")
    }

    @Test func eachRouteHasItsLineAndAProgramGetsRowsWhole() throws {
        let lines = try Self.page().text(columns: nil).split(separator: "\n").map(String.init)
        #expect(lines[0] == "routes to the centre:")
        #expect(lines[1].hasPrefix("  city/1 is down") && lines[1].hasSuffix("the server runs."))
        #expect(lines[2].hasPrefix("  city/2 is down"))
        #expect(
            lines[3].hasPrefix("clock: it is not synchronised")
                && lines[3].hasSuffix("compare it with."))
    }

    @Test func incidentsStandOnceAndTheLiftsRowCountsThem() throws {
        let text = try Self.page().text(columns: 80)
        #expect(text.components(separatedBy: "entrapment").count == 6, "five incidents: \(text)")
        #expect(
            text.contains("5c09435c  …20010005  entrapment presumed_released  67 min  Wang"),
            "\(text)")
        #expect(text.contains("67 min  nobody"), "\(text)")
        #expect(text.contains("Work is announced on Tower B,… (…0002): 60 min left."), "\(text)")
    }

    @Test func badInputShowsATopicOnceForEachKind() throws {
        let lines = try Self.page().text(columns: 80).split(separator: "\n").filter {
            $0.hasPrefix("  lifts/1/state")
        }
        #expect(lines == ["  lifts/1/state: empty: n3", "  lifts/1/state: field: n5"])
    }

    @Test func timesOfAGatewayThatHasEndedStandStill() throws {
        let page = try Self.page(age: 9000)
        #expect(page.isOld && page.text(columns: 80).contains("67 min"))
    }

    @Test func aLongSentenceIsWrappedBetweenWords() {
        #expect(wrapped("  one two three", to: 10) == ["  one two", "    three"])
        #expect(wrapped("a-word-that-is-long b", to: 5) == ["a-word-that-is-long", "  b"])
        #expect(wrapped("as it is", to: nil) == ["as it is"])
    }

    @Test func readmeAndTheHelpSayTheSameOfExitCodes() throws {
        let readme = try String(contentsOfFile: Site.root + "/README.md", encoding: .utf8)
        func singleSpaced(_ text: String) -> String {
            text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        #expect(singleSpaced(readme).contains(singleSpaced(Status.incidentsAreNoFault)))
        let help = singleSpaced(Hoistway.configuration.discussion)
        for code in [
            "1 it was not done, or failed while running", "7 (",
            "the action is saved, and the gateway has not applied it yet",
        ] {
            #expect(help.contains(code) && singleSpaced(readme).contains(code), "\(code)")
        }
    }
}
