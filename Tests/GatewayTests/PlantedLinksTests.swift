import Foundation
import Testing

@testable import Gateway
@testable import hoistway_sim

/// The service's user is compromised, and plants links where root's commands work.
@Suite struct PlantedLinksTests {
    private let folder = NSTemporaryDirectory() + "hoistway-planted-\(UUID().uuidString)"
    private var secret: String { folder + "/secret" }
    private var configuration: String { folder + "/hoistway.yaml" }
    private static let isRoot = getuid() == 0

    init() throws {
        for name in ["state", "run"] {
            try FileManager.default.createDirectory(
                atPath: folder + "/" + name, withIntermediateDirectories: true)
        }
        try #"{"secret":"root:x:0"}"#.write(toFile: secret, atomically: true, encoding: .utf8)
        try """
        site: { id: test }
        broker: { url: "mqtt://127.0.0.1:1" }
        centre: { url: "mqtt://127.0.0.1:1" }
        state_folder: state
        runtime_folder: run
        rules: [\(Site.root)/Devices/rules]
        profiles: [\(Site.root)/Devices/profiles]
        lifts: ["1"]
        """.write(toFile: configuration, atomically: true, encoding: .utf8)
    }

    private func run(_ arguments: String...) throws -> (status: Int32, output: String) {
        try Site.run(arguments + ["--config", configuration])
    }
    private func isUntouched() throws -> Bool {
        try String(contentsOfFile: secret, encoding: .utf8).contains("root:x:0")
    }

    @Test func anOperatorActionIsNotWrittenThroughALinkInsteadOfItsFolder() throws {
        try FileManager.default.createDirectory(
            atPath: folder + "/elsewhere", withIntermediateDirectories: true)
        symlink(folder + "/elsewhere", folder + "/state/orders")
        let refused = try run(
            "maintenance", "1", "--until", "1h", "--by", "Li", "--reason", "doors")
        #expect(
            refused.status != 0
                && refused.output.contains("orders: is a link or a file; expected a folder"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/elsewhere").isEmpty)
    }

    @Test func aRequestForASelfTestTruncatesNoFileBehindALink() throws {
        let box = ActionInbox(stateFolder: folder + "/state")
        try box.prepare()
        for name in ["selftest.request", "selftest.request.new"] {
            symlink(secret, folder + "/state/orders/" + name)
        }
        try box.requestSelfTest()
        #expect(try isUntouched())
        #expect(box.takeSelfTestRequest())
    }

    @Test func anAnswerThatIsALinkIsNotReadToWhoeverAsked() throws {
        let box = ActionInbox(stateFolder: folder + "/state")
        try box.prepare()
        let name = try box.put(.maintenanceEnds(lift: "1", by: "Li"))
        symlink(secret, folder + "/state/orders/" + name + ".refused")
        guard case .failure(let problem) = box.answer(name: name) else {
            Issue.record("the answer was taken for one")
            return
        }
        #expect("\(problem)".contains("symbolic link") && !"\(problem)".contains("root:x"))
    }

    @Test func statusShowsNoFileBehindALink() throws {
        symlink(secret, folder + "/run/status.json")
        for arguments in [["status", "--format", "json"], ["status"]] {
            let shown = try Site.run(arguments + ["--config", configuration])
            #expect(
                shown.status != 0 && shown.output.contains("is a symbolic link"), "\(shown.output)")
            #expect(!shown.output.contains("root:x"))
        }
    }

    @Test func aSalvagedJournalIsNotWrittenThroughALink() throws {
        try Data("damaged".utf8).write(to: URL(fileURLWithPath: folder + "/damaged.db"))
        symlink(folder + "/absent", folder + "/state/saved.db")
        let refused = try Site.run([
            "journal", "salvage", folder + "/damaged.db", "--into", folder + "/state/saved.db",
        ])
        #expect(refused.status != 0)
        #expect(!FileManager.default.fileExists(atPath: folder + "/absent"))
    }

    @Test(.enabled(if: isRoot)) func rootRunsNoGatewayInTheServicesFolder() throws {
        chown(folder + "/state", 65534, 65534)
        let refused = try run("run")
        #expect(
            refused.status == 1 && refused.output.contains("and this runs as root"),
            "\(refused.output)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/state").isEmpty)
    }

    @Test(.enabled(if: isRoot)) func anOrderThatRootGivesBelongsToTheService() throws {
        let box = ActionInbox(stateFolder: folder + "/state")
        try box.prepare()
        chown(folder + "/state/orders", 65534, 65534)
        let name = try box.put(.maintenanceEnds(lift: "1", by: "Li"))
        var facts = stat()
        #expect(stat(folder + "/state/orders/\(name).order", &facts) == 0 && facts.st_uid == 65534)
    }
}
