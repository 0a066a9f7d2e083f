import Elevator
import Testing

@testable import Uplink

/// What a centre may say, and what it may say wrongly.
@Suite struct CentreAnswerTests {
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
    }

    @Test(arguments: [
        (#"{"id": 7}"#, "\"id\""),
        (#"{"words": [{"word": "accepted", "alert_id": "a"}]}"#, "\"by\" is missing"),
        (#"{"words": [{"word": "accepted", "alert_id": "a", "by": ""}]}"#, "\"by\": expected who"),
        (#"{"words": [{"word": "accepted", "alert_id": "a", "by": "x\u001fy"}]}"#, "\"by\": expected who"),
        (#"{"words": [{"word": "judged_false", "alert_id": "a", "by": "x"}]}"#, "what was found instead"),
        (#"{"words": [{"word": "released", "alert_id": "a", "by": "x", "people": -1}]}"#, "0 to 1000"),
        (#"{"words": [{"word": "shout", "alert_id": "a", "by": "x"}]}"#, "shout"),
        ("[]", ""), ("", ""), ("{", ""), ("<html>", ""), (#"{"id": "a""#, ""),
    ])
    func aMistakeIsNamed(_ text: String, _ expected: String) {
        let problem = #expect(throws: CentreAnswer.Problem.self) { try answer(text) }
        #expect(expected.isEmpty || problem?.description.contains(expected) == true, "\(problem?.description ?? "")")
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
