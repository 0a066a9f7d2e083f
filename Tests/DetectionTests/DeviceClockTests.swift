import Testing

@testable import Monitoring
@testable import RuleEngine

@Suite struct DeviceClockTests {
    private let second: Int64 = 1_000_000_000

    @Test func theTimesOfACorrectClockAreUsed() {
        var clock = DeviceClock()
        let assessment = clock.assess(
            device: 100 * second, arrival: 100 * second + 20_000_000, mayBeQueued: false)
        #expect(assessment.time == 100 * second)
    }

    /// Two clocks never agree; a difference of a second is usual.
    @Test func aClockThatIsAheadStillOrdersMessagesThatOvertookEachOther() {
        var clock = DeviceClock()
        let ahead = second * 8 / 10
        func assess(_ sent: Int64, arriving arrival: Int64) -> Int64 {
            clock.assess(device: sent + ahead, arrival: arrival, mayBeQueued: false).time
        }
        #expect(
            assess(100 * second, arriving: 100 * second + 20_000_000) == 100 * second + 20_000_000)
        let newer = assess(110 * second, arriving: 110 * second + 10_000_000)
        let overtaken = assess(109 * second, arriving: 111 * second)
        #expect(overtaken < newer)
        #expect(newer - overtaken == second, "as far apart as they were sent")
    }

    /// The link between lift and broker was away for 45 s; the gateway's own connection was not.
    @Test func aBurstAfterTheLinkWasAwayKeepsItsTimes() {
        var clock = DeviceClock()
        var latest = clock.assess(
            device: 100 * second, arrival: 100 * second, latest: LiftMemory.beforeAll
        ).time
        for sent in [101, 110, 120, 130, 140, 145] as [Int64] {
            let assessment = clock.assess(
                device: sent * second, arrival: 146 * second, latest: latest)
            #expect(
                assessment.time == sent * second && !assessment.isImplausible, "sent at \(sent) s")
            latest = assessment.time
        }
    }

    /// The gateway was away for a quarter of an hour, and the broker kept the lift's messages. The
    /// lift's clock was in 1970 for some of them.
    @Test func aClockThatJumpsInABacklogKeepsTheOrderAndThePace() {
        var clock = DeviceClock()
        var latest = clock.assess(
            device: 100 * second, arrival: 100 * second, latest: LiftMemory.beforeAll
        ).time
        var times: [Int64] = []
        for (sent, jump) in [
            (110, 0), (120, -90), (125, -90), (135, -90), (150, 0), (160, 86_400), (161, 86_400),
            (170, 0),
        ] as [(Int64, Int64)] {
            latest =
                clock.assess(
                    device: (sent + jump) * second, arrival: 1000 * second, mayBeQueued: true,
                    latest: latest,
                    isNewerBySequence: true
                ).time
            times.append(latest / second)
        }
        #expect(times == [110, 110, 115, 125, 150, 150, 151, 170])
    }

    /// 20 parts in a million are 52 s in a month.
    @Test func aClockThatLosesTimeIsFollowed() {
        var clock = DeviceClock()
        var latest = LiftMemory.beforeAll
        var worst: Int64 = 0
        for step in 0..<260_000 {
            let arrival = Int64(step) * 10 * second
            let device = arrival - arrival / 50_000
            let assessment = clock.assess(
                device: device, arrival: arrival + 20_000_000, latest: latest)
            worst = max(worst, arrival - assessment.time)
            latest = assessment.time
        }
        #expect(worst < 2 * second, "\(worst / second) s")
    }

    @Test func aLinkThatDelaysMessagesNowAndThenIsNoClockThatLosesTime() {
        var clock = DeviceClock()
        var latest = LiftMemory.beforeAll
        for round in 0..<200 {
            let start = Int64(round) * 100
            // Ten messages on time, then 50 s in which the link is away, and five messages in a
            // burst.
            for sent in stride(from: start, to: start + 100, by: 10) {
                let arrival = sent < start + 50 ? sent : start + 99
                let assessment = clock.assess(
                    device: sent * second, arrival: arrival * second, latest: latest)
                #expect(assessment.time == sent * second, "sent at \(sent) s")
                latest = assessment.time
            }
        }
    }

    @Test func aRebootInABacklogIsOrderedAfterTheMessageBeforeIt() {
        var clock = DeviceClock()
        let latest = clock.assess(
            device: 100 * second, arrival: 100 * second, latest: LiftMemory.beforeAll
        ).time
        let rebooted = clock.assess(
            device: -1_000_000 * second, arrival: 900 * second, mayBeQueued: true, latest: latest,
            isNewerBySequence: false)
        #expect(rebooted.time > latest && rebooted.time < latest + second)
    }

    @Test func aClockThatGoesBackInAPauseIsLearnedAnew() {
        var clock = DeviceClock()
        var latest = clock.assess(
            device: 100 * second, arrival: 100 * second, latest: LiftMemory.beforeAll
        ).time
        var times: [Int64] = []
        for arrival in stride(from: 160, through: 180, by: 5) {
            let assessment = clock.assess(
                device: Int64(arrival - 40) * second, arrival: Int64(arrival) * second,
                mayBeQueued: false,
                latest: latest)
            latest = assessment.time
            times.append(assessment.time / second)
        }
        #expect(times == [120, 125, 170, 175, 180])
    }

    @Test func aTimeZoneIsLearnedFromTheFirstMessage() {
        var clock = DeviceClock()
        _ = clock.assess(device: 0, arrival: 28_800 * second, mayBeQueued: false)
        let assessment = clock.assess(
            device: 5 * second, arrival: 28_806 * second, mayBeQueued: false)
        #expect(assessment.time == 28_805 * second)
        #expect(!assessment.isImplausible)
    }

    @Test func aClockThatJumpsAheadIsJudgedOnArrivalUntilItAgreesWithItself() {
        var clock = DeviceClock()
        var latest = clock.assess(device: 100 * second, arrival: 100 * second).time
        var absurd = 0
        for step in 1...10 as ClosedRange<Int64> {
            let arrival = (100 + 3 * step) * second
            let assessment = clock.assess(
                device: arrival + 50_000 * second, arrival: arrival, latest: latest)
            #expect(assessment.time == arrival)
            latest = assessment.time
            if assessment.isImplausible { absurd += 1 }
        }
        #expect(1...4 ~= absurd)
    }

    /// Until then the messages may be what an adapter had buffered.
    @Test(arguments: [1, 3, 10] as [Int64])
    func aClockThatIsSetBackIsBelievedAfterFifteenSeconds(every pace: Int64) {
        var clock = DeviceClock()
        let latest = clock.assess(device: 100 * second, arrival: 100 * second).time
        let times = Array(stride(from: Int64(101), through: 130, by: Int64.Stride(pace)))
        let old = times.prefix { arrival in
            clock.assess(
                device: (arrival - 50_000) * second, arrival: arrival * second, latest: latest
            ).isOld
        }
        #expect(15...20 ~= Int64(old.count) * pace)
    }

    @Test(arguments: [0.001, 1.5, 8])
    func whatWasBufferedIsNeverTakenForAClockThatWasSetBack(pace: Double) {
        var clock = DeviceClock()
        let latest = clock.assess(device: 4000 * second, arrival: 4000 * second).time
        for number in 0..<300 {
            let arrival = 4000 * second + Int64(Double(number) * pace * 1e9)
            let assessment = clock.assess(
                device: Int64(10 * number) * second, arrival: arrival, latest: latest)
            if 10 * number >= 3998 { break }
            #expect(assessment.isOld)
        }
    }

    @Test func aMessageFromTheFutureCountsAtItsArrival() {
        var clock = DeviceClock()
        _ = clock.assess(device: 100 * second, arrival: 100 * second, mayBeQueued: false)
        let assessment = clock.assess(
            device: 9_999 * second, arrival: 101 * second, mayBeQueued: false)
        #expect(
            assessment
                == DeviceClock.Assessment(
                    time: 101 * second, isImplausible: true, isNewOffset: false))
    }

    @Test func aBacklogKeepsItsOwnTimes() {
        var clock = DeviceClock()
        _ = clock.assess(device: 100 * second, arrival: 100 * second, mayBeQueued: false)
        let assessment = clock.assess(
            device: 200 * second, arrival: 4000 * second, mayBeQueued: true)
        #expect(assessment.time == 200 * second)
    }
}

extension DeviceClock {
    fileprivate mutating func assess(
        device: Int64, arrival: Int64, mayBeQueued: Bool = false,
        latest: Int64 = LiftMemory.beforeAll,
        isNewerBySequence: Bool = false
    ) -> Assessment {
        assess(
            device: device, arrival: arrival,
            Context(mayBeQueued: mayBeQueued, latest: latest, isNewerBySequence: isNewerBySequence))
    }
}
