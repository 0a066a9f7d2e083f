import Foundation
import Testing

@testable import Gateway
@testable import GatewayCore

/// A failed self-test shows what to mend until a test passes.
@Suite(.serialized) struct SelfTestTests {
    @Test func aSelfTestThatMayNotBeReadBackSaysSoAlsoAfterARestartAndWhileAnotherRuns() throws {
        let access = NSTemporaryDirectory() + "hoistway-access-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: access) }
        try
            "topic readwrite lifts/#\ntopic readwrite hoistway/v1/#\ntopic write hoistway/selftest/+/state\n"
            .write(
                toFile: access, atomically: true, encoding: .utf8)
        chmod(access, 0o644)
        let site = try Site(
            parameters: quick, selfTest: "72h", brokerSettings: "acl_file \(access)")
        try site.startDaemon()
        #expect(
            site.wait(60) { site.alertStates.contains("selftest_failed raised") }, "\(site.account)"
        )
        let reason =
            "brings none of it back. Its access list must let the gateway read there, too (mosquitto: topic readwrite hoistway/selftest/+/state)"
        /// Waits until the row contains a text, with the exit code of a failed check.
        func shows(_ text: String) throws -> Bool {
            try site.wait {
                let status = try site.run(["status"])
                return status.status == 6 && status.output.contains(text)
            }
        }
        #expect(try shows(reason + ". hoistway selftest tries"), "\(site.status)")
        site.stopDaemon()
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        #expect(try shows(reason), "the reason is known after a restart: \(site.status)")
        try ActionInbox(stateFolder: site.folder + "/state").requestSelfTest()
        #expect(
            try shows("it is running again; the last one failed: the building's broker takes"),
            "\(site.status)")
    }

    @Test func withoutAReceiptTheSelfTestSaysWhatTheCentreMustDo() throws {
        // Not awaited: it takes 150 s.
        var report = SelfTest.Report(started: .init(seconds: 0))
        (report.received, report.raised) = (1, 2)
        #expect(
            SelfTest.missingStep(
                report, of: ["city", "keeper"], on: "t", isAcknowledged: true, username: nil)
                == "no receipt from city, keeper in 150 s. hoistway status shows whether it is connected. If it is, it must send a receipt for each stored event (docs/contract); a PUBACK of its broker is none"
        )
        report.received = nil
        #expect(
            SelfTest.missingStep(
                report, of: ["city"], on: "t", isAcknowledged: false, username: nil)
                == "the building's broker has not acknowledged what the self-test published on t")
    }
}
