import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import Gateway
@testable import hoistway_sim

/// `hoistway check` sees what the service will see: with its user, its keys, its dates.
// One after the other: a test takes on another user's rights, which the whole process then has.
@Suite(.serialized) struct SetupCheckTests {
    private func configuration(
        _ made: Certificates, _ certificate: String = "box.crt", _ key: String = "box.key"
    )
        throws
        -> Configuration
    {
        let path = made.path("hoistway.yaml")
        try """
        site: { id: test }
        broker: { url: "mqtt://127.0.0.1:1883" }
        centre:
          url: "mqtts://127.0.0.1:8883"
          ca_file: ca.crt
          certificate_file: \(certificate)
          key_file: \(key)
        state_folder: state
        lifts: ["1"]

        """.write(toFile: path, atomically: true, encoding: .utf8)
        return try Configuration(file: path)
    }

    @Test func aPairThatFitsAndIsInDatePasses() throws {
        let check = SetupCheck(try configuration(try Certificates()), as: nil)
        #expect(check.mistakes.isEmpty)
        // The test's own certificates are valid for 30 days, which is soon.
        let warnings = check.warnings(at: Instant(seconds: Date().timeIntervalSince1970))
        #expect(warnings.count == 1 && warnings[0].contains("expires in 30 days"), "\(warnings)")
        #expect(
            check.warnings(at: Instant(seconds: 0))[0].contains("not valid yet"),
            "a box that thinks it is 1970")
    }

    @Test(arguments: [
        ("box.crt", "centre.key", "does not belong to the certificate"),
        ("box.crt", "locked.key", "is protected by a password"),
        ("box.key", "box.key", "expected a line -----BEGIN CERTIFICATE-----"),
    ])
    func anUnusableKeyIsAMistakeWithItsLocation(
        _ certificate: String, _ key: String, _ expected: String
    ) throws {
        let made = try Certificates()
        let mistakes = SetupCheck(try configuration(made, certificate, key), as: nil).mistakes
        #expect(mistakes.count == 1 && mistakes[0].message.contains(expected), "\(mistakes)")
        #expect(mistakes.first?.line == 4 && mistakes.first?.file == made.path("hoistway.yaml"))
    }

    @Test(.asAnotherUser)
    func aFileThatTheServicesUserMayNotReadIsNamedThoughRootMay() throws {
        // A folder that every user may enter; the tests' own is private.
        let made = try Certificates(in: "/tmp")
        defer { try? FileManager.default.removeItem(atPath: made.folder) }
        let configuration = try configuration(made)
        let user = try #require(ServiceUser(named: "nobody"))
        try FileManager.default.createDirectory(
            atPath: made.path("state"), withIntermediateDirectories: true)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o777], ofItemAtPath: made.path("state"))
        func names() -> [String] {
            SetupCheck(configuration, as: user).mistakes.map {
                $0.message.prefix { $0 != ":" } + ""
            }
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: made.folder)
        for file in ["ca.crt", "box.crt", "box.key", "hoistway.yaml"] {
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o644], ofItemAtPath: made.path(file))
        }
        #expect(names().isEmpty)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: made.path("box.key"))
        #expect(names() == ["key_file"])
        // A readable file in a folder that no other user may enter.
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: made.folder)
        #expect(names().count == 5, "the four files and the state folder")
        #expect(geteuid() == 0, "root's own rights are back")
    }

    @Test(.asAnotherUser)
    func aFolderThatTheServiceCannotUseIsNamedWithTheCommand() throws {
        let folder = "/tmp/hoistway-check-\(UUID().uuidString)"
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: folder) }
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
        try Data().write(to: URL(fileURLWithPath: folder + "/file"))
        try files.createDirectory(atPath: folder + "/roots", withIntermediateDirectories: true)
        let nobody = try #require(ServiceUser(named: "nobody"))
        func mistakes(_ state: String, _ runtime: String, as user: ServiceUser? = nobody) throws
            -> [String]
        {
            let path = folder + "/hoistway.yaml"
            try """
            site: { id: test }
            broker: { url: "mqtt://127.0.0.1:1883" }
            centre: { url: "mqtt://127.0.0.1:1884" }
            state_folder: \(state)
            runtime_folder: \(runtime)
            lifts: ["1"]

            """.write(toFile: path, atomically: true, encoding: .utf8)
            try files.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
            return SetupCheck(try Configuration(file: path), as: user).mistakes.map {
                "\($0.line): \($0.message.replacingOccurrences(of: folder, with: "F"))"
            }
        }
        #expect(
            try mistakes("file", "/tmp") == [
                "4: F/file: is a file; expected a folder. Remove the file, or name another folder"
            ])
        #expect(try mistakes("file", "/tmp", as: nil).count == 1, "for every user")
        #expect(
            try mistakes("/tmp", "roots").first?.hasPrefix(
                "5: F/roots: user 'nobody', as whom the gateway runs, cannot make files there. As root: chown nobody:"
            )
                == true)
        #expect(
            try mistakes("roots/a/b", "/tmp").first?.hasPrefix(
                "4: F/roots/a/b: is not there, and user 'nobody'")
                == true)
        #expect(try mistakes("/tmp/hoistway-\(UUID().uuidString)/state", "/tmp") == [])
    }
}
