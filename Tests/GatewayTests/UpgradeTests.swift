import Foundation
import Testing

@testable import Journal
@testable import hoistway_sim

/// This version continues with the files of released versions (RELEASES).
@Suite(.serialized) struct UpgradeTests {
    /// A site whose gateway was killed, and is started again with this version.
    private func site(leftBy version: String, identity: String) throws -> Site {
        let site = try Site(parameters: quick)
        let state = site.folder + "/state"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/journal-\(version).sql")
        do {
            try Database(state + "/journal.db").execute(
                try String(contentsOf: fixture, encoding: .utf8))
        }
        try (identity + "\n").write(
            toFile: state + "/journal.db.identity", atomically: true, encoding: .utf8)
        return site
    }

    @Test(arguments: [
        ("0.3.0", "89bba81b-e72a-4974-8a6d-ccb98f1d3c43", "d03f1e45-cf54-5876-a40a-ba6495e29d02")
    ])
    func anOpenEntrapmentIsDeliveredAndEndedUnderItsIdByTheNextVersion(
        _ version: String, _ identity: String, _ alert: String
    ) throws {
        let site = try site(leftBy: version, identity: identity)
        try site.startDaemon()
        #expect(
            site.wait { site.isDrained && site.status("centre", "backlog") == 0 }, "\(site.account)"
        )
        // Time has passed since then: a reminder may be among them.
        #expect(
            Set(site.alertStates) == [
                "entrapment suspected", "entrapment confirmed", "door_close_fault raised",
            ])
        site.send(
            "1",
            #"{"Identification_Number":"1","Sequence":1000,"Service_Mode":1,"Car_Status":0,"Door_Zone":true,"#
                + #""Door_Status":false,"Door_Open_Limit":true,"Passenger_Status":false,"Message_Code":[]}"#
        )
        #expect(site.wait { site.alertStates.contains("entrapment cleared") }, "\(site.account)")
        let ids = site.events.compactMap { $0["data"] as? [String: Any] }.filter {
            $0["kind"] as? String == "entrapment"
        }
        .compactMap { $0["alert_id"] as? String }
        #expect(Set(ids) == [alert], "\(ids) \(site.log)")
        #expect(!site.log.contains("fault of Hoistway"), "\(site.account)")
    }

    /// Each line of RELEASES has a version, its commit, and its date.
    @Test func everyReleaseIsACommitThatSaysItsVersion() throws {
        let lines = try String(contentsOfFile: Site.root + "/RELEASES", encoding: .utf8).split(
            separator: "\n"
        )
        .filter { !$0.hasPrefix("#") }
        #expect(!lines.isEmpty)
        // Unpacked sources have no history, and a shallow clone has a part of it.
        let hasHistory = try git("rev-parse", "--is-shallow-repository") == "false\n"
        for line in lines {
            let fields = line.split(separator: " ").map(String.init)
            try #require(fields.count == 3 && fields[1].count == 40, "\(line)")
            guard hasHistory else { continue }
            let source = try git("show", "\(fields[1]):Sources/Gateway/Version.swift")
            #expect(source.contains("\"\(fields[0])\""), "\(line): \(source)")
        }
    }

    private func git(_ arguments: String...) throws -> String {
        let log = NSTemporaryDirectory() + "git-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let process = try ChildProcess(
            ["/usr/bin/env", "git", "-C", Site.root] + arguments, log: log)
        while process.isRunning { usleep(10_000) }
        process.end()
        return try String(contentsOfFile: log, encoding: .utf8)
    }
}
