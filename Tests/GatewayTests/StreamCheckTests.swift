import Foundation
import LiftModel
import Testing

@testable import Contract
@testable import Delivery
@testable import Journal
@testable import hoistway_sim

/// The strict centre finds what breaks the contract in a stream of messages, and says where.
@Suite struct StreamCheckTests {
    private static let contract = Site.root + "/docs/contract"

    /// The contract's example of an alert: revision 2 of an entrapment, which a person verified.
    private let example: String
    /// Its first revision.
    private var first: String {
        example.replacingOccurrences(of: "\"revision\": 2", with: "\"revision\": 1")
            .replacingOccurrences(of: "/2\",", with: "/1\",")
            .replacingOccurrences(of: "\"sequence\": 2", with: "\"sequence\": 1")
            .replacingOccurrences(of: "\"jws\"", with: "\"other\"")
    }

    init() throws {
        example = try String(
            contentsOfFile: Self.contract + "/examples/alert.json", encoding: .utf8)
    }

    /// The breaches of the first revision, followed by the example with these texts changed.
    private func breaches(_ changes: [(String, String)], topic: String? = nil) throws -> [String] {
        var check = try StreamCheck(contract: Self.contract)
        var changed = example
        for (from, to) in changes {
            #expect(changed.contains(from))
            changed = changed.replacingOccurrences(of: from, with: to)
        }
        check.take(Array(first.utf8))
        check.take(Array(changed.utf8), topic: topic)
        check.conclude()
        return check.breaches
    }

    @Test func theExampleKeepsTheContract() throws {
        #expect(try breaches([]) == [])
    }

    @Test func anEventOnTheWrongTopicIsToldOf() throws {
        let found = try breaches([], topic: "hoistway/v1/x/alert/fault")
        #expect(found.first?.contains("expected …/alert/entrapment") == true)
    }

    /// Each with a part of the first breach.
    @Test(arguments: [
        ("\"sequence\": 2", "\"sequence\": 4", "sequence 2 never came, 4 did"),
        ("\"sequence\": 2", "\"sequence\": 1", "is also that of"),
        ("\"floor\": 6", "\"floor\": 7", "the signed text differs from the event"),
    ])
    func aChangeIsTheFirstBreach(_ text: String, _ change: String, _ breach: String) throws {
        let found = try breaches([(text, change)])
        #expect(found.first?.contains(breach) == true, "\(found)")
    }

    /// Each with a part of a breach.
    @Test(arguments: [
        ("\"revision\": 2", "\"revision\": 3", "revision 2 never came"),
        ("\"time\": \"20", "\"time\": \"MM", "no RFC 3339 time"),
        ("\"senttime\": \"2026-", "\"senttime\": \"2025-", "sent before it was decided"),
        ("org.hoistway.alert.v1", "org.hoistway.alert.v9", "is not one of the contract's"),
        ("\"attempt\": 1,", "\"attempt\": 1, \"historical\": true,", "still open"),
        ("\"branch\": \"off_level\",", "", "without its branch"),
        ("\"state\": \"confirmed\"", "\"state\": \"suspected\"", "verified, and still suspected"),
        (
            "\"occupancy_source\": \"person\"", "\"occupancy_source\": \"sensor_stuck\"",
            "a sensor that is stuck"
        ),
    ])
    func aChangeIsABreach(_ text: String, _ change: String, _ breach: String) throws {
        let found = try breaches([(text, change)])
        #expect(found.contains { $0.contains(breach) }, "\(found)")
    }

