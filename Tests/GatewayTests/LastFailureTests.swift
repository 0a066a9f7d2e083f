import Foundation
import Testing

/// `hoistway status` says why the gateway has ended, not only that it has.
@Suite(.serialized) struct LastFailureTests {
    /// On a box where the gateway has never run there is neither a status nor a state folder.
    @Test func statusHasTheCauseOfTheFirstStartThatFails() throws {
        let site = try Site(rules: "let:\n  slow: sped < 0.1\n")
        #expect(try site.run(["run"]).status == 2)
        let status = try site.run(["status"])
        #expect(
            status.status == 1 && status.output.contains("nothing runs here")
                && status.output.contains("No start succeeds with these mistakes:")
                && status.output.contains("rules.yaml:2:") && status.output.contains("'sped'"),
            "\(status.output)")
        let json = try site.run(["status", "--format", "json"]).output
        #expect(json.contains("{\"state\":\"absent\",\"causes\":[\""), "\(json)")
    }

    @Test func statusHasTheCauseOfAStartThatFailed() throws {
        let site = try Site(rules: "let:\n  slow: speed < 0.1\n")
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.stopDaemon()
        let ended = try site.run(["status"])
        #expect(
            ended.status == 1 && ended.output.contains("the gateway has ended; its last status is"),
            "\(ended.output)")
        #expect(
            !ended.output.contains("broker ok"), "its connections are not what they were")

        try "let:\n  slow: sped < 0.1\n".write(
            toFile: site.folder + "/rules.yaml", atomically: true, encoding: .utf8)
        let failed = try site.run(["run"])
        #expect(failed.status == 2, "\(failed.output)")
        let status = try site.run(["status"])
        #expect(status.status == 1)
        #expect(
            status.output.contains("It failed at 20") && status.output.contains("rules.yaml:2:")
                && status.output.contains("'sped'"), "\(status.output)")

        let json = try site.run(["status", "--format", "json"]).output
        #expect(
            json.contains("{\"state\":\"ended\",\"failed_at\":\"20")
                && json.contains("'sped'") && json.contains("\"last\":{"), "\(json)")

        // A present mistake of the configuration is named, and not the former one of the rules.
        try site.rewriteConfiguration { $0 + "\nlifst: []\n" }
        let mistaken = try site.run(["status"])
        #expect(
            mistaken.output.contains("lifst") && !mistaken.output.contains("It failed at"),
            "\(mistaken.output)")
        try site.rewriteConfiguration { $0.replacingOccurrences(of: "\nlifst: []\n", with: "") }

        try "let:\n  slow: speed < 0.2\n".write(
            toFile: site.folder + "/rules.yaml", atomically: true, encoding: .utf8)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.stopDaemon()
        let mended = try site.run(["status"])
        #expect(
            !mended.output.contains("It failed at") && mended.output.contains("Start it:"),
            "\(mended.output)")
    }
}
