import Foundation
import LiftModel
import Testing

@testable import Gateway
@testable import Journal

/// Sentences for a technician say the cause, once, and what to do.
@Suite struct TechnicianTextTests {
    @Test func theBrokersRowNamesTheBrokerOnce() {
        let row = StatusSnapshot.CheckRow(.failed(.broker, "broker: nothing listens on b:1883."))
        #expect(row.line == "building's broker: nothing listens on b:1883.")
        #expect(row.found == "broker: nothing listens on b:1883.", "as 0.3.0 wrote it")
    }

    @Test func aMissingProfileSaysWhereItIsLookedForAndHowItComesBack() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try """
        site: { id: s }
        broker: { url: "mqtt://127.0.0.1:1883" }
        centre: { url: "mqtts://centre.example:8883" }
        lifts: [{ id: A1, profile: gone-json }]
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let configuration = try Configuration(file: path)
        let message = #expect(throws: (any Error).self) { try configuration.deviceData() }
        let text = message.map { "\($0)" } ?? ""
        #expect(
            text.contains("'gone-json' is not a profile.")
                && text.contains("The shipped profiles are looked for in ")
                && text.contains("/profiles; make install puts them back"), "\(text)")
    }

    @Test(arguments: [
        ("INSERT INTO outbox(event_id) SELECT 1", "while writing)"), ("COMMIT", "while writing)"),
        ("SELECT * FROM batch", "while reading)"), ("opening", "while opening)"),
        ("reading the snapshot", "while reading the snapshot)"),
    ])
    func aFailureOfTheJournalHasNoSQLInIt(_ doing: String, _ expected: String) {
        let text = JournalError(path: "j", doing: doing, code: 13, message: "full").description
        #expect(text == "journal j: full (SQLite 13, \(expected)")
    }
}