    @Test func aPersonsStatementNamesThePerson() throws {
        let found = try breaches([("\"by\": \"Li Wei (city)\"", "\"people\": 3")])
        #expect(
            found.contains {
                $0.contains("without the person who said so") || $0.contains("by is missing")
            })
    }

    @Test func anEventThatCameFromMemoryHasItsNumberInItsLaterCopy() throws {
        var check = try StreamCheck(contract: Self.contract)
        let withoutNumber = first.replacingOccurrences(of: "\"sequence\": 1,", with: "")
        for text in [withoutNumber, example, first] { check.take(Array(text.utf8)) }
        check.conclude()
        #expect(check.breaches == [])
    }

    @Test func whatIsNoEventIsABreach() throws {
        var check = try StreamCheck(contract: Self.contract)
        for hostile in [
            "", "{", "[]", "{\"type\":7}", "\u{0}",
            "{\"type\":\"org.hoistway.alert.v1\",\"sequence\":1e300}",
        ] {
            check.take(Array(hostile.utf8))
        }
        check.conclude()
        #expect(check.breaches.count == 6)
    }

    // MARK: The life of an alert

    /// A stream of revisions of one entrapment, each with its state and its reason.
    private func breaches(of revisions: [(state: String, reason: String)]) throws -> [String] {
        var check = try StreamCheck(contract: Self.contract)
        for (number, (state, reason)) in zip(1..., revisions) {
            check.take(
                Array(
                    example.replacingOccurrences(
                        of: "\"revision\": 2", with: "\"revision\": \(number)"
                    )
                    .replacingOccurrences(of: "/2\",", with: "/\(number)\",")
                    .replacingOccurrences(of: "\"sequence\": 2", with: "\"sequence\": \(number)")
                    .replacingOccurrences(
                        of: "\"state\": \"confirmed\"", with: "\"state\": \"\(state)\""
                    )
                    .replacingOccurrences(
                        of: "\"reason\": \"verified\"", with: "\"reason\": \"\(reason)\""
                    )
                    .replacingOccurrences(of: "\"jws\"", with: "\"other\"").utf8))
        }
        check.conclude()
        return check.breaches
    }

    @Test func anAcceptanceThatConfirmsBreaksTheContractAndSoDoesAReminderAfterIt() throws {
        let first = ("suspected", "off_level")
        #expect(
            try breaches(of: [
                first, ("suspected", "accepted"), ("confirmed", "verified"),
                ("cleared", "released"),
            ])
                == [])
        #expect(
            try breaches(of: [first, ("confirmed", "accepted")]).contains {
                $0.contains("suspected became confirmed by being accepted")
            })
        #expect(
            try breaches(of: [first, ("suspected", "accepted"), ("suspected", "not_accepted")])
                .contains {
                    $0.contains("reminded of (revision 3) after it was accepted")
                })
    }

    // MARK: Lanes

    @Test(arguments: [(1, Lane.info), (2, .entrapment)])
    func aSentAlertEndsOnItsLaneAlsoWhenItIsSuppressed(_ revision: Int, _ lane: Lane) {
        #expect(Lane(of: "entrapment", .suppressed, .info, revision: revision) == lane)
    }

    /// The lane by which the gateway sends, and by which the strict centre expects it.
    @Test(arguments: [
        ("possible_fall", "emergency", Lane.entrapment), ("entrapment", "critical", .entrapment),
        ("car_alarm_call", "critical", .entrapment), ("unintended_movement", "critical", .fault),
        ("inspection", "info", .info),
    ])
    func anAlertsLaneGoesByItsKindAndItsSeverity(_ kind: String, _ severity: String, _ lane: Lane)
        throws
    {
        #expect(
            Lane(of: kind, .raised, try #require(Severity(rawValue: severity)), revision: 1) == lane
        )
        let text = example.replacingOccurrences(
            of: "\"kind\": \"entrapment\"", with: "\"kind\": \"\(kind)\""
        )
        .replacingOccurrences(
            of: "\"severity\": \"critical\"", with: "\"severity\": \"\(severity)\""
        )
        .replacingOccurrences(of: "\"jws\"", with: "\"other\"")
        var check = try StreamCheck(contract: Self.contract)
        check.take(Array(text.utf8), topic: "hoistway/v1/x/alert/\(lane)")
        #expect(check.breaches == [])
    }
}
