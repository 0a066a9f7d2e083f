import Testing

@testable import Detection

@Suite struct DeviceClockTests {
    private let second: Int64 = 1_000_000_000

    @Test func aTrueClockIsTakenAtItsWord() {
        var clock = DeviceClock()
        let judged = clock.judge(device: 100 * second, arrival: 100 * second + 20_000_000, mayBeQueued: false)
        #expect(judged.time == 100 * second)
    }

    /// Two clocks never agree; a second ahead is usual.
    @Test func aClockThatIsAheadTellsTheOrderOfWordsThatOvertookEachOther() {
        var clock = DeviceClock()
        let ahead = second * 8 / 10
        func judge(_ said: Int64, arriving arrival: Int64) -> Int64 {
            clock.judge(device: said + ahead, arrival: arrival, mayBeQueued: false).time
        }
        #expect(judge(100 * second, arriving: 100 * second + 20_000_000) == 100 * second + 20_000_000)
        let newer = judge(110 * second, arriving: 110 * second + 10_000_000)
        let overtaken = judge(109 * second, arriving: 111 * second)
        #expect(overtaken < newer)
        #expect(newer - overtaken == second, "as far apart as they were said")
    }

    /// The link between lift and broker was away for 45 s; the gateway's own connection was not.
    @Test func aBurstAfterTheLinkWasAwayKeepsItsTimes() {
        var clock = DeviceClock()
        var latest = clock.judge(device: 100 * second, arrival: 100 * second, latest: LiftMemory.beforeAll).time
        for said in [101, 110, 120, 130, 140, 145] as [Int64] {
            let judged = clock.judge(
                device: said * second, arrival: 146 * second, latest: latest)
            #expect(judged.time == said * second && !judged.isAbsurd, "said at \(said) s")
            latest = judged.time
        }
    }

