import Foundation
import Testing

@testable import Journal
@testable import hoistway_sim

/// A connection may be up and still deliver nothing: the broker's answers are read, shown to a
/// person, and handled.
@Suite(.serialized) struct BrokerAnswerTests {
    private func problems(_ site: Site, _ group: String = "broker") -> String {
        (((site.status[group] as? [String: Any])?["problems"] as? [String]) ?? []).joined(
            separator: "\n")
    }
    private func routes(_ site: Site) -> [[String: Any]] {
        site.status["routes"] as? [[String: Any]] ?? []
    }
    private func routeProblems(_ site: Site, _ index: Int) -> String {
        let routes = routes(site)
        return index < routes.count
            ? (routes[index]["problems"] as? [String] ?? []).joined(separator: "\n") : ""
    }
    private func routeError(_ site: Site, _ index: Int = 0) -> String {
        let routes = routes(site)
        return index < routes.count ? routes[index]["last_error"] as? String ?? "" : ""
    }
    private func isConnected(_ site: Site, _ index: Int = 0) -> Bool? {
        let routes = routes(site)
        return index < routes.count ? routes[index]["connected"] as? Bool : nil
    }

    // MARK: The centre's broker

    @Test func anAlertThatTheBrokerDoesNotLetUsPublishGoesByTheNextRouteAtOnceAndTheFirstIsNotOk()
        throws
    {
        var script = ScriptedBroker.Script()
        script.publish = { $0.contains("/alert/") ? 0x87 : 0 }
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        defer { broker.stop() }
        // Only the refusal leads to the second route.
        let site = try Site(
            parameters: quick,
            centres: """
                centres:
                  - name: city
                    routes: [{ url: "mqtt://127.0.0.1:\(broker.port)" }, { url: "mqtt://127.0.0.1:PORT" }]
                    fallback: { entrapment: never, fault: never, info: never }
                """)
        try site.startDaemon()
        #expect(site.wait { site.isDrained && isConnected(site) == true })
        site.trap()
        #expect(site.wait(30) { site.hasAlert("suspected", of: "1") }, "\(site.account)")
        #expect(site.wait { isConnected(site) == false }, "\(site.status)")
        #expect(
            routeError(site).contains("its access list does not let us write there"),
            "\(routeError(site))")
        #expect(routeError(site).contains("hoistway/v1/test/alert/entrapment"))
        #expect(
            site.wait { site.status("centre", "backlog") == 0 },
            "the second route's receipt settles it")
        broker.stop()
        #expect(
            site.wait(20) { routeError(site).contains("nothing listens on") },
            "the ends of the next connections are reported, too: \(routeError(site))")
        #expect(
            routeError(site).contains(
                "Before that: The centre's broker refuses what we publish on hoistway/v1/test/alert/"
            ),
            "and says less: \(routeError(site))")
    }

    @Test func withoutTheRightToReadReceiptsAlertsLeaveAllTheSameAndTheRouteIsNotOk() throws {
        var script = ScriptedBroker.Script()
        script.subscribe = { $0.hasSuffix("/receipt") ? 0x87 : 1 }
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        defer { broker.stop() }
        let site = try Site(
            parameters: quick, centres: "centre: { url: \"mqtt://127.0.0.1:\(broker.port)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait(30) {
                broker.published.contains { $0.topic == "hoistway/v1/test/alert/entrapment" }
            },
            "\(site.account)")
        #expect(site.wait { isConnected(site) == false }, "\(site.status)")
        #expect(
            routeProblems(site, 0).contains(
                "refuses our subscription to hoistway/v1/test/receipt: its access list"))
    }

    @Test(arguments: ["retain_available false", "max_qos 0"])
    func aBrokerWithoutRetainedMessagesOrQoS1StillGetsEveryAlert(_ setting: String) throws {
        // max_qos belongs to the listener above it.
        let site = try Site(parameters: quick, brokerSettings: setting)
        try site.startDaemon()
        #expect(site.wait(30) { site.isDrained && isConnected(site) == true }, "\(site.account)")
        site.trap()
        #expect(site.wait(30) { site.hasAlert("confirmed", of: "1") }, "\(site.account)")
        #expect(site.wait { site.status("centre", "backlog") == 0 })
        #expect(
            routeProblems(site, 0).contains(
                setting == "max_qos 0" ? "offers only QoS 0" : "keeps no retained messages"),
            "\(site.status)")
        #expect(
            (setting == "max_qos 0")
                == (problems(site).contains("gives us only QoS 0 on ")
                    && problems(site).contains("lifts/+/state")),
            "\(problems(site))")
    }

    @Test func aWrongAndAMissingPasswordAreNamedAsTheCause() throws {
        let site = try Site(
            parameters: quick,
            centres: "centre: { url: \"mqtt://127.0.0.1:PORT2\", username: box, password_file: pw }"
        )
        let port = try FreePort.find()
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "PORT2", with: "\(port)").replacingOccurrences(
                of: "\(site.port)2", with: "\(port)")
        }
        try "wrong\n".write(toFile: site.folder + "/pw", atomically: true, encoding: .utf8)
        let passwords = site.folder + "/passwords"
        let maker = try ChildProcess(
            ["mosquitto_passwd", "-c", "-b", passwords, "box", "right"],
            log: site.folder + "/passwd.log")
        while maker.isRunning { usleep(10_000) }
        let conf = site.folder + "/centre.conf"
        try
            "listener \(port) 127.0.0.1\nallow_anonymous false\npassword_file \(passwords)\n\(getuid() == 0 ? "user root\n" : "")"
            .write(toFile: conf, atomically: true, encoding: .utf8)
        // Before the broker is there, the cause is another one.
        try site.startDaemon()
        #expect(
            site.wait { routeError(site).contains("nothing listens on 127.0.0.1:\(port)") },
            "\(site.status)")
        let broker = try ChildProcess(
            ["/usr/sbin/mosquitto", "-c", conf], log: site.folder + "/centre-broker.log")
        defer { broker.end() }
        #expect(
            site.wait(40) {
                routeError(site).contains(
                    "it does not let user 'box' in. Check username and password_file")
            },
            "\(site.status)")
        #expect(!site.log.contains("wrong"), "the password stands nowhere")
        site.stopDaemon()
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: ", username: box, password_file: pw", with: "")
        }
        try site.startDaemon()
        #expect(
            site.wait {
                routeError(site).contains("it lets nobody in without a user and a password")
            }, "\(site.status)"
        )
    }

    @Test func theCauseOfAFailureIsInTheStatusAndTheLog() throws {
        let port = try FreePort.find()
        let site = try Site(
            parameters: quick, centres: "centre: { url: \"mqtts://127.0.0.1:PORT\" }")
        try site.rewriteConfiguration {
            $0.replacingOccurrences(
                of: "broker: { url: \"mqtt://127.0.0.1:\(site.port)\" }",
                with: "broker: { url: \"mqtt://127.0.0.1:\(port)\" }")
        }
        try site.startDaemon()
        #expect(
            site.wait { routeError(site).contains("answers, but not with TLS") }, "\(site.status)")
        func brokerError() -> String {
            (site.status["broker"] as? [String: Any])?["last_error"] as? String ?? ""
        }
        #expect(
            site.wait { brokerError().contains("nothing listens on 127.0.0.1:\(port)") },
            "\(site.status)")
        #expect(
            site.log.contains("answers, but not with TLS")
                && site.log.contains("nothing listens on"))
    }

    @Test func aWrongNameOrCertificateOfAnHTTPSCentreIsReportedInTheSameWords() throws {
        let made = try Certificates()
        let port = try FreePort.find()
        let server = try ChildProcess(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-quiet", "-cert",
                made.path("elsewhere.crt"),
                "-key", made.path("elsewhere.key"),
            ], log: made.path("server.log"))
        defer { server.end() }
        let site = try Site(
            parameters: quick,
            centres:
                "centre: { url: \"https://127.0.0.1:\(port)/x\", ca_file: \"\(made.path("ca.crt"))\" }"
        )
        try site.startDaemon()
        #expect(
            site.wait(30) {
                routeError(site).contains("is made for 'elsewhere.example' and not for '127.0.0.1'")
            },
            "\(site.status)")
    }

    @Test func aCentreThatSaysErrorBehindA200IsToldOfAndSoIsItsClock() throws {
        let centre = try HTTPCentre { _ in
            HTTPCentre.Answer(
                status: 200, headers: ["Date": "Sun, 06 Nov 1994 08:49:37 GMT"],
                body: #"{"code":500,"msg":"database down"}"#)
        }
        let site = try Site(parameters: quick, centres: "centre: { url: \"\(centre.url)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait(30) { routeProblems(site, 0).contains(#"names an error ("code": 500)"#) },
            "\(site.status)")
        let status = try site.run(["status"])
        #expect(status.status == 6)
        #expect(
            status.output.contains(
                "routes to the centre: centre/1: The centre answers 2xx with a body that names"))
        #expect(status.output.contains("ahead of the centre's server"), "\(status.output)")
        let test = try site.run(["selftest"])
        #expect(
            test.status == 1
                && test.output.contains("it is in doubt whether centre has stored it. The centre"),
            "\(test.output)")
    }

    // MARK: The building's broker

    @Test func aSubscriptionThatIsRefusedIsNamedAndTheOthersAreHeard() throws {
        var script = ScriptedBroker.Script()
        script.subscribe = { $0.hasSuffix("/event") ? 0x87 : 1 }
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        defer { broker.stop() }
        let site = try Site(on: broker)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        #expect(
            problems(site).contains(
                "refuses our subscription to lifts/+/event: its access list does not let us read there"
            ))
    }

    @Test func aBrokerWithoutQoS1IsAnAlertAndOneThatHasItAgainEndsIt() throws {
        var script = ScriptedBroker.Script()
        script.subscribe = { _ in 0 }
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        let site = try Site(on: broker)
        try site.startDaemon()
        #expect(site.wait { site.alertStates == ["broker_qos_zero raised"] }, "\(site.account)")
        broker.stop()
        site.killDaemon()
        script.subscribe = { _ in 1 }
        let better = try ScriptedBroker(port: broker.port, script)
        defer { better.stop() }
        try site.startDaemon()
        #expect(
            site.wait(30) {
                site.alertStates == ["broker_qos_zero raised", "broker_qos_zero cleared"]
            },
            "a restart goes on with it: \(site.account)")
    }

    @Test func aBrokerThatRefusesEverySubscriptionIsDown() throws {
        var script = ScriptedBroker.Script()
        script.subscribe = { _ in 0x87 }
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        defer { broker.stop() }
        let site = try Site(on: broker)
        try site.startDaemon()
        func error() -> String {
            (site.status["broker"] as? [String: Any])?["last_error"] as? String ?? ""
        }
        #expect(
            site.wait {
                error().contains("it refuses our subscription to")
                    && error().contains("its access list")
            },
            "\(site.status)")
        #expect(!site.isDrained)
    }

    @Test func aBrokerOfMQTT311IsCalledThat() throws {
        var script = ScriptedBroker.Script()
        script.connect = nil
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        defer { broker.stop() }
        let site = try Site(on: broker)
        try site.startDaemon()
        #expect(
            site.wait { site.log.contains("it speaks no MQTT 5, which the gateway needs") },
            "\(site.account)")
    }

    @Test func whoTakesOurClientIdIsNoticed() throws {
        let broker = try ScriptedBroker(port: try FreePort.find(), ScriptedBroker.Script())
        defer { broker.stop() }
        let site = try Site(on: broker)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        broker.disconnect(0x8E)
        #expect(
            site.wait {
                problems(site).contains(
                    "another client has connected with our client id 'hoistway-test'")
            },
            "\(site.account)")
        #expect(problems(site).contains("This is shown until 10 min after the last time."))
        #expect(
            site.log.contains("another client has connected with our client id 'hoistway-test'"))
        #expect(site.wait { site.alertStates == ["client_id_taken raised"] }, "\(site.alertStates)")
    }

    @Test func whoTakesOurClientIdIsNoticedAlsoWhereTheBrokerGivesNoReason() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        for _ in 0..<3 {
            #expect(site.wait(30) { site.isDrained })
            let connects = site.status("broker", "connects")
            let rogue = Wire(port: site.port, clientID: "hoistway-test")
            #expect(rogue.connect())
            #expect(
                site.wait(30) { site.status("broker", "connects") > connects }, "\(site.account)")
        }
        #expect(
            site.wait {
                problems(site).contains("mostly another client uses our client id 'hoistway-test'")
            },
            "\(site.account)")
        #expect(
            site.wait { site.alertStates.contains("client_id_taken raised") }, "\(site.alertStates)"
        )
    }

    // MARK: Presses

    /// The broker had saved the session and assigns packet ids anew; the controller has no clock
    /// and sends the same messages again.
    @Test func aPressIsHeardThoughABrokerThatLostItsStateReusesItsPacketId() throws {
        let (pressed, released) = (
            #"{"Message_Code":"90","Active":true}"#, #"{"Message_Code":"90","Active":false}"#
        )
        var script = ScriptedBroker.Script()
        script.keepsSession = true
        script.messages = { connection in
            [("lifts/1/event", pressed)] + (connection == 0 ? [("lifts/1/event", released)] : [])
        }
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        defer { broker.stop() }
        let site = try Site(
            on: broker,
            rules: """
                rules: [{ rule: called, kind: car_alarm_call, when: '"90" in codes', title: { en: called, zh: 报警 } }]
                """)
        try site.startDaemon()
        #expect(
            site.wait { site.alertStates == ["car_alarm_call raised", "car_alarm_call cleared"] },
            "\(site.account)")
        broker.disconnect(0x8B)
        #expect(
            site.wait { site.alertStates.count == 3 },
            "the second press is another one: \(site.account)")
    }

    /// The acknowledgement was lost: the press is the same one, and the alert is open.
    @Test func aPressThatIsDeliveredAgainHasNoSecondId() throws {
        var script = ScriptedBroker.Script()
        script.keepsSession = true
        script.messages = { _ in [("lifts/1/event", #"{"Message_Code":"90","Active":true}"#)] }
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        defer { broker.stop() }
        let site = try Site(on: broker)
        try site.startDaemon()
        #expect(site.wait { site.alertStates.contains("car_alarm_call raised") }, "\(site.account)")
        for connection in 2...3 {
            broker.disconnect(0x8B)
            #expect(
                site.wait { site.status("counters", "messages") == connection }, "\(site.status)")
        }
        #expect(
            site.alertStates.count { $0.hasPrefix("car_alarm_call") } == 1, "\(site.alertStates)")
    }
}
