import Foundation
import LiftModel
import Testing

@testable import Contract

/// Which of a centre's commands are accepted where its key is pinned, and how the others are
/// answered.
@Suite struct SignedCommandTests {
    private let centre: Signer
    private let otherSigner: Signer
    private let requirements: CommandRequirements
    private static let now = Instant(rfc3339: "2026-03-01T12:00:00Z")

    init() throws {
        let folder = NSTemporaryDirectory() + "hoistway-keys-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        centre = try Signer(keyFile: folder + "/centre.pem")
        otherSigner = try Signer(keyFile: folder + "/other.pem")
        let pem = try Data(contentsOf: URL(fileURLWithPath: folder + "/centre.pem.pub"))
        requirements = CommandRequirements(
            key: try CommandKey(pem: Array(pem)), site: "plaza", now: Self.now)
    }

    private static func command(
        site: String = "plaza", time: String = "2026-03-01T19:59:30+08:00", alert: String = "a"
    ) -> String {
        #"{"word":"accepted","alert_id":"\#(alert)","by":"Li","word_id":"7","site":"\#(site)","time":"\#(time)"}"#
    }
    private func signed(_ payload: String, by signer: Signer? = nil) throws -> String {
        try #require((signer ?? centre).sign(Array(payload.utf8)))
    }
    private func answer(_ jws: String, _ requirements: CommandRequirements? = nil) throws
        -> CentreAnswer
    {
        try CentreAnswer(
            Array(#"{"words":[{"jws":"\#(jws)"}]}"#.utf8), requirements ?? self.requirements)
    }

    @Test func whatTheCentreHasSignedIsTaken() throws {
        let taken = try answer(try signed(Self.command()))
        #expect(taken.commands.map(\.alertID) == ["a"] && taken.refusedCommands.isEmpty)
    }

    @Test func whatAnotherHasSignedIsRefusedByName() throws {
        let refused = try answer(try signed(Self.command(), by: otherSigner))
        #expect(refused.commands.isEmpty)
        let command = try #require(refused.refusedCommands.first)
        #expect(
            command.commandID == "7" && command.alertID == "a"
                && command.problem.contains("is not signed by command_key"))
    }

    @Test func whatIsNotSignedIsRefused() throws {
        let refused = try CentreAnswer(
            Array(#"{"words":[\#(Self.command())],"id":"x/1"}"#.utf8), requirements)
        #expect(
            refused.commands.isEmpty && refused.stored == ["x/1"], "a receipt needs no signature")
        #expect(
            refused.refusedCommands.first?.problem.contains("takes signed commands only") == true)
    }

    @Test func aSignatureUnderOtherContentIsRefused() throws {
        let (one, other) = (try signed(Self.command()), try signed(Self.command(alert: "b")))
        let parts = (one.split(separator: "."), other.split(separator: "."))
        for mixed in [
            "\(parts.0[0]).\(parts.1[1]).\(parts.0[2])",
            "\(parts.0[0]).\(parts.0[1]).\(parts.1[2])",
        ] {
            #expect(try answer(mixed).commands.isEmpty)
        }
    }

    @Test(arguments: [
        #"{"alg":"none"}"#, #"{"alg":"HS256"}"#, #"{"alg":"EdDSA","crit":["b64"],"b64":false}"#,
        #"{"alg":"none","alg":"EdDSA"}"#, "", "[]",
    ])
    func aHeaderThatAsksForAnythingElseIsRefused(_ header: String) throws {
        let parts = try signed(Self.command()).split(separator: ".")
        #expect(
            try answer("\(Signer.base64url(Array(header.utf8))).\(parts[1]).\(parts[2])").commands
                .isEmpty)
        #expect(try answer("\(Signer.base64url(Array(header.utf8))).\(parts[1]).").commands.isEmpty)
    }

    @Test(arguments: [
        (command(site: "other"), "this is for 'other'"),
        (command(time: "2026-03-01T10:59:00Z"), "more than 1 h ago"),
        (command(time: "2026-03-01T12:06:00Z"), "set the centre's clock"),
        (command(time: "noon"), "expected when"),
        (
            #"{"word":"accepted","alert_id":"a","by":"Li","site":"plaza","time":"2026-03-01T12:00:00Z"}"#,
            "word_id"
        ),
        (
            #"{"word":"accepted","alert_id":"a","by":"Li","word_id":"7","time":"2026-03-01T12:00:00Z"}"#,
            "\"site\""
        ),
        (#"{"word":"accepted","word":"end_of_alarm","alert_id":"a","by":"Li"}"#, "stands twice"),
        ("7", "jws"),
    ])
    func aSignedCommandNamesItsSiteAndItsTime(_ payload: String, _ expected: String) throws {
        let refused = try answer(try signed(payload))
        #expect(
            refused.commands.isEmpty
                && refused.refusedCommands.first?.problem.contains(expected) == true)
    }

    @Test func withoutASynchronisedClockACommandIsNotRefusedForItsAge() throws {
        let unsure = CommandRequirements(key: requirements.key, site: "plaza", now: nil)
        #expect(
            try answer(try signed(Self.command(time: "2036-01-01T00:00:00Z")), unsure).commands
                .count == 1)
    }

    @Test func withoutAPinnedKeyASignedCommandIsReadAsAnyOther() throws {
        let command = #"{"word":"accepted","alert_id":"a","by":"Li"}"#
        #expect(
            try answer(try signed(command, by: otherSigner), CommandRequirements()).commands.count
                == 1)
    }

    @Test func aKeyOfAnotherKindIsNoCommandKey() throws {
        // A private key in place of the public one.
        let folder = NSTemporaryDirectory() + "hoistway-keys-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try Signer(keyFile: folder + "/key.pem")
        let secret = try Data(contentsOf: URL(fileURLWithPath: folder + "/key.pem"))
        #expect(throws: CommandKey.Problem.self) { try CommandKey(pem: Array(secret)) }
        #expect(throws: CommandKey.Problem.self) { try CommandKey(pem: []) }
    }

    // MARK: What cannot be read

    @Test func anUnreadableCommandIsNamedByItsReadableParts() throws {
        let answer = try CentreAnswer(
            Array(
                #"{"words":[{"word":"shout","alert_id":"a","by":"Li","word_id":"9"},{"word":"arrived","alert_id":"b","by":"Li"},{"word_id":7},"x"]}"#
                    .utf8))
        #expect(answer.commands.map(\.alertID) == ["b"])
        #expect(answer.refusedCommands.map(\.commandID) == ["9", nil, nil])
        #expect(answer.refusedCommands.map(\.alertID) == ["a", nil, nil])
        #expect(answer.refusedCommands[0].problem.contains("shout"))
    }

    @Test func twentyAreAnsweredAtOnceThenOneAMinuteAndTheOthersAreCounted() {
        let commands = RefusedCommands()
        for _ in 0..<1000 { commands.add(RefusedCommand("junk"), of: "city", now: .boot) }
        commands.add(RefusedCommand("junk"), of: "keeper", now: .boot)
        let first = commands.take()
        #expect(
            first.count { $0.centre == "city" } == 20 && first.count { $0.centre == "keeper" } == 1)
        for second in 1...125 {
            commands.add(RefusedCommand("junk"), of: "city", now: .boot + .seconds(second))
        }
        let later = commands.take().map(\.command.unanswered)
        #expect(later == [980 + 59, 59])
    }
}
