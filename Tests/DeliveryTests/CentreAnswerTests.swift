import Foundation
import LiftModel
import Testing

@testable import Contract
@testable import DeliveryCore

/// Valid answers of a centre, and mistakes in them.
@Suite struct CentreAnswerTests {
    @Test(arguments: [
        #"{"words":[{"word":"end_of_alarm","word":"arrived","alert_id":"a","by":"Li"}]}"#,
        #"{"id":"a","id":"b"}"#, #"{"words":[],"ids":["x"],"words":[]}"#,
        #"{"words":[{"word":"arrived","w\u006frd":"end_of_alarm","alert_id":"a","by":"Li"}]}"#,
    ])
    func aKeyThatStandsTwiceIsNoAnswer(_ text: String) {
        #expect(throws: CentreAnswer.Problem.self) { try CentreAnswer(Array(text.utf8)) }
    }

    @Test func theSameKeyInTwoObjectsIsNoRepeat() throws {
        let answer = try CentreAnswer(
            Array(
                #"{"words":[{"word":"arrived","alert_id":"word","by":"{\"word\":1,"},{"word":"released","alert_id":"word","by":"L"}],"ids":["ids","ids"]}"#
                    .utf8))
        #expect(
            answer.commands.map(\.kind) == [.arrived, .released] && answer.stored == ["ids", "ids"])
    }

    private func answer(_ text: String) throws -> CentreAnswer {
        try CentreAnswer(Array(text.utf8))
    }

    @Test func receiptsRefusalsAndCommandsAreRead() throws {
        #expect(try answer(#"{"id": "a/1"}"#).stored == ["a/1"])
        #expect(try answer(#"{"ids": ["a/1", "b/2"], "more": 1}"#).stored == ["a/1", "b/2"])
        #expect(
            try answer(#"{"refused": [{"id": "a/1", "reason": "no such lift"}]}"#).refused[0].reason
                == "no such lift")
        let command = try answer(
            #"{"words": [{"word": "released", "alert_id": "a", "by": "Li", "people": 2, "word_id": "7"}]}"#
        ).commands[0]
        #expect(command.kind == .released && command.people == 2 && command.commandID == "7")
        let verified = try answer(
            #"{"words": [{"word": "verified", "alert_id": "a", "by": "Li", "people": 2, "condition": "calm", "known_by": "on_site"}]}"#
        ).commands[0]
        #expect(
            verified.kind == .verified && verified.condition == "calm"
                && verified.knownBy == .onSite)
    }

    @Test(arguments: [
        (#"{"id": 7}"#, "\"id\": found the number 7, expected the id of an event"),
        (#"{"ids": [null]}"#, "\"ids\" [0]: found null, expected the id of an event"),
        ("[]", "found a list, expected an object"), ("accepted", "not JSON: expected an object"),
        (#"{"words": {"word": "arrived"}}"#, "\"words\": found an object, expected a list"),
        (#"{"words": ["arrived"]}"#, "found \"arrived\", expected a command: {"),
        (
            #"{"word": "arrived", "alert_id": "a", "by": "x"}"#,
            "a command stands alone, expected {\"words\": ["
        ),
        (
            #"{"words": [{"word": "open_door", "alert_id": "a", "by": "x"}]}"#,
            "\"word\": found \"open_door\", expected one of accepted, verified, dispatched, arrived, released, end_of_alarm, judged_false"
        ),
        (
            #"{"words": [{"word": "arrived", "alert_id": "a", "by": {"name": "x"}}]}"#,
            "\"by\": found an object, expected the person's name: one line of at most 200 characters"
        ),
        (
            #"{"words": [{"word": "arrived", "alert_id": "a", "by": "x", "people": 2.5}]}"#,
            "\"people\": found the number 2.5, expected a whole number from 0 to 1000"
        ),
        (
            #"{"words": [{"word": "arrived", "alert_id": "a", "by": "x", "people": 99999999999999999999}]}"#,
            "expected a whole number from 0 to 1000"
        ),
        (
            #"{"words": [{"word": "arrived", "alert_id": "a", "by": "x", "people": 1e999}]}"#,
            "\"people\": found a number that is too large"
        ),
        (
            #"{"words": [{"word": "arrived", "alert_id": "a", "by": "x", "people": "2"}]}"#,
            "found \"2\", expected a whole"
        ),
        (
            "{\"words\": [{\"word\": \"arrived\", \"alert_id\": \"a\", \"by\": \"\(String(repeating: "x", count: 201))\"}]}",
            "\"by\": found 201 characters, expected the person's name: one line of at most 200 characters"
        ),
        (
            "{\"words\": [{\"word\": \"arrived\", \"alert_id\": \"a\", \"by\": \"x\", \"reason\": \"\(String(repeating: "x", count: 1001))\"}]}",
            "\"reason\": found 1001 characters, expected a remark: one line of at most 1000 characters"
        ),
        (
            #"{"words": [{"jws": 7}]}"#,
            "\"jws\": found the number 7, expected HEADER.PAYLOAD.SIGNATURE"
        ),
        (#"{"words": [{"word": "accepted", "alert_id": "a"}]}"#, "\"by\" is missing"),
        (
            #"{"words": [{"word": "accepted", "alert_id": "a", "by": ""}]}"#,
            "\"by\": found an empty text, expected the person"
        ),
        (
            #"{"words": [{"word": "accepted", "alert_id": "a", "by": "x\u001fy"}]}"#,
            "\"by\": found the control or invisible character U+001F at position 2, expected the person"
        ),
        (
            #"{"words": [{"word": "judged_false", "alert_id": "a", "by": "x"}]}"#,
            "what was found instead"
        ),
        (
            #"{"words": [{"word": "released", "alert_id": "a", "by": "x", "people": -1}]}"#,
            "0 to 1000"
        ),
        (
            #"{"words": [{"word": "verified", "alert_id": "a", "by": "x"}]}"#,
            "voice, camera or on_site"
        ),
        (
            #"{"words": [{"word": "verified", "alert_id": "a", "by": "x", "known_by": "rumour"}]}"#,
            "rumour"
        ),
        (
            #"{"words": [{"word": "verified", "alert_id": "a", "by": "x", "known_by": "voice", "people": 0}]}"#,
            "judged_false"
        ),
        (#"{"words": [{"word": "shout", "alert_id": "a", "by": "x"}]}"#, "shout"),
        ("", ""), ("{", ""), ("<html>", ""), (#"{"id": "a""#, ""),
    ])
    func aMistakeIsNamed(_ text: String, _ expected: String) {
        var problems: [String] = []
        do throws(CentreAnswer.Problem) {
            let answer = try CentreAnswer(Array(text.utf8))
            #expect(answer.isEmpty)
            problems = answer.problems + answer.refusedCommands.map(\.problem)
        } catch { problems = [error.description] }
        let problem = problems.first ?? ""
        #expect(
            problems.count == 1 && (expected.isEmpty || problem.contains(expected)), "\(problems)")
        // Not the error of a decoder, which is for a programmer.
        for fragment in ["Dictionary", "decode", "Cannot", "Expected", "Swift"] {
            #expect(!problem.contains(fragment), "\(problems)")
        }
        #expect(problem.first != " ")
    }

    private static func command(_ key: String, _ text: String) throws -> String {
        var members = [
            "word": "judged_false", "alert_id": "a", "by": "Li", "reason": "empty", "word_id": "1",
        ]
        members[key] = text
        if key == "condition" { members["word"] = "arrived" }
        return String(decoding: try JSONEncoder().encode(["words": [members]]), as: UTF8.self)
    }

    @Test(arguments: ["by", "reason", "condition", "word_id", "alert_id"])
    func aTextThatIsInvisibleOrHidesSomethingIsNoStatement(_ key: String) throws {
        for text in [
            "", "   ", "\u{3000}", "\u{200B}", "\u{2800}", "\u{3164}", "\u{FE0F}", "Li\u{200B}",
            "\u{202E}iL",
            "Li\u{2066}x", "Li\nWei",
            "Li\u{2028}Wei", "\u{FEFF}Li", "Li\u{AD}", "Li\u{7F}", "\u{E0041}Li",
        ] {
            let answer = try answer(try Self.command(key, text))
            #expect(answer.commands.isEmpty, "\(key) \(text.debugDescription)")
            #expect(
                answer.refusedCommands.first?.problem.hasPrefix("\"\(key)\": found ") == true,
                "\(answer.refusedCommands)")
        }
    }

    @Test(arguments: [
        "李伟", "O'Brien", "Nguyễn Văn A", "e\u{301}", "محمد", "לוי", "Zoë  M. (2)", "王小明 🚒", "ก้อง",
        "x",
    ])
    func aNameOfAnyLanguageIsAName(_ name: String) throws {
        #expect(try answer(try Self.command("by", name)).commands.first?.by == name)
    }

    @Test(arguments: [
        #"{"refused": "all"}"#, #"{"refused": [{"reason": "x"}]}"#, #"{"refused": ["a/1"]}"#,
        #"{"refused": {"id": "a/1"}}"#,
        #"{"refused": 1}"#, #"{"refused": [{"id": 5}]}"#,
        #"{"refused": [{"id": "a/1", "reason": 5}]}"#,
        #"{"ids": ["a/1"], "refused": [{"id": "a/1"}"#,
        #"{"refused": [], "refused": [{"id": "a/1"}]}"#,
        #"{"refu\u0073ed": "all"}"#,
        #"[{"refused": "all"}]"#,
    ])
    func whateverNamesRefusedAndCannotBeReadIsNoReceipt(_ text: String) {
        do throws(CentreAnswer.Problem) {
            let answer = try CentreAnswer(Array(text.utf8))
            #expect(answer.hasUnreadableRefusal && answer.refused.isEmpty)
        } catch { #expect(error.namesRefusal) }
    }

    @Test(arguments: [
        "", "OK", "[]", "{", #"{"refused": []}"#, #"{"refused": null}"#,
        #"{"refused": [{"id": "a/1"}]}"#,
        #"<html><script>x = {"refused": 1}</script></html>"#, #"{"id": "refused"}"#,
    ])
    func whatNamesNoRefusalOrAGoodOneHoldsNothingBack(_ text: String) {
        do throws(CentreAnswer.Problem) {
            #expect(try !CentreAnswer(Array(text.utf8)).hasUnreadableRefusal)
        } catch { #expect(!error.namesRefusal) }
    }

    @Test func commandsAreTakenOnOneTopicAndReceiptsOnTheOther() throws {
        let text =
            #"{"ids": ["a/1"], "words": [{"word": "arrived", "alert_id": "a", "by": "Li", "word_id": "7"}, {"word_id": "8"}]}"#
        var onReceiptTopic = try answer(text)
        onReceiptTopic.rejectCommands(on: "x/receipt", but: "x/word")
        #expect(onReceiptTopic.stored == ["a/1"] && onReceiptTopic.commands.isEmpty)
        #expect(onReceiptTopic.refusedCommands.map(\.commandID) == ["7", "8"])
        #expect(
            onReceiptTopic.refusedCommands.allSatisfy {
                $0.problem == "commands are not taken on x/receipt; publish them on x/word"
            })
        var onCommandTopic = try answer(text)
        onCommandTopic.rejectReceipts(on: "x/word", but: "x/receipt")
        #expect(onCommandTopic.stored.isEmpty && onCommandTopic.commands.count == 1)
        #expect(onCommandTopic.problems.count == 1)
    }

    @Test func anAnswerThatIsTooLongIsNamedWithTheLimit() {
        let text =
            "{\"refused\": [], \"words\": [], \"x\": \""
            + String(repeating: "x", count: CentreAnswer.longest) + "\"}"
        let problem = #expect(throws: CentreAnswer.Problem.self) {
            try CentreAnswer(Array(text.utf8))
        }
        #expect(problem?.description.hasSuffix("expected fewer than 1048576") == true)
        #expect(problem?.namesRefusal == true && problem?.namesCommands == true)
    }

    @Test func whatCanBeReadIsTakenFromBesideWhatCannot() throws {
        let answer = try answer(
            #"{"ids": ["a/1"], "words": [{"word": "shout"}, {"word": "arrived", "alert_id": "a", "by": "Li"}], "refused": [{"id": 7}]}"#
        )
        #expect(answer.stored == ["a/1"] && answer.commands.count == 1)
        #expect(answer.problems.count == 1 && answer.refusedCommands.count == 1)
        #expect(answer.hasUnreadableRefusal, "no event of such a request may count as stored")
    }

    @Test func aFloodOfCommandsIsCutAndForeignTextIsMadeHarmless() throws {
        let command = #"{"word":"arrived","alert_id":"a","by":"Li"}"#
        let flood = try answer(
            "{\"words\":[" + Array(repeating: command, count: 500).joined(separator: ",") + "]}")
        #expect(flood.commands.count == 20 && flood.refusedCommands.count == 1)
        let refusal = try answer(#"{"refused":[{"id":"x","reason":"no\nnever\u001b[31m"}]}"#)
            .refused[0]
        #expect(refusal.reason == "no never [31m")
    }

    @Test func aServersWishForAPauseIsRead() {
        #expect(RetryAfter.pause("120", wall: 0) == .seconds(120))
        // 1994-11-06T08:49:37Z is second 784111777; the example of RFC 9110.
        #expect(
            RetryAfter.pause("Sun, 06 Nov 1994 08:49:37 GMT", wall: 784_111_700 * 1_000_000_000)
                == .seconds(77))
        #expect(
            RetryAfter.pause("Sun, 06 Nov 1994 08:49:37 GMT", wall: 784_111_800 * 1_000_000_000)
                == .zero)
        #expect(RetryAfter.pause("soon", wall: 0) == nil)
        #expect(RetryAfter.pause("-5", wall: 0) == nil)
    }
}
