import Foundation
import LiftModel
import Testing

@testable import Gateway
@testable import GatewayCore
@testable import Journal

/// The states of the telemetry loop, each with its one transition function, without a broker.
@Suite struct LoopPartsTests {
    @Test func theBacklogIsDryOnlyAfterTwoQuietRounds() {
        var watch = BacklogWatch()
        let round = BacklogWatch.settling + .nanoseconds(1)
        watch.start(at: .boot)
        for _ in 0..<1000 { watch.noteMessage() }
        let verdicts = (1...3).map { watch.isDry(at: .boot + round * $0) }
        #expect(verdicts == [false, false, true])
    }

    @Test func timersWaitNoLongerThanTheCapForTheBacklog() {
        var watch = BacklogWatch()
        watch.start(at: .boot)
        var now = MonotonicTime.boot
        while now < MonotonicTime(seconds: 29) {
            for _ in 0..<500 { watch.noteMessage() }
            now += .milliseconds(110)
            let isDry = watch.isDry(at: now)
            #expect(!isDry)
        }
        let isDryAtLast = watch.isDry(at: .init(seconds: 30.000_000_001))
        #expect(isDryAtLast)
    }

    // MARK: Observation

    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let later = Instant(nanoseconds: 9_000_000_000)

    private func observation(after events: Observation.Event...) -> Observation {
        var state = Observation.deaf(since: Self.start)
        for event in events { state.apply(event) }
        return state
    }

