import Contract
import Encoding
import Foundation
import HTTP
import InMemoryLogging
import Journal
import LiftModel
import Logging
import Platform
import PositionedYAML
import Synchronization
import Testing

@testable import Delivery
@testable import Gateway
@testable import hoistway_sim

/// Centres with a form of their own (`Devices/centres`).
@Suite struct CentreFormTests {
    private static let folder = Site.root + "/Devices/centres"
    private static let alert = Site.root + "/docs/contract/examples/alert.json"

    private func form(_ name: String) throws -> CentreForm {
        try CentreFormFile.read("\(Self.folder)/\(name).yaml")
    }

    @Test(arguments: try Files.yamlFiles(in: Self.folder))
    func theContractsExampleInThisFormIsTheFilesOwn(_ path: String) throws {
        #expect(try CentreFormExample.mistakes(path).isEmpty)
        #expect(
            try CentreFormFile.read(path).name + ".yaml"
                == path.split(separator: "/").last.map(String.init))
        let shipped = try Data(
            contentsOf: URL(fileURLWithPath: Self.folder + "/example-event.json"))
        #expect(try shipped == Data(contentsOf: URL(fileURLWithPath: Self.alert)))
    }

    @Test func anExampleThatTheFormDoesNotMakeIsAMistakeWithItsLocation() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func mistakes(_ example: String) throws -> [String] {
            try
                "form: x\nkinds: { entrapment: 8 }\nstates: { confirmed: 2 }\nfields: { a: { code: kind }, b: { from: subject } }\n\(example)"
                .write(toFile: path, atomically: true, encoding: .utf8)
            return try CentreFormExample.mistakes(path).map {
                "\($0)".replacingOccurrences(of: path, with: "FILE")
            }
        }
        #expect(try mistakes("example: { a: 8, b: \"31104401062020010004\" }").isEmpty)
        #expect(
            try mistakes("example: { a: 7, c: 1 }") == [
                "FILE:5:15: example: 'a' is 7, and the form makes 8 of it",
                "FILE:5:21: example: 'c' is 1, and the form makes nothing of it",
                "FILE:5:10: example: 'b' is missing, which the form writes",
            ])
        #expect(try mistakes("").first?.contains("'example' is missing") == true)
    }

    @Test func aStateThatAFormCannotExpressIsNotSent() throws {
        let form = try form("numeric-list")
        let event = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: Self.alert)), as: UTF8.self)
        func json(_ kind: String, _ state: String) throws -> [UInt8]? {
            try form.json(
                of: Array(
                    event.replacingOccurrences(
                        of: "\"kind\": \"entrapment\"", with: "\"kind\": \"\(kind)\""
                    )
                    .replacingOccurrences(
                        of: "\"state\": \"confirmed\"", with: "\"state\": \"\(state)\""
                    ).utf8))
        }
        #expect(try json("entrapment", "suspected") != nil)
        #expect(try json("sensor_stuck.door", "raised") == nil)
        #expect(try form.json(of: Array("{}".utf8)) == nil)
    }

    @Test func anEventThatCannotBeReadIsNotOneThatTheFormHasNoWordFor() throws {
        let form = try form("numeric-list")
        let event = try Data(contentsOf: URL(fileURLWithPath: Self.alert))
        #expect(throws: JSONError.self) { try form.json(of: []) }
        #expect(throws: JSONError.self) { try form.json(of: Array(event.dropLast(9))) }
    }

    /// A centre that received the alert also receives its end. An alert that was suppressed from
    /// the beginning was never sent as open.
    @Test(arguments: [("numeric-list", "status"), ("national-codes", "Active")])
    func aSentAlertThatIsSuppressedEndsAndOneThatAlwaysWasIsNotSent(
        _ name: String, _ key: String
    ) throws {
        let form = try form(name)
        let event = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: Self.alert)), as: UTF8.self
        )
        .replacingOccurrences(of: "\"state\": \"confirmed\"", with: "\"state\": \"suppressed\"")
        let body = try #require(try form.json(of: Array(event.utf8)))
        #expect(JSONValue(body)?[key]?.number == 0)
        let first = event.replacingOccurrences(of: "\"revision\": 2", with: "\"revision\": 1")
        #expect(try form.json(of: Array(first.utf8)) == nil)
    }

    /// One number is raised and cleared, whatever the reasons in between.
    @Test(arguments: [
        ("at_level", 7.0), ("shut_in", 7), ("off_level", 8), ("silence", 8),
        ("nothing known yet", 8),
    ])
    func anEntrapmentKeepsTheNumberOfItsBranch(_ branch: String, _ number: Double) throws {
        let form = try form("numeric-list")
        let event = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: Self.alert)), as: UTF8.self
        )
        .replacingOccurrences(of: "\"branch\": \"off_level\"", with: "\"branch\": \"\(branch)\"")
        for (reason, state) in [
            ("not_accepted", "suspected"), ("alarm_button", "confirmed"), ("released", "cleared"),
        ] {
            let variant = event.replacingOccurrences(
                of: "\"reason\": \"verified\"", with: "\"reason\": \"\(reason)\""
            )
            .replacingOccurrences(of: "\"state\": \"confirmed\"", with: "\"state\": \"\(state)\"")
            let body = try #require(try form.json(of: Array(variant.utf8)))
            #expect(JSONValue(body)?["faultType"]?.number == number, "\(reason)")
        }
    }

    @Test func aFormWithoutANumberForOtherBranchesIsRefused() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try
            "form: x\nkinds: { entrapment: { at_level: 7 } }\nstates: { raised: 1 }\nfields: { a: { code: kind } }\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        let error = #expect(throws: InvalidFiles.self) { try CentreFormFile.read(path) }
        #expect(
            error?.description.contains(":2:22: 'otherwise' is missing") == true,
            "\(String(describing: error))")
    }

    @Test func noFormTellsOfATestOrOfWhatIsOver() throws {
        let form = try form("numeric-list")
        let event = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: Self.alert)), as: UTF8.self)
        let test = event.replacingOccurrences(
            of: "\"data\": {", with: "\"data\": { \"test\": true,")
        #expect(try test != event && form.json(of: Array(event.utf8)) != nil)
        #expect(try form.json(of: Array(test.utf8)) == nil)
        #expect(try form.json(of: Array(event.utf8), isOver: true) == nil)
    }

    /// An alert of an earlier version does not contain the time of its evaluation; its own time is
    /// the nearest one.
    @Test func aFormGivesTheTimeOfTheReportAsTheEventHasIt() throws {
        let form = try form("national-codes")
        let event = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: Self.alert)), as: UTF8.self)
        func reportTime(_ recorded: String) throws -> String? {
            let lines = event.components(separatedBy: "\n").map {
                $0.contains("\"recordedtime\"") ? recorded : $0
            }
            let body = try #require(try form.json(of: Array(lines.joined(separator: "\n").utf8)))
            return JSONValue(body)?["Create_Time"]?.text
        }
        #expect(
            try reportTime("  \"recordedtime\": \"2026-11-22T21:27:00.000Z\",")
                == "2026-11-22T21:27:00.000Z")
        #expect(try reportTime("") == #require(JSONValue(event.utf8)?["time"]?.text))
    }

    @Test func aFormOfTooManyMembersIsRefused() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let fields = (1...60).map { "  f\($0): { from: data.floor }" }.joined(separator: "\n")
        try "form: x\nkinds: { a: 1 }\nstates: { raised: 1 }\nfields:\n\(fields)\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        let error = #expect(throws: InvalidFiles.self) { try CentreFormFile.read(path) }
        #expect(
            error?.description.contains("found 60 members of an event, expected at most 59") == true
        )
    }

    @Test func aCentreReceivesItsOwnFormAndItsReceiptCounts() throws {
        let centre = try HTTPCentre()
        let site = try Site(
            parameters: "off_level_hold: 1s, confirm_hold: 2s",
            centres:
                "centre: { url: \"\(centre.url)\", form: \"\(Self.folder)/national-codes.yaml\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        for (sequence, moving) in [(1, 1), (2, 0)] {
            site.send(
                "1",
                "{\"Sequence\":\(sequence),\"Service_Mode\":1,\"Car_Status\":\(moving),\"Car_Direction\":0,\"Door_Zone\":false,\"Car_Position\":3,\"Door_Status\":true,\"Door_Open_Limit\":false,\"Passenger_Status\":true,\"Message_Code\":[]}"
            )
        }
        #expect(
            site.wait { centre.received.count >= 2 && site.status("centre", "backlog") == 0 },
            "\(site.account)")
        let bodies = centre.received.compactMap { JSONValue($0.body) }
        #expect(
            bodies.allSatisfy {
                $0["Elevator_Code"]?.text == "1" && $0["Fault_Code"]?.text == "04"
                    && $0["Trapped"]?.number == 1
            })
    }

    @Test func aDamagedEventStaysInTheQueueIsLoggedAndHoldsUpNoOther() throws {
        let centre = try HTTPCentre()
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).db"
        let journal = try Journal(path)
        let event = Array(try Data(contentsOf: URL(fileURLWithPath: Self.alert)))
        var batch = Journal.Batch(now: Instant(nanoseconds: 1))
        batch.events = [("damaged", Array(event.dropLast(9))), ("whole", event)].map { id, body in
            OutboundEvent(id: id, type: "alert", lane: .entrapment, subject: "1", body: body)
        }
        try journal.commit(batch)
        let log = InMemoryLogHandler()
        let isStopping = Atomic(false)
        let now: @Sendable () -> Instant = { Instant(nanoseconds: MonotonicClock.wallNanoseconds) }
        let context = RouteContext(
            delivery: DeliveryState(routes: [
                .init(centre: "centre", name: "centre", url: centre.url)
            ]), index: 0,
            log: Logger(label: "test", factory: { _ in log }), clock: now, calendar: now,
            isStopping: { isStopping.load(ordering: .relaxed) }, storeCommand: { _ in true })
        let settings = RouteSettings(
            site: AlertEvent.Site(id: "north", name: "North"), centre: "centre",
            lanes: Set(Lane.allCases),
            routeIndex: 0, fallbackAfter: [:], backlogRate: 50, journalPath: path, signer: nil,
            commandKey: nil)
        var options = HTTPSRoute.Options(
            url: centre.url, client: HTTPClient.Options(), authorization: .none)
        options.form = try form("national-codes")
        let route = HTTPSRoute.start(settings, options: options, in: context)
        defer {
            isStopping.store(true, ordering: .relaxed)
            route.join()
        }
        for _ in 0..<200 where try journal.outboxSize().count > 1 { usleep(50_000) }
        #expect(try journal.pendingRow(for: "centre", event: "whole") == nil)
        #expect(try journal.pendingRow(for: "centre", event: "damaged") != nil)
        #expect(centre.received.count == 1)
        let lines = log.entries.map { "\($0.message)" }
        #expect(
            lines.contains {
                $0.contains("event damaged cannot be put into the form 'national-codes'")
            }, "\(lines)")
    }

    private func success(_ written: String) throws -> CentreForm.Success? {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try
            "form: x\nkinds: { a: 1 }\nstates: { raised: 1 }\nfields: { a: { from: id } }\n\(written)\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        return try CentreFormFile.read(path).success
    }

    @Test(
        arguments: [
            ("{ field: code, equals: 0 }", #"{"code":0}"#, true),
            ("{ field: code, equals: 0 }", #"{"code":"0"}"#, true),
            ("{ field: code, equals: 0 }", #"{"code":500,"msg":"busy"}"#, false),
            ("{ field: code, equals: [0, 200] }", #"{"code":200}"#, true),
            ("{ field: ok, equals: true }", #"{"ok":true}"#, true),
            ("{ field: data.result, equals: success }", #"{"data":{"result":"success"}}"#, true),
            ("{ field: code, equals: 0 }", "", false),
            ("{ field: code, equals: 0 }", "<html>", false),
            ("{ field: code, equals: 0 }", #"{"code":null}"#, false),
        ])
    func theBodySaysWhetherTheCentreHasIt(_ success: String, _ body: String, _ isReceipt: Bool)
        throws
    {
        #expect(try self.success("success: \(success)")?.isReceipt(Array(body.utf8)) == isReceipt)
    }

    @Test func withoutASuccessFieldEach2xxIsAReceiptAndAWrongKeyGetsAHint() throws {
        #expect(try success("") == nil)
        let error = #expect(throws: InvalidFiles.self) {
            try success("accepted_when: { field: code }")
        }
        #expect(
            error?.description.contains(
                ":5:1: 'accepted_when' is not a key here. Did you mean 'success:") == true)
        let wrong = #expect(throws: InvalidFiles.self) { try success("success: { field: code }") }
        #expect(wrong?.description.contains(":5:10: the key 'equals' is missing") == true)
    }

    /// A platform that answers 200 with an error code has stored nothing; events about people are
    /// resent until it has.
    @Test func a200WithAFailingBodyIsNoReceipt() throws {
        let form = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: form) }
        let text = try String(contentsOfFile: "\(Self.folder)/national-codes.yaml", encoding: .utf8)
        try (text + "\nsuccess: { field: code, equals: 0 }\n").write(
            toFile: form, atomically: true, encoding: .utf8)
        let centre = try HTTPCentre { _ in
            HTTPCentre.Answer(status: 200, body: #"{"code":500,"msg":"busy"}"#)
        }
        let site = try Site(
            parameters: "off_level_hold: 1s, confirm_hold: 2s",
            centres: "centre: { url: \"\(centre.url)\", form: \"\(form)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { centre.received.count >= 3 }, "sent again")
        #expect(site.status("centre", "receipts") == 0)
        centre.now { _ in HTTPCentre.Answer(status: 200, body: #"{"code":0}"#) }
        #expect(
            site.wait(40) {
                site.status("centre", "backlog") == 0 && site.status("centre", "receipts") >= 2
            },
            "\(site.account)")
    }

    @Test func aFormsMistakesAreNamedWithTheirPlaces() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try
            "form: x\nkinds: { a: [1] }\nstates: { raised: 1 }\nfields: { a: { code: shape }, b: { if: data.kind } }\nfeilds: {}\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        let error = #expect(throws: InvalidFiles.self) { try CentreFormFile.read(path) }
        let found = error?.description ?? ""
        for expected in [
            ":2:13: found", ":4:14: found the code 'shape'", "the key 'begins' is missing",
            ":5:1: 'feilds' is not a key",
        ] {
            #expect(found.contains(expected), "\(expected) not in \(found)")
        }
    }
}
