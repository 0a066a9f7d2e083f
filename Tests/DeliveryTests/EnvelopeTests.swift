import Foundation
import Journal
import LiftModel
import Testing

@testable import Contract
@testable import Delivery
@testable import DeliveryCore

/// The members that each copy of an event gets.
@Suite struct EnvelopeTests {
    private let journal: Journal
    private let path =
        FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db"

    init() throws {
        journal = try Journal(path)
        try journal.beginRun(boot: "boot-1", anchor: -2_250_000_000)
        var batch = Journal.Batch(now: Instant(nanoseconds: 5_000_000_000))
        batch.stamp = ClockStamp(monotonic: MonotonicTime(seconds: 7.25), quality: "free")
        batch.events = [
            OutboundEvent(
                id: "e", type: "word", lane: .fault, subject: "s",
                body: Array("{\"id\":\"e\"}".utf8))
        ]
        try journal.commit(batch)
    }

    private func sent() throws -> [String: Any] {
        let row = try #require(try journal.pendingRow(for: "centre", event: "e"))
        let json = try EventCopies(journal, nil).json(
            Dispatch.Transmission(row: row, attempt: 3), at: Instant(nanoseconds: 0))
        return try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    }

    @Test func itSaysWhenByEveryClockAndWhichTimeItIsSent() throws {
        let event = try sent()
        #expect(event["bootid"] as? String == "boot-1" && event["monotonic"] as? String == "7.25")
        #expect(event["clockquality"] as? String == "free" && event["timecorrection"] == nil)
        #expect(event["attempt"] as? Int == 3 && event["sequence"] as? Int == 1)
    }

    @Test func aRunThatBeganIn1970IsCorrected() throws {
        #expect(try journal.correctRuns(by: 1_795_286_400_250_000_000) == 0)
        #expect(try sent()["timecorrection"] as? String == "1795286400.25")
        // The next run has its own time line, and events of the last run keep their correction.
        try journal.beginRun(boot: "boot-1", anchor: 1_795_286_398_000_000_000)
        #expect(try sent()["timecorrection"] as? String == "1795286400.25")
    }

    @Test func aRestartBeforeTheClockWasSetIsCorrectedOnceItIs() throws {
        // Two more runs: one of the same boot, whose time line starts where the first one's ended,
        // and one of another boot.
        try journal.beginRun(boot: "boot-1", anchor: -2_000_000_000)
        #expect(try journal.correctRuns(by: 1_795_286_400_000_000_000) == 1)
        #expect(try sent()["timecorrection"] as? String == "1795286400.25")
        #expect(try journal.correctRuns(by: 1_795_286_400_000_000_000) == 0, "nothing is new")
        try journal.beginRun(boot: "boot-2", anchor: 0)
        #expect(
            try journal.correctRuns(by: 50_000_000_000) == 0, "the clock of another boot is unknown"
        )
        #expect(try sent()["timecorrection"] as? String == "1795286400.25")
    }

    @Test func aSignatureHoldsTheEventAsItWasDecided() throws {
        let key = FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).pem"
        let signer = try Signer(keyFile: key)
        let again = try Signer(keyFile: key)
        #expect(signer.keyID == again.keyID, "the key is made once")
        let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let parts = try #require(signer.sign(Array("{}".utf8))).split(separator: ".")
        #expect(parts.count == 3 && parts[1] == "e30")
        try "no key".write(toFile: key, atomically: true, encoding: .utf8)
        #expect(throws: Signer.Problem.self) { try Signer(keyFile: key) }
    }
}
