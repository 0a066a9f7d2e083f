import Foundation
import HTTP
import Testing

@testable import Delivery
@testable import hoistway_sim

/// A wrong answer of a centre over HTTP becomes a sentence with a remedy, which stays until the
/// answer is right.
@Suite(.serialized) struct HTTPAnswerTests {
    private func sentence(
        _ status: Int, _ body: String = "", location: String? = nil,
        _ method: HTTPAuthorization.Method = .none,
        url: String = "https://centre.example/hook/s3cret"
    ) -> String {
        var response = HTTPClient.Response(status: status)
        response.body = Array(body.utf8)
        response.headers["location"] = location
        return HTTPRefusal(url: url, authorization: method, hasCertificate: false).sentence(
            response)
    }

    @Test(arguments: [
        (301, "the gateway follows no redirection. Put the centre's real address into url"),
        (
            401,
            "the centre does not recognise the gateway (HTTP 401), and no token is set. Set token_file or oauth"
        ),
        (403, "the centre denies access (HTTP 403), and no token is set."),
        (404, "HTTP 404: the server has nothing at this path. Check the path of the url"),
        (400, "HTTP 400: the centre does not take the request."),
        (500, "HTTP 500: an error inside the centre."),
        (502, "HTTP 502: a proxy answers, and the centre behind it does not."),
        (418, "HTTP 418: the centre does not take"),
    ])
    func eachStatusSaysWhatToDo(_ status: Int, _ expected: String) {
        let text = sentence(status)
        #expect(text.contains(expected), "\(text)")
        #expect(
            text.last?.isLetter == true || text.last == ")", "the rest of the line follows: \(text)"
        )
    }

    @Test func aRefusalSpeaksOfTheTokenThatIsSet() {
        #expect(sentence(401, .bearer("t")).contains("it does not take the token in token_file"))
        let oauth = HTTPAuthorization.Method.clientCredentials(
            tokenURL: "x", id: "i", secret: "s", scope: nil)
        #expect(sentence(403, oauth).contains("it does not take the token that token_url gives us"))
    }

    private func sentence(_ status: Int, _ method: HTTPAuthorization.Method) -> String {
        sentence(status, "", location: nil, method)
    }

    @Test func aRedirectionSaysWhereItLeadsAndKeepsTheUrlsSecret() {
        #expect(
            sentence(302, location: "https://login.example/form?next=x").contains(
                "points to https://login.example/form, and"))
        let same = sentence(301, location: "https://other.example/hook/s3cret/")
        #expect(
            same.contains("points to https://other.example/…, with the path of the url in it, and"),
            "\(same)")
        #expect(!same.contains("s3cret"))
    }

    @Test func theCentresOwnTextIsQuotedAndAWebPageIsNot() {
        #expect(sentence(400, "no such\nlift").hasSuffix(". It says: \"no such lift\""))
        #expect(!sentence(404, "<html><h1>Not Found</h1>").contains("html"))
        #expect(HTTPRefusal.summary(HTTPClient.Response(status: 422)) == "HTTP 422")
    }

    @Test(arguments: ["<html>login</html>", "please log in", "{", "404"])
    func whatIsNoAnswerIsRemarkedOn(
        _ body: String
    ) {
        var response = HTTPClient.Response(status: 200)
        response.body = Array(body.utf8)
        let remark = ForeignBody.remark(on: response, from: "https://c.example/x")
        // A number is valid JSON.
        #expect((remark != nil) == (body != "404"), "\(body)")
    }

    @Test(arguments: ["OK", "ok.\n", "\"success\"", "true", "Accepted!"])
    func aBodyThatOnlySaysYesCountsAsEmpty(
        _ body: String
    ) {
        #expect(ForeignBody.saysYes(Array(body.utf8)))
    }

    @Test func anEmptyReplyAndNoReplyAreExplainedInPlainWords() throws {
        func failure(_ answer: HTTPCentre.Answer) throws -> String {
            let centre = try HTTPCentre { _ in answer }
            let client = try #require(HTTPClient(HTTPClient.Options()))
            _ = try client.start(
                HTTPClient.Request(
                    url: centre.url, headers: [], body: [123, 125], timeout: .seconds(1)))
            for _ in 0..<100 {
                _ = client.wait(alsoFor: -1, atMost: .milliseconds(50))
                for (_, result) in client.finished() {
                    if case .failure(let failure) = result { return failure.description }
                    return "answered"
                }
            }
            return "in flight"
        }
        let empty = try failure(HTTPCentre.Answer(hangsUp: true))
        #expect(empty.contains("closed the connection without an answer"), "\(empty)")
        let slow = try failure(HTTPCentre.Answer(status: 200, claimedLength: 100))
        #expect(
            slow.contains("has not answered in 1s") && !slow.contains("milliseconds"), "\(slow)")
    }

    // MARK: With the real daemon

    private func isConnected(_ site: Site) -> Bool? {
        (site.status["routes"] as? [[String: Any]])?.first?["connected"] as? Bool
    }
    private func routeError(_ site: Site) -> String {
        (site.status["routes"] as? [[String: Any]])?.first?["last_error"] as? String ?? ""
    }

    @Test func anEventsFailureIsNotUndoneByTheStatesSuccess() throws {
        let centre = try HTTPCentre { HTTPCentre.Answer(status: $0.needsReceipt ? 400 : 204) }
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained && isConnected(site) == true })
        site.trap()
        #expect(
            site.wait {
                isConnected(site) == false
                    && routeError(site).contains("HTTP 400: the centre does not take")
            })
        let states = centre.received.count { !$0.needsReceipt }
        // The site's state is sent every 10 s while an incident is open.
        #expect(site.wait(25) { centre.received.count { !$0.needsReceipt } >= states + 2 })
        #expect(isConnected(site) == false, "\(site.account)")
        #expect(
            site.log.components(separatedBy: "reached over").count == 2, "logged once: \(site.log)")
        centre.now { _ in HTTPCentre.Answer() }
        #expect(
            site.wait(45) { isConnected(site) == true && site.status("centre", "backlog") == 0 },
            "\(site.account)")
    }

    @Test func aLoginPageBehindA2xxIsAProblemOfTheRouteUntilEventsAreAnsweredWell() throws {
        let page = "<!DOCTYPE html><html><form action=login>"
        let centre = try HTTPCentre {
            HTTPCentre.Answer(
                status: $0.needsReceipt ? 200 : 204, body: $0.needsReceipt ? page : "")
        }
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait {
                centre.alertStates.contains("entrapment suspected")
                    && site.status("centre", "backlog") == 0
            })
        let states = centre.received.count { !$0.needsReceipt }
        #expect(site.wait(25) { centre.received.count { !$0.needsReceipt } > states })
        let status = try site.run(["status"])
        #expect(status.status == 6)
        #expect(
            status.output.contains("a body that is no answer of a centre (\"<!DOCTYPE html>"),
            "\(status.output)")
        centre.now { _ in HTTPCentre.Answer(status: 200, body: "OK") }
        site.send("1", state(9, zone: true, closed: false, occupied: false))
        #expect(site.wait { centre.alertStates.contains("entrapment cleared") }, "\(site.account)")
        #expect(
            site.wait {
                ((site.status["routes"] as? [[String: Any]])?.first?["problems"] as? [String])?
                    .isEmpty == true
            })
    }

    @Test func aRedirectionIsReportedWithWhatToDo() throws {
        let centre = try HTTPCentre { _ in
            HTTPCentre.Answer(status: 301, headers: ["Location": "https://city.example/new"])
        }
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(
            site.wait {
                routeError(site).contains(
                    "HTTP 301: it points to https://city.example/new, and the gateway follows")
            },
            "also before the first alert: \(site.status)")
    }
}
