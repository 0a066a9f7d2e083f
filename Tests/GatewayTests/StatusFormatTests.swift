import Foundation
import Testing

@testable import Gateway

/// The status file and the events are read by programs of others: their bytes are those that 0.3.0
/// wrote of the same gateway (Fixtures).
@Suite struct StatusFormatTests {
    private func fixture(_ name: String) throws -> String {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/\(name)")
        return try String(contentsOf: file, encoding: .utf8)
    }

    /// The first place in which two texts differ, with some text around it.
    private func difference(_ found: String, _ expected: String) -> String? {
        if found == expected { return nil }
        let common = zip(found, expected).prefix { $0 == $1 }.count
        func around(_ text: String) -> Substring { text.dropFirst(max(0, common - 40)).prefix(120) }
        return "found \(around(found)) expected \(around(expected))"
    }

    @Test func theStatusFilesBytesAreThoseOf030() throws {
        let gateway = try FilledGateway()
        defer { gateway.remove() }
        let found = difference(gateway.status(), try fixture("status-0.3.0.json"))
        #expect(found == nil, "\(found ?? "")")
    }

    @Test func theHeartbeatsBytesAreThoseOf030() throws {
        let gateway = try FilledGateway()
        defer { gateway.remove() }
        #expect(difference(try gateway.heartbeat(), try fixture("heartbeat-0.3.0.json")) == nil)
    }

    @Test func theSelfTestsEventsBytesAreThoseOf030() throws {
        let gateway = try FilledGateway()
        defer { gateway.remove() }
        #expect(difference(try gateway.selfTestEvent(), try fixture("selftest-0.3.0.json")) == nil)
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        let gateway = try FilledGateway()
        defer { gateway.remove() }
        let written = gateway.snapshot
        let read = try StatusReader(runtimeFolder: "/nowhere").snapshot(written.json)
        func object(_ snapshot: StatusSnapshot) throws -> NSDictionary? {
            try JSONSerialization.jsonObject(with: Data(snapshot.json)) as? NSDictionary
        }
        // A reader orders signals by their names.
        #expect(try object(read) == object(written))
        #expect(read.lifts.map(\.signals.all.count) == written.lifts.map(\.signals.all.count))
        #expect(read.lifts[0].signals["doors.front.locked"] == .flag(true))
        #expect(
            read.selfTest?.stored.count == 2 && read.incidents.contains { $0.acceptedBy == "王" })
    }
}
