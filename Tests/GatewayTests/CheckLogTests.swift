import LiftModel
import Testing

@testable import Gateway

/// The log says what is wrong as status does, once, and when it is right again.
@Suite struct CheckLogTests {
    private static func row(_ verdict: Check.Verdict, _ found: String = "1 of 2")
        -> StatusSnapshot
        .CheckRow
    {
        StatusSnapshot.CheckRow(
            Check(subject: .liftsHeard, verdict: verdict, found: found, advice: nil))
    }

    /// The lines at these seconds with these verdicts.
    private func lines(_ turns: [(second: Int64, verdict: Check.Verdict)]) -> [String] {
        var log = CheckLog()
        return turns.flatMap { turn in
            log.lines([Self.row(turn.verdict)], at: .boot + .seconds(turn.second)).map {
                "\(turn.second) \($0.level): \($0.text)"
            }
        }
    }

    @Test func aCheckThatTurnsWrongIsLoggedOnceAndAgainWhenItIsRight() {
        let turns: [(Int64, Check.Verdict)] =
            (0..<100).map { ($0, .failed) } + (100..<200).map { ($0, .ok) }
        #expect(
            lines(turns) == [
                "5 warning: lifts heard: 1 of 2.",
                "105 notice: lifts heard: all is well again (1 of 2)",
            ])
    }

    @Test func whatPassesAtOnceIsNotLogged() {
        #expect(lines([(0, .failed), (3, .failed), (4, .ok), (60, .ok)]).isEmpty)
    }

    @Test func whatIsNotKnownIsNeitherWrongNorRight() {
        #expect(
            lines([(0, .failed), (6, .failed), (70, .unknown), (90, .unknown), (100, .failed)])
                == ["6 warning: lifts heard: 1 of 2."])
        #expect(lines([(0, .unknown), (100, .unknown), (200, .ok)]).isEmpty)
    }

    @Test func aCheckThatFlapsHasALineAMinute() {
        // Wrong and right in turns of ten seconds each.
        let turns = (0..<Int64(600)).map { ($0, $0 / 10 % 2 == 0 ? Check.Verdict.failed : .ok) }
        #expect(lines(turns).count <= 11)
    }

    @Test func aRouteLogsItsOwnTroubleAndHasNoSecondLine() {
        var log = CheckLog()
        let down = StatusSnapshot.CheckRow(.failed(.routes, "city/1 is down: not connected yet"))
        #expect((0..<20).allSatisfy { log.lines([down], at: .boot + .seconds($0)).isEmpty })
    }

    @Test func theLineIsTheRowOfStatus() {
        let check = Check(
            subject: .routes, verdict: .failed, found: "a is down\nb is down.", advice: "Mend them."
        )
        #expect(
            StatusSnapshot.CheckRow(check).line
                == "routes to the centre: a is down. b is down. Mend them.")
    }
}
