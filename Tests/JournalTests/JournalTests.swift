import Encoding
import Foundation
import LiftModel
import Testing

@testable import Journal

/// The journal's invariants, under their numbers.
@Suite struct JournalInvariantTests {
    private let path =
        FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString).db"

    private func alert(
        _ id: String, _ revision: Int = 1, kind: String = "entrapment",
        state: AlertState = .suspected
    ) -> Alert {
        Alert(
            id: id, revision: revision, lift: "1", kind: kind, state: state, severity: .critical,
            rule: "r",
            ruleVersion: "v",
            onset: Instant(nanoseconds: 1), time: Instant(nanoseconds: Int64(revision)),
            reason: "held",
            hold: .seconds(10),
            confirmationHold: nil, evidence: [], vendorCode: nil, title: Title(en: "", zh: ""))
    }
    private func batch(_ messages: [JournalledMessage] = [], _ alerts: [Alert] = [], now: Int64 = 1)
        -> Journal.Batch
    {
        var batch = Journal.Batch(now: Instant(nanoseconds: now))
        batch.messages = messages
        batch.alerts = alerts.map { ($0, Array("{\"id\":\"\($0.id)\"}".utf8)) }
        return batch
    }
    private func message(_ n: Int, _ payload: String, topic: String = "lifts/1/state")
        -> JournalledMessage
    {
        JournalledMessage(
            arrival: Int64(n) * 1000, topic: Array(topic.utf8), payload: Array(payload.utf8),
            isRetained: n % 2 == 0,
            mid: n)
    }

    @Test func invariant1ABatchIsThereWholeOrNotAtAll() throws {
        let journal = try Journal(path)
        try journal.commit(batch([message(1, "a")], [alert("x")]))
        // The second batch fails at its end, after its messages and its alert are written.
        var failing = batch([message(2, "b")], [alert("y")])
        failing.counters = [("n", 1)]
        let saboteur = try Database(path)
        try saboteur.execute("ALTER TABLE counter RENAME TO hidden")
        #expect(throws: JournalError.self) { try journal.commit(failing) }
        try saboteur.execute("ALTER TABLE hidden RENAME TO counter")
        #expect(try journal.alerts().map(\.id) == ["x"])
        #expect(try journal.outboxSize().count == 1)
        var seen: [String] = []
        try journal.forEachBatch(after: 0) {
            seen += $0.messages.map { String(decoding: $0.payload, as: UTF8.self) }
        }
        #expect(seen == ["a"])
        // The journal still takes commits.
        try journal.commit(batch([message(3, "c")]))
        seen = []
        try journal.forEachBatch(after: 0) {
            seen += $0.messages.map { String(decoding: $0.payload, as: UTF8.self) }
        }
        #expect(seen == ["a", "c"])
    }

    @Test func invariant2EverythingIsSyncedAndTheLogIsAWAL() throws {
        let database = try Database(path)
        #expect(try database.scalar("PRAGMA synchronous") == 3)
        #expect(try database.text("PRAGMA journal_mode") == "wal")
    }

    @Test func invariant3ARowLeavesByAReceiptForItsRevisionOnly() throws {
        let journal = try Journal(path)
        try journal.commit(batch([], [alert("x", 1)]))
        try journal.commit(batch([], [alert("x", 2, state: .confirmed)]))
        #expect(try journal.receipt(["x/1", "unknown/7"], from: "centre") == 1)
        #expect(
            try journal.outbox(limit: 10).map(\.eventID) == ["x/2"],
            "a receipt for suspected never stops confirmed")
    }

    @Test func invariant4EvictionNeverPassesTheSnapshot() throws {
        let journal = try Journal(path)
        for n in 1...600 {
            try journal.commit(
                batch([message(n, String(repeating: "x\(n)", count: 50))], now: Int64(n)))
        }
        #expect(
            try journal.evictReadings(beyond: 1) == 0, "without a snapshot a restart needs them all"
        )
        try journal.saveSnapshot([1, 2, 3], through: 300)
        #expect(
            try journal.evictReadings(beyond: 1) == 256, "one whole segment lies before batch 300")
        var count = 0
        try journal.forEachBatch(after: 300) { _ in count += 1 }
        #expect(count == 300)
    }

    @Test func anAlertThatIsRecordedAgainIsOneRow() throws {
        let journal = try Journal(path)
        try journal.commit(batch([], [alert("x", 1)]))
        _ = try journal.receipt(["x/1"], from: "centre")
        try journal.commit(batch([], [alert("x", 1), alert("y", 1)]))
        #expect(try journal.outbox(limit: 10).map(\.eventID) == ["y/1"])
    }

    @Test func anEntrapmentOvertakesTheBacklog() throws {
        let journal = try Journal(path)
        for n in 1...50 {
            try journal.commit(batch([], [alert("fault-\(n)", kind: "door_open_fault")]))
        }
        try journal.commit(batch([], [alert("trapped")]))
        #expect(try journal.outbox(limit: 1).map(\.eventID) == ["trapped/1"])
    }

    @Test func whatWasClearedBeforeItWasDeliveredIsHistorical() throws {
        let journal = try Journal(path)
        try journal.commit(batch([], [alert("x", 1)]))
        #expect(try !journal.isOver("x/1"))
        try journal.commit(batch([], [alert("x", 2, state: .cleared)]))
        #expect(try journal.isOver("x/1"))
        #expect(try !journal.isOver("x/2"))
    }

    @Test func aRestartFindsEverything() throws {
        do {
            let journal = try Journal(path)
            try journal.commit(batch([message(7, "a"), message(8, "b")], [alert("x")], now: 5))
            try journal.saveSnapshot(Array(0..<200), through: 1)
        }
        let journal = try Journal(path)
        #expect(try journal.lastTime() == Instant(nanoseconds: 5))
        #expect(try journal.snapshot()?.through == 1)
        var last: [Int] = []
        try journal.forEachBatch(holdingTheLast: 10) { last += $0.messages.map(\.mid) }
        #expect(last == [7, 8])
        #expect(try journal.commit(batch()) == 2)
    }

    @Test func theLastMessagesAreFoundAcrossTurnsWithoutAny() throws {
        let journal = try Journal(path)
        for mid in 1...9 {
            try journal.commit(batch([message(mid, "a")], [], now: Int64(mid)))
            for _ in 0..<3 { try journal.commit(batch([], [], now: Int64(mid))) }
        }
        func last(_ count: Int) throws -> [Int] {
            var found: [Int] = []
            try journal.forEachBatch(holdingTheLast: count) { found += $0.messages.map(\.mid) }
            return found
        }
        #expect(try last(1) == [9])
        #expect(try last(4) == [6, 7, 8, 9])
        #expect(try last(100) == Array(1...9))
    }

    @Test func aNewerFormatAndAnotherProductsFileAreLeftUntouched() throws {
        do {
            let database = try Database(path)
            try database.execute("PRAGMA user_version=99")
            try database.execute("PRAGMA application_id=\(0x4857_4159)")
        }
        let error = #expect(throws: JournalError.self) { try Journal(path) }
        #expect(error?.message.contains("format 99") == true)
        try Database(path).execute("PRAGMA application_id=7")
        #expect(throws: JournalError.self) { try Journal(path) }
    }
}

