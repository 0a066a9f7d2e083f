import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import Gateway

@Suite struct ConfigurationTests {
    private func mistakes(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        do throws(InvalidFiles) {
            _ = try Configuration(file: path)
            return ""
        } catch {
            return error.description.replacingOccurrences(of: path, with: "site.yaml")
        }
    }

    @Test func aDozenLinesSuffice() throws {
        let text = """
            site: { id: th-plaza-3, name: TH Plaza 3 }
            broker: { url: "mqtt://127.0.0.1:1883" }
            centre: { url: "mqtts://centre.example:8883" }
            lifts:
              - "31104401062020010001"
              - { id: "31104401062020010002", place: Tower B, rated_speed: 1.75 }
            """
        #expect(try mistakes(text) == "")
    }

    @Test func allMistakesAreReportedAtOnceWithTheirLocations() throws {
        let text = """
            site: { id: a/b }
            brokr: { url: "mqtt://127.0.0.1" }
            centre: { url: "ftp://x", password_file: nowhere }
            lifts: [ "1", "1" ]
            commit_wait: soon
            """
        let found = try mistakes(text)
        for expected in [
            "site.yaml:2:1: 'brokr' is not a key here. Did you mean 'broker'?",
            "site.yaml:1:1: the key 'broker' is missing",
            "site.yaml:3:16: found the url 'ftp://x', expected mqtt://HOST:PORT",
            "nowhere' does not exist",
            "site.yaml:4:15: the lift '1' stands here twice",
            "site.yaml:5:14: found 'soon', expected a duration",
            "site.yaml:1:7: the site's id 'a/b' must be one level of a topic",
        ] { #expect(found.contains(expected), "\(expected)\nnot in\n\(found)") }
    }

    @Test(
        arguments: [
            ("127.0.0.1:1883", ". Did you mean 'mqtt://127.0.0.1:1883'?"),
            ("tcp://127.0.0.1:1883", ". Did you mean 'mqtt://127.0.0.1:1883'?"),
            ("ssl://broker.local:8883", ". Did you mean 'mqtts://broker.local:8883'?"),
            ("ws://127.0.0.1:9001/mqtt", ". MQTT over WebSocket is not supported"),
            ("MQTT://127.0.0.1:1883", ""),
        ])
    func aUrlOfAnotherProgramIsAdvisedOn(_ url: String, _ advice: String) throws {
        let found = try mistakes(
            "site: { id: s }\nbroker: { url: \"\(url)\" }\ncentre: { url: \"mqtt://127.0.0.1:1884\" }\nlifts: [A1]\n"
        )
        #expect(advice.isEmpty ? found.isEmpty : found.contains(advice), "\(found)")
    }

    @Test func keysOfOtherProgramsAreAdvisedOn() throws {
        let found = try mistakes(
            """
            site: { id: s }
            broker: { url: "mqtt://127.0.0.1:1883", keepalive: 30s, clientid: x }
            centre: { url: "mqtt://127.0.0.1:1884", topic: /a, version: 3 }
            lifts: [A1]
            """)
        for expected in [
            "site.yaml:2:41: 'keepalive' is not a key here. The gateway keeps the connection alive",
            "site.yaml:2:57: 'clientid' is not a key here. Did you mean 'client_id'?",
            "site.yaml:3:41: 'topic' is not a key here. Topics are those of the contract",
            "site.yaml:3:52: 'version' is not a key here. The gateway speaks MQTT 5",
        ] { #expect(found.contains(expected), "\(expected)\nnot in\n\(found)") }
    }

    @Test func oneCodeIsOneLifts() throws {
        let found = try mistakes(
            """
            site: { id: s }
            broker: { url: "mqtt://127.0.0.1:1883" }
            centre: { url: "mqtt://127.0.0.1:1884" }
            lifts:
              - { id: B, registration_code: A1, rescue_code: "104233" }
              - { id: C, registration_code: A1 }
              - { id: D, rescue_code: "104233" }
              - { id: A1 }
            """)
        for expected in [
            "site.yaml:6:5: the registration code 'A1' is also that of lift 'B' (line 5)",
            "site.yaml:7:5: the rescue code '104233' is also that of lift 'B' (line 5)",
            "site.yaml:8:5: the id 'A1' is the registration code of lift 'B' (line 5)",
        ] { #expect(found.contains(expected), "\(expected)\nnot in\n\(found)") }
    }

    @Test func bytesThatAreNoUTF8AndATabAreNamedWhereTheyStand() {
        func mistake(_ bytes: [UInt8]) -> String {
            do throws(InvalidFiles) {
                _ = try YAMLNode(parsing: bytes, file: "site.yaml")
                return ""
            } catch { return error.description }
        }
        let gbk: [UInt8] = [0xB5, 0xE7, 0xCC, 0xDD]
        #expect(
            mistake(Array("a: 1\n楼: \"".utf8) + gbk + Array("\"\n".utf8))
                == "site.yaml:2:5: this text is not UTF-8 (is it GBK?): save the file as UTF-8")
        #expect(
            mistake(Array("a: 1\n# ".utf8) + gbk).hasPrefix("site.yaml:2:3: this text is not UTF-8")
        )
        #expect(
            mistake(Array("lifts:\n\t- A1\n".utf8))
                == "site.yaml:2:1: this line begins with a tab: YAML indents with spaces")
        #expect(mistake([0xEF, 0xBB, 0xBF] + Array("a: 1\r\nb: 2\r\n".utf8)) == "")
    }