    @Test func silenceCountsOnlyFromTheEndOfTheBacklog() {
        #expect(!observation(after: .subscribed).isLive)
        let live = observation(after: .subscribed, .caughtUp(at: .init(nanoseconds: 5)))
        #expect(
            live.isLive && live.liveSince == MonotonicTime(nanoseconds: 5) && live.deafSince == nil)
    }

    @Test func aConnectionThatIsLostBeforeTheBacklogIsReadLeavesTheGapAsItWas() {
        let state = observation(after: .subscribed, .lost(at: Self.later))
        #expect(state.deafSince == Self.start && !state.isObserving)
    }

    @Test func anEndOfTheConnectionBeginsAGapAlsoDuringAStall() {
        for events: [Observation.Event] in [[], [.stalled]] {
            var state = observation(after: .subscribed, .caughtUp(at: .init(nanoseconds: 5)))
            for event in events { state.apply(event) }
            #expect(state.isObserving)
            state.apply(.lost(at: Self.later))
            #expect(state.deafSince == Self.later && state.liveSince == nil)
        }
    }

    @Test func aStallEndsWhenTheMessagesAreRead() {
        var state = observation(after: .subscribed, .caughtUp(at: .init(nanoseconds: 5)), .stalled)
        #expect(
            !state.isLive && state.isObserving && state.liveSince == MonotonicTime(nanoseconds: 5))
        state.apply(.caughtUp(at: .init(nanoseconds: 7)))
        #expect(state.isLive && state.liveSince == MonotonicTime(nanoseconds: 7))
    }

    @Test func whileNothingIsSubscribedNothingIsCaughtUpOrStalled() {
        #expect(
            observation(after: .caughtUp(at: .init(nanoseconds: 5)), .stalled).deafSince
                == Self.start)
    }

    // MARK: Storage

    private static let full = JournalError(path: "j", doing: "commit", code: 13, message: "full")
    private static let damage = JournalError(
        path: "j", doing: "commit", code: 11, message: "malformed")

    @Test func aFailureKeepsItsBeginningOverRetriesAndEndsWithACommit() {
        var state = StorageState.healthy
        state.apply(.failed(Self.full, at: .init(nanoseconds: 10), pending: 0))
        state.apply(.failed(Self.full, at: .init(nanoseconds: 2_000_000_010), pending: 0))
        #expect(state.failure?.since == MonotonicTime(nanoseconds: 10))
        #expect(state.failure?.retryAt == MonotonicTime(nanoseconds: 3_000_000_010))
        state.apply(.committed)
        #expect(state.failure == nil)
        state.apply(.failed(Self.full, at: .init(nanoseconds: 50), pending: 0))
        #expect(state.failure?.since == MonotonicTime(nanoseconds: 50), "a new failure")
    }

    @Test func theMoreAlertsWaitTheRarerAreTheRetries() {
        var state = StorageState.healthy
        state.apply(.failed(Self.full, at: .boot, pending: 1000))
        #expect(state.failure?.retryAt == MonotonicTime(nanoseconds: 3_000_000_000))
    }

    @Test func withoutADiskMeansUntilACommit() {
        var state = StorageState.healthy
        state.apply(.released)
        #expect(!state.isWithoutDisk, "nothing has failed")
        state.apply(.failed(Self.full, at: .boot, pending: 0))
        #expect(!state.isWithoutDisk)
        state.apply(.released)
        #expect(state.isWithoutDisk)
        state.apply(.failed(Self.full, at: .init(nanoseconds: 5), pending: 0))
        #expect(state.isWithoutDisk && state.failure?.since == .boot)
        state.apply(.committed)
        #expect(!state.isWithoutDisk)
    }

    @Test func damageStaysAlsoThoughACommitSucceeds() {
        for found: StorageState.Event in [
            .failed(Self.damage, at: .init(nanoseconds: 3), pending: 0),
            .damageFound(Self.damage, at: .init(nanoseconds: 3)),
        ] {
            var state = StorageState.healthy
            state.apply(found)
            state.apply(.committed)
            #expect(state.damage != nil && state.failure?.since == MonotonicTime(nanoseconds: 3))
            #expect(!state.isWithoutDisk)
        }
    }

    // MARK: The commit cycle

    private func message(bytes: Int) -> JournalledMessage {
        JournalledMessage(
            arrival: 0, topic: [1], payload: [UInt8](repeating: 0, count: bytes), isRetained: false,
            mid: 1)
    }

    @Test func nothingMayBeWrittenBetweenTheFirstReadAndTheCommit() {
        var batch = OpenBatch(window: 10, bytes: 8 << 20)
        #expect(batch.isEmpty)
        batch.noteRead(at: .init(nanoseconds: 5))
        #expect(!batch.isEmpty, "also for a message that was sent again and is not journalled")
        batch.noteRead(at: .init(nanoseconds: 7))
        #expect(batch.readingSince == MonotonicTime(nanoseconds: 5))
        batch.forgetMessages()
        #expect(!batch.isEmpty, "the commit is not over")
        batch.close()
        #expect(batch.isEmpty)
    }

    @Test func aBatchEndsAtTheWindowAndAtEightMebibytes() {
        var batch = OpenBatch(window: 3, bytes: 8 << 20)
        for _ in 0..<3 {
            #expect(batch.hasRoom)
            batch.noteRead(at: .boot)
        }
        #expect(!batch.hasRoom && batch.credit == 1)
        batch.close()
        #expect(batch.hasRoom && batch.credit == 3)
        batch.append(message(bytes: 8 << 20))
        #expect(!batch.hasRoom)
        batch.forgetMessages()
        batch.close()
        #expect(batch.hasRoom)
    }

    // MARK: Snapshots

    @Test func aSnapshotGoesWithACommitBeforeAStartWouldReplayTooMuch() {
        var schedule = CommitSchedule(wantsSnapshot: true, at: .boot)
        var included = [schedule.includesSnapshot(with: 0)]
        schedule.noteCommit(1, bytes: 100, at: .boot)
        included.append(schedule.includesSnapshot(with: 8 << 20))
        schedule.noteCommit(2, bytes: 8 << 20, at: .boot)
        schedule.noteCommit(3, bytes: 8 << 20, at: .boot)
        included.append(schedule.includesSnapshot(with: 1))
        schedule.noteCommit(4, bytes: 1, at: .boot)
        included.append(schedule.includesSnapshot(with: 1))
        #expect(included == [true, false, true, false], "first that of a run that replayed")
    }

    @Test func withoutMessagesACommitRecordsEveryFiveSecondsThatLiftsAreObserved() {
        var schedule = CommitSchedule(wantsSnapshot: false, at: .boot)
        schedule.noteCommit(1, bytes: 0, at: .init(seconds: 1))
        #expect(!schedule.mustNoteObserving(at: .init(seconds: 5.999_999_999)))
        #expect(schedule.mustNoteObserving(at: .init(seconds: 6)))
    }

    // MARK: Output

    private func alert(_ kind: String, _ number: Int) -> Alert {
        Alert(
            id: "\(kind)-\(number)", revision: 1, lift: "1", kind: kind, state: .raised,
            severity: .minor, rule: kind,
            ruleVersion: "", onset: Self.start, time: Self.start, reason: kind, hold: .zero,
            confirmationHold: nil,
            evidence: [], vendorCode: nil, title: Title(en: kind, zh: kind))
    }

    @Test func aLongTimeWithoutADiskDropsTheOldestAlertsThatAreNoEntrapments() {
        var output = PendingOutput()
        output.add(alert("entrapment", 0), [])
        for number in 0..<PendingOutput.mostInMemory + 5 { output.add(alert("door", number), []) }
        let surplus = output.dropSurplus()
        #expect(surplus == 6)
        #expect(output.alerts.count == PendingOutput.mostInMemory)
        #expect(output.alerts.map(\.alert.id).prefix(2) == ["entrapment-0", "door-6"])
    }

    @Test func theRoutesAreGivenTheOutputFromMemoryOnceAChange() {
        var output = PendingOutput()
        var given = [output.takeChangeForRoutes()?.count]
        output.add(alert("door", 1), [])
        for _ in 0..<2 { given.append(output.takeChangeForRoutes()?.count) }
        output.noteCommitted()
        output.noteDiskIsWell()
        output.add(alert("door", 2), [])
        given.append(output.takeChangeForRoutes()?.count)
        #expect(given == [nil, 1, nil, 1], "at last the same number, after a time with a disk")
    }

    @Test func theSitesStateWaitsForItsTurn() {
        var publication = SiteStatePublication()
        var turns: [Bool] = []
        for time in [1, 1.1] {
            turns.append(publication.takeTurn(at: .init(seconds: time)))
        }
        #expect(turns == [true, false] && publication.isDue)
        turns.append(publication.takeTurn(at: .init(seconds: 1.2)))
        #expect(turns.last == true && !publication.isDue)
    }
}
