import Foundation
import Testing

@testable import Gateway
@testable import hoistway_sim

/// What people say of an entrapment, from a centre and from the command line, through the real daemon.
@Suite(.serialized) struct PeoplesWordsTests {
    /// Nothing but a person confirms this one.
    private static let rules = """
        rules:
          - rule: stuck
            kind: entrapment
            severity: critical
            when: not moving and not in_door_zone
            for: 1s
            because: off_level
            escalates: { to: confirmed, for: 1h }
            clear: in_door_zone
            title: { en: stuck, zh: 困人 }
        """

    @Test func acceptedAndVerifiedGoTheWholeWay() throws {
        let site = try Site(rules: Self.rules)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.say("1", state(1, moving: 1))
        site.say("1", state(2, occupied: false))
        #expect(site.wait { site.told.contains("entrapment suspected") }, "\(site.log)")
        let id = String(try #require(site.received.keys.first?.prefix(36)))
        site.word(#"{"word":"accepted","alert_id":"\#(id)","by":"李伟","word_id":"1"}"#)
        #expect(site.wait { site.retained("state")?.contains(#""accepted_by":"李伟 (centre)""#) == true }, "\(site.log)")
        #expect(!site.told.contains("entrapment confirmed"))
        let command = [
            "incident", "verify", id, "--known-by", "on_site", "--people", "2", "--by", "Li", "--config",
            site.folder + "/hoistway.yaml",
        ]
        let verified = try Site.run(command)
        #expect(verified.status == 0 && verified.output.contains("2 people in the car, verified by Li"))
        #expect(site.wait { site.told.contains("entrapment confirmed") }, "\(site.log)")
        let alert = try #require(site.said("alert").last { $0["reason"] as? String == "verified" })
        let statement = alert["statement"] as? [String: Any]
        #expect(statement?["known_by"] as? String == "on_site" && statement?["people"] as? Int == 2)
        #expect(alert["occupancy"] as? String == "yes" && alert["occupancy_source"] as? String == "person")
        #expect((alert["disbelieved"] as? [String: Any])?["compartments.main.occupied"] as? Bool == false)
        let status = try Site.run(["status", "--config", site.folder + "/hoistway.yaml"]).output
        #expect(status.contains("(accepted by 李伟 (centre))"), "\(status)")
        // The doors are open before the rescuer reports.
        site.say("1", state(3, zone: true, closed: false, occupied: false))
        #expect(site.wait { site.told.contains("entrapment cleared") }, "\(site.log)")
        site.word(#"{"word":"end_of_alarm","alert_id":"\#(id)","by":"李伟","people":2,"word_id":"2"}"#)
        #expect(site.wait { site.said("word").count == 2 }, "\(site.log)")
        #expect(site.said("word")[1]["followed"] as? Bool == true)
    }

    @Test func aVerificationOfNobodyIsRefusedByTheCommand() throws {
        let refused = try Site.run([
            "incident", "verify", "5c09435c", "--known-by", "voice", "--people", "0", "--by", "Li",
        ])
        #expect(refused.status != 0 && refused.output.contains("judge-false says that nobody is there"))
    }
}