    @Test func theBrokersKnowTheGatewayByTheNamesOfTheConfiguration() throws {
        let site = try Site()
        try site.rewriteConfiguration {
            $0.replacingOccurrences(
                of: "\(site.port)\" }\ncentre", with: "\(site.port)\", client_id: gw-17 }\ncentre"
            )
            .replacingOccurrences(
                of: "\(site.port)\" }\nstate",
                with: "\(site.port)\", client_id: 'SN17|m=2|' }\nstate")
        }
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        func log() -> String {
            (try? String(contentsOfFile: site.folder + "/mosquitto.log", encoding: .utf8)) ?? ""
        }
        #expect(
            site.wait { log().contains(" as gw-17 ") && log().contains(" as SN17|m=2| ") },
            "\(log())")
        let same = try mistakes(
            """
            site: { id: s }
            broker: { url: "mqtt://127.0.0.1:1883", client_id: gw }
            centre: { url: "mqtt://127.0.0.1:1883", client_id: gw }
            lifts: [A1]
            """)
        #expect(same.contains("site.yaml:3:9: the client_id is also the building's"), "\(same)")
    }

    @Test func mistakesAboutCentresAreNamedWithTheirPlaces() throws {
        let text = """
            site: { id: s }
            broker: { url: "https://127.0.0.1" }
            centres:
              - { name: city, url: "mqtts://a:8883", lanes: [entrapment, gossip] }
              - { name: city, url: "https://u:secret@b/x" }
              - { name: keeper, routes: [{ url: "mqtts://a:8883" }, { url: "https://c/x", username: n }], fallback: { fault: soon } }
            lifts: [ "hoistway-selftest" ]
            """
        let found = try mistakes(text)
        for expected in [
            "site.yaml:2:16: found the url 'https://127.0.0.1', expected mqtt://",
            "site.yaml:4:62: found 'gossip', expected entrapment, fault or info",
            "site.yaml:5:5: the centre 'city' stands here twice", "a url with a user or a password",
            "mqtts://a:8883 is also a route to 'city'", "'username' is not a key here",
            "found 'soon', expected a duration",
            "'hoistway-selftest' is the self-test's lift",
        ] { #expect(found.contains(expected), "\(expected)\nnot in\n\(found)") }
        #expect(!found.contains("secret"))
    }

    @Test func aSecretThatIsEmptyOrOfNobodyIsAMistake() throws {
        let empty =
            FileManager.default.temporaryDirectory.path + "/hoistway-empty-\(UUID().uuidString)"
        try Data("\n".utf8).write(to: URL(fileURLWithPath: empty))
        let found = try mistakes(
            """
            site: { id: s }
            broker: { url: "mqtt://127.0.0.1", password_file: \(empty) }
            centres:
              - { name: city, url: "https://c/x", token_file: \(empty) }
              - { name: keeper, url: "https://d/x", lanes: [] }
            lifts: [ "1" ]
            """)
        for expected in [
            "site.yaml:2:9: password_file without a username", "token_file: '\(empty)' is empty",
            "site.yaml:5:48: no lane stands here",
        ] { #expect(found.contains(expected), "\(expected)\nnot in\n\(found)") }
    }

    @Test(arguments: ["[fault, info]", "[entrapment]"])
    func aSiteWhoseEntrapmentsNoCentreReceivesIsAWarning(_ lanes: String) throws {
        let path =
            FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).yaml"
        try Data(
            """
            site: { id: s }
            broker: { url: "mqtt://127.0.0.1" }
            centres: [{ name: city, url: "mqtts://c", lanes: \(lanes) }]
            lifts: [ "1" ]
            """.utf8
        ).write(to: URL(fileURLWithPath: path))
        let configuration = try Configuration(file: path)
        let warnings = configuration.warnings(try configuration.deviceData())
        #expect(
            warnings.contains { $0.contains("no centre receives entrapments") }
                == (lanes != "[entrapment]"))
    }

    @Test(arguments: [
        "", "a: [", "a: &x 1\nb: *x", "a: 1\na: 2", "\u{0}", "- 1",
        String(repeating: "[", count: 2000),
    ])
    func hostileFilesAreRefusedAndNothingWorse(_ text: String) throws {
        #expect(try mistakes(text) != "")
    }

    /// Commands where no gateway is installed: each reports the missing file.
    @Test(
        .enabled(if: !FileManager.default.fileExists(atPath: "/etc/hoistway/hoistway.yaml")),
        arguments: [
            "run", "check", "status", "selftest", "journal list", "journal verify",
            "maintenance 1 --until 1h --by me --reason door", "incident accept 5c09435c --by me",
        ])
    func everyCommandAboutAGatewayReadsTheInstalledConfiguration(_ command: String) throws {
        let result = try Site.run(command.split(separator: " ").map(String.init))
        #expect(result.status != 0)
        #expect(result.output.contains("/etc/hoistway/hoistway.yaml: does not exist"))
    }

    @Test func theCommandSaysExitCodeTwoForAWrongFile() throws {
        let result = try Site.run(["check", "--rules", Site.root + "/README.md"])
        #expect(result.status == 2)
        #expect(result.output.contains("README.md:"))
        let shipped = Site.root + "/Devices"
        let data = ["--rules", shipped + "/rules", "--profiles", shipped + "/profiles"]
        #expect(try Site.run(["check"] + data).status == 0)
        #expect(try Site.run(["status", "--runtime", "/nonexistent"]).status == 1)
        #expect(try Site.run(["rules", "eval", "p and", "/dev/null"]).status == 2)
        #expect(try Site.run(["nonsense"]).status == 64)
    }
}

/// Files that are no configuration, and long ones that are.
@Suite struct LongFileTests {
    @Test func aFileWithoutAnEndOrOfHundredsOfMegabytesIsRefusedByItsLength() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        try Data().write(to: URL(fileURLWithPath: path))
        truncate(path, 600 << 20)
        for file in [path, "/dev/zero"] {
            let error = #expect(throws: InvalidFiles.self) { _ = try Configuration(file: file) }
            let message = error?.diagnostics.first?.message ?? ""
            #expect(message.contains("has more than"), "\(file): \(message)")
        }
    }

    @Test func aListOfTenThousandLiftsIsReadAndTheLastMistakeInItIsFound() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        let lifts =
            (0..<10_000).map { "  - { id: lift-\($0), rescue_code: \"\($0)\" }" } + [
                "  - lift-9999"
            ]
        try """
        site: { id: s }
        broker: { url: "mqtt://127.0.0.1:1883" }
        centre: { url: "mqtt://127.0.0.1:1883" }
        lifts:
        \(lifts.joined(separator: "\n"))
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let error = #expect(throws: InvalidFiles.self) { _ = try Configuration(file: path) }
        #expect(error?.diagnostics.map(\.message) == ["the lift 'lift-9999' stands here twice"])
    }
}
