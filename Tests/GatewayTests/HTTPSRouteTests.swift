import Contract
import Delivery
import Foundation
import Journal
import LiftModel
import Testing

@testable import Gateway
@testable import hoistway_sim

/// A centre behind HTTPS and the real daemon: what its answers mean, and what it refuses.
@Suite(.serialized) struct HTTPSRouteTests {
    @Test func overHTTPSA2xxIsTheReceiptAndTheBodyHoldsPeoplesWords() throws {
        let centre = try HTTPCentre()
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait { centre.alertStates.contains("entrapment confirmed") },
            "\(centre.alertStates) \(site.log)")
        #expect(site.wait { site.status("centre", "backlog") == 0 }, "\(site.status)")
        #expect(centre.eventRequests.allSatisfy { Set($0.ids).count == $0.ids.count })
        let id = try #require(centre.eventRequests.first?.ids.first?.prefix(36))
        #expect(
            centre.received.contains { !$0.needsReceipt },
            "the site's state and a heartbeat come, too")
        centre.now { _ in
            HTTPCentre.Answer(
                status: 200,
                body:
                    #"{"words":[{"word":"accepted","alert_id":"\#(id)","by":"Li","word_id":"7"}]}"#)
        }
        #expect(
            site.wait(20) {
                centre.eventRequests.contains {
                    String(decoding: $0.body, as: UTF8.self).contains("\"reason\":\"accepted\"")
                }
            },
            "asked while an incident is open: \(site.log)")
        #expect(site.log.contains("accepted by Li (centre)"))
        #expect(
            site.wait {
                centre.eventRequests.contains {
                    String(decoding: $0.body, as: UTF8.self).contains("\"word_id\":\"7\",")
                }
            })
        site.wait(3) { false }
        #expect(
            centre.eventRequests.filter {
                String(decoding: $0.body, as: UTF8.self).contains("\"word_id\":\"7\",")
            }
            .count == 1,
            "a command that every answer repeats is applied once")
    }

    @Test func aCentreThatWantsToBeLeftAloneIsAndAnEntrapmentComesBack() throws {
        let centre = try HTTPCentre { _ in
            HTTPCentre.Answer(status: 503, headers: ["Retry-After": "4"])
        }
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { centre.eventRequests.count == 1 }, "\(site.account)")
        centre.now { _ in HTTPCentre.Answer() }
        #expect(site.wait { centre.eventRequests.count >= 2 })
        let times = centre.eventRequests.map(\.at)
        #expect(times[1] - times[0] >= 3.9 && times[1] - times[0] < 8, "\(times)")
        #expect(site.wait { site.status("centre", "backlog") == 0 })
    }

    @Test func aPoisonedEventIsSetAsideAndHoldsUpNoOther() throws {
        // A centre that refuses batches, and all events of lift 2.
        let centre = try HTTPCentre { request in
            let isPoisoned = request.events.contains { $0["subject"] as? String == "2" }
            return HTTPCentre.Answer(
                status: isPoisoned ? 422 : 204, body: isPoisoned ? "no such lift" : "")
        }
        let lifts = (1...6).map(String.init)
        let site = try Site(
            parameters: quick, lifts: lifts, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained && centre.received.contains { !$0.needsReceipt } })
        for lift in lifts { site.fault(lift) }
        #expect(
            site.wait(30) {
                site.status("centre", "backlog") == 0 && centre.alertStates.count >= 5
            },
            "\(site.status) \(site.log)")
        #expect(centre.eventRequests.contains { $0.isBatch }, "there was a batch to take apart")
        let refused = try Site.run([
            "journal", "refused", "--file", site.folder + "/state/journal.db",
        ])
        #expect(
            refused.output.contains("HTTP 422 no such lift")
                && refused.output.contains("lift 2, refused by"),
            "\(refused.output)")
        centre.now { _ in HTTPCentre.Answer() }
        let again = try Site.run([
            "journal", "refused", "--send-again", "all", "--file",
            site.folder + "/state/journal.db",
        ])
        #expect(again.status == 0, "\(again.output)")
        #expect(
            site.wait {
                centre.eventRequests.last?.events.contains { $0["subject"] as? String == "2" }
                    == true
            })
        #expect(site.wait { site.status("centre", "backlog") == 0 })
    }

    @Test func aRefusedEntrapmentIsNeverSetAsideForAStatusAlone() throws {
        let centre = try HTTPCentre { request in
            let isEntrapment = String(decoding: request.body, as: UTF8.self).contains(
                "\"kind\":\"entrapment\"")
            return HTTPCentre.Answer(status: request.needsReceipt && isEntrapment ? 400 : 204)
        }
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained && !centre.received.isEmpty })
        site.fault("2")
        #expect(
            site.wait {
                centre.alertStates.contains { $0.hasPrefix("door_close_fault") }
                    && site.status("centre", "backlog") == 0
            })
        site.trap()
        #expect(site.wait { site.log.contains("It is sent again alone") }, "\(site.account)")
        #expect(site.wait { site.status("centre", "backlog") > 0 })
        #expect(
            try Site.run(["journal", "refused", "--file", site.folder + "/state/journal.db"]).output
                .contains(
                    "No centre"))
    }

    @Test(arguments: ["", ", form: \"\(Site.root)/Devices/centres/national-codes.yaml\""])
    func anEntrapmentThatACentreCannotDigestHoldsUpNoOther(_ form: String) throws {
        // Its handler fails on events of lift 1, and so on any batch with one.
        let centre = try HTTPCentre { request in
            let body = String(decoding: request.body, as: UTF8.self)
            let concernsTheFirst =
                body.contains("\"subject\":\"1\"") || body.contains("\"Elevator_Code\":\"1\"")
            return HTTPCentre.Answer(status: concernsTheFirst ? 500 : 204)
        }
        let site = try Site(
            parameters: quick, lifts: ["1", "2", "3"],
            centres: "centre: { url: \"\(centre.url)\"\(form) }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        for lift in ["1", "2", "3"] {
            site.send(lift, state(1, moving: 1))
            site.send(lift, state(2))
        }
        func has(_ lift: String) -> Bool {
            centre.received.contains { request in
                let body = String(decoding: request.body, as: UTF8.self)
                return !body.contains("\"1\"")
                    && (body.contains("\"subject\":\"\(lift)\"") && body.contains("confirmed")
                        || body.contains("\"Elevator_Code\":\"\(lift)\""))
            }
        }
        #expect(site.wait(25) { has("2") && has("3") }, "\(site.account)")
        #expect(
            site.wait { site.status("centre", "backlog") > 0 }, "the refused events are pending")
        centre.now { _ in HTTPCentre.Answer() }
        #expect(
            site.wait(70) { site.status("centre", "backlog") == 0 },
            "and comes as soon as it is taken: \(site.log)")
    }

    @Test(arguments: [
        #"{"refused":[{"id":5}]}"#, #"{"refused":"all"}"#, #"{"refused":[{"reason":"x"}"#,
    ])
    func aRefusalThatCannotBeReadLeavesNothingOfTheRequestStored(_ body: String) throws {
        let centre = try HTTPCentre { request in
            HTTPCentre.Answer(status: 200, body: request.needsReceipt ? body : "")
        }
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.log.contains("a refusal that cannot be read") }, "\(site.account)")
        #expect(site.wait { site.status("centre", "backlog") > 0 })
        centre.now { _ in HTTPCentre.Answer() }
        #expect(site.wait(40) { site.status("centre", "backlog") == 0 })
    }

    @Test func anAnswerWithoutEndIsCutOffAndCountsByItsStatus() throws {
        let page = String(repeating: "<p>", count: 500_000)
        let centre = try HTTPCentre { _ in
            HTTPCentre.Answer(status: 200, body: page, claimedLength: 10_000_000_000)
        }
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait(8) { centre.alertStates.count >= 2 && site.status("centre", "backlog") == 0 },
            "\(site.account)")
        #expect(
            site.log.components(separatedBy: "no answer of a centre").count == 2,
            "logged, and logged once: \(site.log)"
        )
    }

    @Test func aSelfTestThatACentreRefusesHasFailed() throws {
        let centre = try HTTPCentre { request in
            let ids = request.ids.map { #"{"id":"\#($0)","reason":"not ours"}"# }.joined(
                separator: ",")
            return HTTPCentre.Answer(
                status: 200, body: request.needsReceipt ? "{\"refused\":[\(ids)]}" : "")
        }
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        try ActionInbox(stateFolder: site.folder + "/state").requestSelfTest()
        #expect(
            site.wait(40) { site.log.contains("self-test failed: centre refused it: not ours") },
            "\(site.account)")
    }

    @Test func aTokenIsFetchedAndFetchedAgainWhenItIsNotTakenAnyMore() throws {
        let centre = try HTTPCentre { request in
            if request.path == "/token" {
                let form = String(decoding: request.body, as: UTF8.self)
                let isRight =
                    request.headers["authorization"] == "Basic "
                    + Data("box:s%26cret".utf8).base64EncodedString()
                    && form == "grant_type=client_credentials&scope=alerts"
                return HTTPCentre.Answer(
                    status: isRight ? 200 : 401,
                    body: #"{"access_token":"t\#(Int(request.at * 10) % 1000)","expires_in":3600}"#)
            }
            return HTTPCentre.Answer(
                status: request.headers["authorization"]?.hasPrefix("Bearer t") == true ? 204 : 401)
        }
        let secret = NSTemporaryDirectory() + "hoistway-secret-\(UUID().uuidString)"
        try "s&cret\n".write(toFile: secret, atomically: true, encoding: .utf8)
        let site = try Site(
            parameters: quick,
            centres: """
                centre: { url: "\(centre.url)", oauth: { token_url: "http://127.0.0.1:\(centre.port)/token", client_id: box, client_secret_file: "\(secret)", scope: alerts } }
                """)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait { site.status("centre", "backlog") == 0 && centre.alertStates.count >= 1 },
            "\(site.account)")
        let refusing = Date().timeIntervalSince1970
        centre.now { request in
            if request.path == "/token" {
                return HTTPCentre.Answer(status: 200, body: #"{"access_token":"new"}"#)
            }
            return HTTPCentre.Answer(
                status: request.headers["authorization"] == "Bearer new" ? 204 : 401)
        }
        site.fault("2")
        #expect(
            site.wait(20) {
                centre.eventRequests.contains { $0.headers["authorization"] == "Bearer new" }
            },
            "\(site.account)")
        #expect(centre.received.contains { $0.path == "/token" && $0.at > refusing })
        #expect(
            !site.log.contains("s&cret") && !site.log.contains("Bearer"), "no secret in the log")
    }
}