    /// The gateway was away for a quarter of an hour, and the broker kept what the lift said; its clock was in 1970 for some of it.
    @Test func aClockThatJumpsInABacklogKeepsTheOrderAndThePace() {
        var clock = DeviceClock()
        var latest = clock.judge(device: 100 * second, arrival: 100 * second, latest: LiftMemory.beforeAll).time
        var times: [Int64] = []
        for (said, jump) in [
            (110, 0), (120, -90), (125, -90), (135, -90), (150, 0), (160, 86_400), (161, 86_400), (170, 0),
        ] as [(Int64, Int64)] {
            latest =
                clock.judge(
                    device: (said + jump) * second, arrival: 1000 * second, mayBeQueued: true, latest: latest,
                    countsOn: true
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
            let judged = clock.judge(device: device, arrival: arrival + 20_000_000, latest: latest)
            worst = max(worst, arrival - judged.time)
            latest = judged.time
        }
        #expect(worst < 2 * second, "\(worst / second) s")
    }

    @Test func aLinkThatHoldsWordsBackNowAndThenIsNoClockThatLosesTime() {
        var clock = DeviceClock()
        var latest = LiftMemory.beforeAll
        for round in 0..<200 {
            let start = Int64(round) * 100
            // Ten words at once, then 50 s in which the link is away, and five words in a burst.
            for said in stride(from: start, to: start + 100, by: 10) {
                let arrival = said < start + 50 ? said : start + 99
                let judged = clock.judge(
                    device: said * second, arrival: arrival * second, latest: latest)
                #expect(judged.time == said * second, "said at \(said) s")
                latest = judged.time
            }
        }
    }

    @Test func aRebootInABacklogIsPutBehindTheWordBeforeIt() {
        var clock = DeviceClock()
        let latest = clock.judge(device: 100 * second, arrival: 100 * second, latest: LiftMemory.beforeAll).time
        let rebooted = clock.judge(
            device: -1_000_000 * second, arrival: 900 * second, mayBeQueued: true, latest: latest, countsOn: false)
        #expect(rebooted.time > latest && rebooted.time < latest + second)
    }

    @Test func aClockThatGoesBackInAPauseIsLearnedAnew() {
        var clock = DeviceClock()
        var latest = clock.judge(device: 100 * second, arrival: 100 * second, latest: LiftMemory.beforeAll).time
        var times: [Int64] = []
        for arrival in stride(from: 160, through: 180, by: 5) {
            let judged = clock.judge(
                device: Int64(arrival - 40) * second, arrival: Int64(arrival) * second, mayBeQueued: false,
                latest: latest)
            latest = judged.time
            times.append(judged.time / second)
        }
        #expect(times == [120, 125, 170, 175, 180])
    }

    @Test func aTimeZoneIsLearnedFromTheFirstWord() {
        var clock = DeviceClock()
        _ = clock.judge(device: 0, arrival: 28_800 * second, mayBeQueued: false)
        let judged = clock.judge(device: 5 * second, arrival: 28_806 * second, mayBeQueued: false)
        #expect(judged.time == 28_805 * second)
        #expect(!judged.isAbsurd)
    }

    @Test func aClockThatJumpsAheadIsJudgedOnArrivalUntilItAgreesWithItself() {
        var clock = DeviceClock()
        var latest = clock.judge(device: 100 * second, arrival: 100 * second).time
        var absurd = 0
        for step in 1...10 as ClosedRange<Int64> {
            let arrival = (100 + 3 * step) * second
            let judged = clock.judge(device: arrival + 50_000 * second, arrival: arrival, latest: latest)
            #expect(judged.time == arrival)
            latest = judged.time
            if judged.isAbsurd { absurd += 1 }
        }
        #expect(1...4 ~= absurd)
    }

    /// What it says until then might as well be what an adapter had buffered.
    @Test(arguments: [1, 3, 10] as [Int64])
    func aClockThatIsSetBackIsBelievedAfterFifteenSeconds(every pace: Int64) {
        var clock = DeviceClock()
        let latest = clock.judge(device: 100 * second, arrival: 100 * second).time
        let times = Array(stride(from: Int64(101), through: 130, by: Int64.Stride(pace)))
        let old = times.prefix { arrival in
            clock.judge(device: (arrival - 50_000) * second, arrival: arrival * second, latest: latest).isOld
        }
        #expect(15...20 ~= Int64(old.count) * pace)
    }

    @Test(arguments: [0.001, 1.5, 8])
    func whatWasBufferedIsNeverTakenForAClockThatWasSetBack(pace: Double) {
        var clock = DeviceClock()
        let latest = clock.judge(device: 4000 * second, arrival: 4000 * second).time
        for number in 0..<300 {
            let arrival = 4000 * second + Int64(Double(number) * pace * 1e9)
            let judged = clock.judge(device: Int64(10 * number) * second, arrival: arrival, latest: latest)
            if 10 * number >= 3998 { break }
            #expect(judged.isOld)
        }
    }

    @Test func aWordFromTheFutureCountsAtItsArrival() {
        var clock = DeviceClock()
        _ = clock.judge(device: 100 * second, arrival: 100 * second, mayBeQueued: false)
        let judged = clock.judge(device: 9_999 * second, arrival: 101 * second, mayBeQueued: false)
        #expect(judged == DeviceClock.Judgement(time: 101 * second, isAbsurd: true, isNewOffset: false))
    }

    @Test func aBacklogKeepsItsOwnTimes() {
        var clock = DeviceClock()
        _ = clock.judge(device: 100 * second, arrival: 100 * second, mayBeQueued: false)
        let judged = clock.judge(device: 200 * second, arrival: 4000 * second, mayBeQueued: true)
        #expect(judged.time == 200 * second)
    }
}

extension DeviceClock {
    fileprivate mutating func judge(
        device: Int64, arrival: Int64, mayBeQueued: Bool = false, latest: Int64 = LiftMemory.beforeAll,
        countsOn: Bool = false
    ) -> Judgement {
        judge(
            device: device, arrival: arrival, Context(mayBeQueued: mayBeQueued, latest: latest, countsOn: countsOn))
    }
}
