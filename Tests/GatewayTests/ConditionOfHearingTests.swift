import DeviceProfiles
import LiftModel
import Testing

@testable import Gateway
@testable import GatewayCore

/// A lift that sends nothing, or nothing new, is named until it is heard.
@Suite struct ConditionOfHearingTests {
    private func heard(_ change: (inout Condition) -> Void) -> Check {
        var condition = ConditionTests.well()
        change(&condition)
        return condition.liftsHeard
    }

    @Test func aSilenceThatTheRulesHaveFoundOutlivesAReconnection() {
        let silent = heard {
            $0.broker.observedFor = .seconds(2)
            $0.lifts[0].silence = .seconds(58)
            $0.lifts[0].isReportedSilent = true
        }
        #expect(silent.verdict == .failed)
        #expect(silent.found == "no message from Tower B (1) for 58 s")
        #expect(silent.advice?.contains("not authorised") == true)
    }

    @Test func theBacklogOfAReconnectionHidesNoSilence() {
        let silent = heard {
            $0.broker.observedFor = nil
            $0.lifts[0].silence = .seconds(300)
            $0.lifts[0].isReportedSilent = true
        }
        #expect(silent.verdict == .failed)
    }

    @Test func whenEveryLiftIsReportedSilentNoneIsWatched() {
        let silent = heard {
            for index in $0.lifts.indices {
                $0.lifts[index].silence = .seconds(60)
                $0.lifts[index].isReportedSilent = true
            }
        }
        #expect(silent.found == "no message from any lift for 60 s")
        #expect(silent.advice?.contains("the passwords of the lifts' accounts") == true)
    }

    @Test func anAdapterThatSpeaksWithoutItsControllerIsNoSilentAdapter() {
        let silent = heard { $0.lifts[0].isReportedSilent = true }
        #expect(
            silent.found
                == "messages come from Tower B (1), and the incident of its silence stays open: they do not show that its controller lives (they may be the adapter's own)"
        )
    }

    @Test func messagesThatShowNoLifeOfTheControllerAreNamedAndNoSilenceIsBlamed() {
        let partly = heard {
            $0.lifts[0].isReportedSilent = true
            $0.partlyReadLifts = [
                Condition.PartlyReadLift(
                    name: "Tower B (1)",
                    sources: ["Door_Status", "Door_Zone"].map {
                        UnreadSource(field: $0, found: nil)
                    })
            ]
        }
        #expect(
            partly.found.hasSuffix("lives (Door_Status, Door_Zone cannot be read in them)"),
            "\(partly.found)")
        #expect(partly.advice?.contains("power") == false && partly.verdict == .failed)
        let repeated = heard {
            for index in $0.lifts.indices {
                $0.lifts[index].isReportedSilent = true
                $0.lifts[index].repetition = Condition.RepeatedMessage(
                    of: Instant(rfc3339: "2026-11-30T08:00:00Z")!, lasting: .seconds(240))
            }
        }
        #expect(repeated.found.contains(":00 for 4 min: the adapter is frozen)"))
        #expect(!repeated.found.contains("no message"), "messages come from every lift")
        let silent = heard {
            $0.lifts[0].isReportedSilent = true
            $0.lifts[0].silence = .seconds(31)
        }
        #expect(silent.found == "no message from Tower B (1) for 31 s", "nothing comes")
    }

    @Test func workOnALiftExcusesItsSilence() {
        let excused = heard {
            $0.lifts[0].isReportedSilent = true
            $0.lifts[0].isExcused = true
        }
        #expect(excused.verdict == .ok)
    }

    @Test func aFrozenAdapterIsNamedWithTheTimeOfItsMessage() {
        let frozen = heard {
            $0.lifts[0].repetition = Condition.RepeatedMessage(
                of: Instant(rfc3339: "2026-11-30T08:00:00Z")!, lasting: .seconds(240))
        }
        #expect(frozen.verdict == .failed)
        #expect(frozen.found.hasPrefix("Tower B (1) repeats its message of "))
        #expect(frozen.found.hasSuffix(":00 for 4 min: the adapter is frozen"))
    }

    @Test func theRulesAlertsSayWhichLiftsAreSilentAlsoTogether() throws {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        let start = Instant(seconds: 1_772_409_600)
        var intake = Intake(data: data, admission: .registered, start: start, isObserving: true)
        for id in ["7", "8", "9"] {
            try intake.register(Lift(id: id), profile: "gbt24476-json", at: start)
        }
        for second in 0...400 {
            // Lifts 7 and 8 fall silent together, lift 9 speaks on.
            for id in second < 100 ? ["7", "8", "9"] : ["9"] where second % 5 == 0 {
                let (topic, payload) = (
                    Array("lifts/\(id)/state".utf8), Array(state(second + 1).utf8)
                )
                intake.take(
                    topic: topic.span, payload: payload.span, isRetained: false,
                    arrival: start + .seconds(second))
            }
            intake.advance(to: start + .seconds(second))
            if second == 110 { #expect(intake.detector.liftsReportedSilent.isEmpty) }
        }
        #expect(intake.detector.openAlerts.contains { $0.kind == Alert.areaSilence })
        #expect(intake.detector.liftsReportedSilent == [0, 1])
    }

    @Test func twoExchangedControllersAreNoFaultOfTheProfile() {
        var condition = ConditionTests.well()
        condition.refusedLifts = ["2"]
        #expect(condition.liftsUnderstood.advice?.contains("profile") == true)
        condition.messagesOfAnotherLift = 4
        #expect(
            condition.liftsUnderstood.advice?.contains("two controllers are exchanged") == true)
    }
}
