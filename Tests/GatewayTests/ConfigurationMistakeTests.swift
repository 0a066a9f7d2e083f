import Foundation
import PositionedYAML
import Testing

@testable import Gateway

/// Mistakes that people make in the configuration and its files, and the messages of `check`.
// One after the other: a test takes on another user's rights, which the whole process then has.
@Suite(.serialized) struct ConfigurationMistakeTests {
    /// The mistakes of a site with one changed part.
    private func mistakes(
        site: String = "s", broker: String = "url: \"mqtt://127.0.0.1:1883\"",
        centre: String = "url: \"mqtts://centre.example:8883\"", lifts: String = "[A1]",
        rest: String = ""
    ) throws -> [String] {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try """
        site: { id: "\(site)" }
        broker: { \(broker) }
        centre: { \(centre) }
        lifts: \(lifts)
        \(rest)
        """.write(toFile: path, atomically: true, encoding: .utf8)
        do throws(InvalidFiles) {
            _ = try Configuration(file: path).deviceData()
            return []
        } catch { return error.diagnostics.map(\.message) }
    }

    private func file(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "hoistway-secret-\(UUID().uuidString)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test(arguments: [
        ("“A1”", "character 1 is U+201C (left double quotation mark)"),
        ("A\u{200B}1", "character 2 is U+200B"),
        ("A1\u{FEFF}", "character 3 is U+FEFF"), ("A\u{A0}1", "character 2 is U+00A0"),
        ("A 1", "or space"),
    ])
    func aStrayCharacterInALiftsNameIsNamed(_ name: String, _ expected: String) throws {
        let found = try mistakes(lifts: "['\(name)']")
        #expect(found.count == 1 && found[0].contains(expected), "\(found)")
        #expect(try mistakes(site: name).first?.contains(expected) == true)
        // A code may contain a blank.
        let inACode = try mistakes(lifts: "[{ id: B, rescue_code: '\(name)' }]")
        #expect(inACode.count == (name.contains(" ") ? 0 : 1), "\(inACode)")
    }

    @Test func aNameInAnyLanguageIsNoMistake() throws {
        #expect(try mistakes(lifts: "[电梯-1, Fahrstuhl_Ä, { id: B, rescue_code: 10 42 33 }]") == [])
    }

    @Test(arguments: [
        "https://c:84a3/x", "https://c:99999/x", "https://c:/x", "mqtts://c:99999", "mqtt://c:84a3",
    ])
    func aPortThatIsNoneIsAMistake(_ url: String) throws {
        let found = try mistakes(centre: "url: \"\(url)\"")
        #expect(
            found.count == 1 && found[0].contains("A port is a number from 1 to 65535"), "\(found)")
    }

    @Test(arguments: [
        "https://c/x", "https://c:8443", "https://[::1]:8443/x?y=a:b", "https://c?x=1:2",
    ])
    func aPortThatCanBeIsNone(_ url: String) throws {
        #expect(try mistakes(centre: "url: \"\(url)\"") == [])
    }

    @Test func aSchemeThatIsMisspeltIsOneMistake() throws {
        let token = try file("abc\n")
        let found = try mistakes(centre: "url: \"htps://c/x\", token_file: \(token), batch: 3")
        #expect(found.count == 1 && found[0].contains("Did you mean 'https'?"), "\(found)")
    }

    @Test(arguments: [
        ("Bearer abc\n", "begins with 'Bearer', which the gateway adds"),
        ("abc def\n", "has a blank in it"),
        (" abc\n", "has a blank in it"),
        ("-----BEGIN CERTIFICATE-----\nx\n", "holds a certificate or a key"),
        ("abc\ndef\n", "has several lines"), ("\u{FEFF}abc\n", "begins with a byte order mark"),
    ])
    func aTokenThatCannotBeOneIsAMistake(_ text: String, _ expected: String) throws {
        let found = try mistakes(centre: "url: \"https://c/x\", token_file: \(try file(text))")
        #expect(found.count == 1 && found[0].contains(expected), "\(found)")
    }

    @Test func aPasswordMayHaveBlanksButNoSecondLine() throws {
        func broker(_ text: String) throws -> String {
            "url: \"mqtt://127.0.0.1:1883\", username: u, password_file: \(try file(text))"
        }
        #expect(try mistakes(broker: try broker("a b \r\n")) == [])
        #expect(
            try mistakes(broker: try broker("a\nb")).first?.contains("has several lines") == true)
    }

    @Test(arguments: [("0s", false), ("90h", false), ("1s", true), ("40s", true), ("10m", true)])
    func aTravelTimeHasBounds(_ time: String, _ isRight: Bool) throws {
        let found = try mistakes(lifts: "[{ id: A1, travel_time: \(time) }]")
        #expect(
            isRight ? found == [] : found.count == 1 && found[0].hasPrefix("travel_time: found"),
            "\(found)")
    }

    @Test func aDecimalCommaIsAdvisedOn() throws {
        let inBraces = try mistakes(lifts: "[{ id: A1, rated_speed: 1,75 }]")
        #expect(inBraces == ["'75' is not a key here. Write a decimal point: rated_speed: 1.75"])
        let inABlock = try mistakes(lifts: "\n  - id: A1\n    rated_speed: 1,75")
        #expect(inABlock == ["found '1,75', expected a number with a decimal point: 1.75"])
    }

    @Test(arguments: ["state_folder", "runtime_folder"])
    func anEmptyFolderIsAMistake(_ key: String) throws {
        let found = try mistakes(rest: "\(key): \"\"")
        #expect(
            found.count == 1 && found[0].contains("found no folder, expected a path such as /"),
            "\(found)")
    }

    @Test func aWrongParametersMistakeSaysWhereTheNamesAreListed() throws {
        let found = try mistakes(rest: "parameters: { hold: 3s }")
        #expect(
            found.count == 1 && found[0].hasPrefix("'hold' is not a parameter of the rules.")
                && found[0].contains("They stand under 'parameters:' in "), "\(found)")
        #expect(
            try mistakes(rest: "parameters: { off_level_hold: x }").first?.contains("They stand")
                == false)
    }

    @Test func aMissingConfigurationAFolderAndAnotherUsersFileAreDistinguished() throws {
        func message(_ path: String) -> String {
            do throws(InvalidFiles) {
                _ = try Configuration(file: path)
                return ""
            } catch { return error.diagnostics.first?.message ?? "" }
        }
        let folder = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString)"
        #expect(message(folder).hasPrefix("does not exist"))
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        #expect(message(folder).hasPrefix("is a folder"))
        guard AnotherUser.canRead("/tmp"), let nobody = ServiceUser(named: AnotherUser.name) else {
            return
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
        #expect(
            nobody.run { message(folder + "/x") }?.hasPrefix("may not be read by user 'nobody'")
                == true)
    }

    @Test func anAllowedButUnwiseSettingIsAWarning() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try """
        site: { id: s }
        broker: { url: "mqtt://127.0.0.1:1883", username: u }
        centre: { url: "mqtt://localhost:1883" }
        lifts: [A1]
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let configuration = try Configuration(file: path)
        let warnings = configuration.warnings(try configuration.deviceData())
        #expect(
            warnings.contains {
                $0.contains(":2: the broker is given a username and no password_file")
            }, "\(warnings)")
        #expect(
            warnings.contains {
                $0.contains(":3: centre 'centre' has the address of the building's broker")
            },
            "\(warnings)")
    }
}