@Suite struct ReadingsCodecTests {
    @Test func whatGoesInComesOutToTheByte() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var encoder = ReadingsCodec()
        var decoder = ReadingsCodec()
        for _ in 0..<200 {
            if next(20) == 0 {
                encoder.beginSegment()
                decoder.beginSegment()
            }
            var clock: Int64 = Int64(next(1 << 30)) << 20
            let messages = (0..<next(30)).map { _ in
                clock += Int64(next(1_000_000))
                let topic = Array("lifts/\(next(5))/state".utf8)
                let payload = (0..<next(400)).map { _ in UInt8(next(next(2) == 0 ? 3 : 256)) }
                if next(4) == 0 {
                    return JournalledMessage(
                        unread: payload.span, topic: topic, arrival: clock,
                        isRetained: next(2) == 0, mid: next(65_536))
                }
                return JournalledMessage(
                    arrival: clock, topic: topic, payload: payload, isRetained: next(2) == 0,
                    mid: next(65_536),
                    treatment: next(2) == 0 ? .read : .distinct)
            }
            #expect(try decoder.decode(encoder.encode(messages)) == messages, "seed \(seed)")
        }
    }

    @Test func aRepeatedMessageCostsAFewBytes() throws {
        var codec = ReadingsCodec()
        func state(_ n: Int) -> JournalledMessage {
            JournalledMessage(
                arrival: Int64(n) * 1_000_000_000, topic: Array("lifts/1/state".utf8),
                payload: Array(
                    "{\"Time_Stamps\":\"2026-03-01T08:00:\(10 + n).250+08:00\",\"Sequence\":\(1000 + n),\"Car_Status\":1,\"Car_Position\":7,\"Door_Zone\":false,\"Passenger_Status\":true}"
                        .utf8),
                isRetained: false, mid: n)
        }
        _ = codec.encode([state(0)])
        let blob = codec.encode((1...40).map(state))
        #expect(
            blob.count < 40 * 40, "\(blob.count) bytes for 40 messages of \(state(1).payload.count)"
        )
    }

    @Test func damagedBytesAreAnErrorAndNothingWorse() throws {
        var codec = ReadingsCodec()
        let good = codec.encode([
            JournalledMessage(
                arrival: 1, topic: [1], payload: Array(repeating: 7, count: 300), isRetained: false,
                mid: 3)
        ])
        for position in good.indices {
            var bad = good
            bad[position] ^= 0x55
            var fresh = ReadingsCodec()
            _ = try? fresh.decode(bad)
        }
        var fresh = ReadingsCodec()
        #expect(throws: MalformedBytes.self) { try fresh.decode(Array(good.dropLast(3))) }
    }
}
