import Elevator
import Testing

@testable import Uplink

/// What a centre may say, and what it may say wrongly.
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
        #expect(answer.words.map(\.word) == [.arrived, .released] && answer.stored == ["ids", "ids"])
    }

    private func answer(_ text: String) throws -> CentreAnswer { try CentreAnswer(Array(text.utf8)) }

    @Test func receiptsRefusalsAndWordsAreRead() throws {
        #expect(try answer(#"{"id": "a/1"}"#).stored == ["a/1"])
        #expect(try answer(#"{"ids": ["a/1", "b/2"], "more": 1}"#).stored == ["a/1", "b/2"])
        #expect(
            try answer(#"{"refused": [{"id": "a/1", "reason": "no such lift"}]}"#).refused[0].reason == "no such lift")
        let word = try answer(
            #"{"words": [{"word": "released", "alert_id": "a", "by": "Li", "people": 2, "word_id": "7"}]}"#
        ).words[0]
        #expect(word.word == .released && word.people == 2 && word.wordID == "7")
        let verified = try answer(
            #"{"words": [{"word": "verified", "alert_id": "a", "by": "Li", "people": 2, "condition": "calm", "known_by": "on_site"}]}"#
        ).words[0]
        #expect(verified.word == .verified && verified.condition == "calm" && verified.knownBy == .onSite)
    }

    @Test(arguments: [
        (#"{"id": 7}"#, "\"id\""),
        (#"{"words": [{"word": "accepted", "alert_id": "a"}]}"#, "\"by\" is missing"),
        (#"{"words": [{"word": "accepted", "alert_id": "a", "by": ""}]}"#, "\"by\": expected who"),
        (#"{"words": [{"word": "accepted", "alert_id": "a", "by": "x\u001fy"}]}"#, "\"by\": expected who"),
        (#"{"words": [{"word": "judged_false", "alert_id": "a", "by": "x"}]}"#, "what was found instead"),
        (#"{"words": [{"word": "released", "alert_id": "a", "by": "x", "people": -1}]}"#, "0 to 1000"),
        (#"{"words": [{"word": "verified", "alert_id": "a", "by": "x"}]}"#, "voice, camera or on_site"),
        (#"{"words": [{"word": "verified", "alert_id": "a", "by": "x", "known_by": "rumour"}]}"#, "rumour"),
        (
            #"{"words": [{"word": "verified", "alert_id": "a", "by": "x", "known_by": "voice", "people": 0}]}"#,
            "judged_false"
        ),
        (#"{"words": [{"word": "shout", "alert_id": "a", "by": "x"}]}"#, "shout"),
        ("[]", ""), ("", ""), ("{", ""), ("<html>", ""), (#"{"id": "a""#, ""),
    ])
    func aMistakeIsNamed(_ text: String, _ expected: String) {
        var problems: [String] = []
        do throws(CentreAnswer.Problem) {
            let answer = try CentreAnswer(Array(text.utf8))
            #expect(answer.isEmpty)
            problems = answer.problems
        } catch { problems = [error.description] }
        #expect(problems.count == 1 && (expected.isEmpty || problems[0].contains(expected)), "\(problems)")
    }

    @Test func whatCanBeReadIsTakenFromBesideWhatCannot() throws {
        let answer = try answer(
            #"{"ids": ["a/1"], "words": [{"word": "shout"}, {"word": "arrived", "alert_id": "a", "by": "Li"}], "refused": [{"id": 7}]}"#
        )
        #expect(answer.stored == ["a/1"] && answer.words.count == 1 && answer.problems.count == 2)
        #expect(answer.hasUnreadableRefusal, "nobody may take the rest of such a request for stored")
    }

    @Test func aFloodOfWordsIsCutAndAStrangersTextIsMadeHarmless() throws {
        let word = #"{"word":"arrived","alert_id":"a","by":"Li"}"#
        let flood = try answer("{\"words\":[" + Array(repeating: word, count: 500).joined(separator: ",") + "]}")
        #expect(flood.words.count == 20 && flood.problems.count == 1)
        let refusal = try answer(#"{"refused":[{"id":"x","reason":"no\nnever\u001b[31m"}]}"#).refused[0]
        #expect(refusal.reason == "no never [31m")
    }

    @Test func aServersWishForAPauseIsRead() {
        #expect(RetryAfter.pause("120", wall: 0) == .seconds(120))
        // 1994-11-06T08:49:37Z is second 784111777; the example of RFC 9110.
        #expect(
            RetryAfter.pause("Sun, 06 Nov 1994 08:49:37 GMT", wall: 784_111_700 * 1_000_000_000) == .seconds(77))
        #expect(RetryAfter.pause("Sun, 06 Nov 1994 08:49:37 GMT", wall: 784_111_800 * 1_000_000_000) == .zero)
        #expect(RetryAfter.pause("soon", wall: 0) == nil)
        #expect(RetryAfter.pause("-5", wall: 0) == nil)
    }
}
