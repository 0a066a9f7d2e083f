import Contract
import LiftModel
import Monitoring
import Testing

@testable import Gateway
@testable import GatewayCore
@testable import Journal

/// What the gateway decides, input by input and without a broker, a disk or a clock. Any order of
/// inputs is tried by Tests/GatewaySimulation.
@Suite struct CoreTests {
    /// A core with one lift, and a caller that performs nothing but commits.
    private final class Caller {
        var core: GatewayCore
        var effects = Effects()
        var performed: [String] = []
        var committed: [Journal.Batch] = []
        /// The outcome of the next commits; nil for success.
        var failure: JournalError?
        var now = MonotonicTime(seconds: 1)
        private var sent = 0

        init(wasEmpty: Bool = true) throws {
            let data = try DeviceData(
                profiles: [Site.root + "/Devices/profiles"], rules: [Site.root + "/Devices/rules"])
            var intake = Intake(
                data: data, origin: AlertOrigin(site: "plaza"), admission: .registered,
                start: Instant(nanoseconds: 1_000_000_000), isObserving: false)
            try intake.register(
                Lift(id: "1"), profile: "gbt24476-json", at: Instant(nanoseconds: 1_000_000_000))
            core = GatewayCore(
                GatewayCore.Settings(
                    site: AlertEvent.Site(id: "plaza"), lanes: [:],
                    commitWait: .milliseconds(200), receiveMaximum: 10),
                intake: intake,
                recovered: Recovery.Outcome(
                    lastNow: wasEmpty ? nil : Instant(nanoseconds: 999_999_999)),
                from: JournalFacts(receiveMaximum: 10),
                at: Moment(time: Instant(seconds: 1), monotonic: now),
                into: &effects)
            perform()
        }

        var moment: Moment { Moment(time: Instant(nanoseconds: now.nanoseconds), monotonic: now) }

        func handle(_ input: borrowing Input) {
            core.handle(input, at: moment, into: &effects)
            perform()
        }

        func send(_ text: String, mid: Int) {
            let (topic, payload) = (Array("lifts/1/state".utf8), Array(text.utf8))
            handle(
                .message(
                    IncomingMessage(
                        topic: topic.span, payload: payload.span, qos: 1, isRetained: false,
                        mid: mid)))
        }

        /// Sends one more message, and commits it.
        func commitAMessage(failure: JournalError?) {
            self.failure = failure
            sent += 1
            send("{\"Sequence\":\(sent),\"Car_Status\":0}", mid: sent)
            handle(.commitNow)
        }
        /// The states of `disk_failing`, as they were committed.
        var diskStates: [String] {
            committed.flatMap(\.alerts).map(\.alert).filter { $0.kind == "disk_failing" }
                .map(\.state.rawValue)
        }

        func connect() {
            handle(.broker(.sessionStarted(isPresent: false)))
            handle(.broker(.subscribed))
        }

        private func perform() {
            while let effect = effects.takeNext() {
                switch effect {
                case .commit(let batch):
                    performed.append("commit \(batch.messages.count)")
                    if failure == nil { committed.append(batch) }
                    let outcome: StorageOutcome =
                        failure.map { .commitFailed($0) }
                        ?? .committed(sequence: Int64(committed.count))
                    core.handle(.storage(outcome), at: moment, into: &effects)
                case .acknowledge: performed.append("acknowledge")
                case .sendFromMemory(let events): performed.append("memory \(events.count)")
                default: break
                }
            }
        }
    }

    private static let full = JournalError(path: "j", doing: "commit", code: 13, message: "full")

    @Test func aMessageIsAcknowledgedOnlyAfterItsCommit() throws {
        let caller = try Caller()
        caller.connect()
        caller.performed = []
        caller.send("{\"Sequence\":1,\"Car_Status\":0}", mid: 1)
        #expect(!caller.core.mayWrite && caller.performed == [], "nothing is due yet")
        caller.now += .milliseconds(300)
        caller.handle(.time)
        #expect(caller.performed.prefix(2) == ["commit 1", "acknowledge"])
        #expect(caller.core.mayWrite)
    }

    @Test func aFailedCommitKeepsItsMessagesAndTheBrokerWaiting() throws {
        let caller = try Caller()
        caller.connect()
        caller.failure = Self.full
        caller.send("{\"Sequence\":1,\"Car_Status\":0}", mid: 1)
        caller.performed = []
        caller.now += .milliseconds(300)
        caller.handle(.time)
        #expect(caller.performed == ["commit 1"])
        #expect(!caller.core.mayWrite)
        caller.failure = nil
        caller.now += .milliseconds(1100)
        caller.handle(.time)
        #expect(caller.committed.last?.messages.count == 1 && caller.core.mayWrite)
    }

    /// Such a disk never makes the gateway go on without it, so nothing else informs the centre.
    @Test func aDiskThatTakesEverySecondCommitIsReportedToTheCentre() throws {
        let caller = try Caller()
        var states: [String] { caller.diskStates }
        caller.connect()
        func commit(afterSeconds seconds: Int64, failing: Bool) {
            caller.now += .seconds(seconds)
            caller.commitAMessage(failure: failing ? Self.full : nil)
        }
        // One failure that ends is no trouble of the disk.
        commit(afterSeconds: 1, failing: true)
        commit(afterSeconds: 2, failing: false)
        #expect(states == [])
        for _ in 0..<20 {
            commit(afterSeconds: 2, failing: true)
            commit(afterSeconds: 1, failing: false)
        }
        #expect(states == ["raised"], "once, after a minute")
        commit(afterSeconds: 58, failing: false)
        #expect(states == ["raised"], "it may fail again")
        commit(afterSeconds: 2, failing: false)
        commit(afterSeconds: 1, failing: false)
        #expect(states == ["raised", "cleared"])
    }

    /// Without the building's broker nothing else is committed for long.
    @Test func aDiskThatIsWellAgainIsReportedAlsoWhileNothingIsToBeCommitted() throws {
        let caller = try Caller()
        caller.connect()
        for index in 0..<40 {
            caller.now += .seconds(2)
            caller.commitAMessage(failure: index % 2 == 0 ? Self.full : nil)
        }
        #expect(caller.diskStates == ["raised"])
        caller.handle(.broker(.lost(isGiantPacket: false)))
        caller.now += .seconds(50)
        caller.handle(.time)
        #expect(caller.diskStates == ["raised"], "it may fail again")
        caller.now += .seconds(12)
        caller.handle(.time)
        #expect(caller.diskStates == ["raised", "cleared"])
    }

    /// Each new id is a new incident for the people at the centre.
    @Test func aDiskThatFailsAgainAndAgainForSecondsIsNoNewAlertEachTime() throws {
        let caller = try Caller()
        var states: [String] { caller.diskStates }
        caller.connect()
        func turn(seconds: Int, failing: Bool) {
            for _ in 0..<seconds {
                caller.now += .seconds(1)
                caller.commitAMessage(failure: failing ? Self.full : nil)
            }
        }
        turn(seconds: 10, failing: true)
        turn(seconds: 2, failing: false)
        #expect(states == ["raised", "cleared"], "the first end is reported at once")
        for _ in 0..<4 {
            turn(seconds: 10, failing: true)
            turn(seconds: 2, failing: false)
        }
        #expect(states == ["raised", "cleared", "raised"])
        turn(seconds: 57, failing: false)
        #expect(states == ["raised", "cleared", "raised"], "it may fail again")
        turn(seconds: 3, failing: false)
        #expect(states == ["raised", "cleared", "raised", "cleared"])
        turn(seconds: 10, failing: true)
        turn(seconds: 2, failing: false)
        #expect(states.suffix(2) == ["raised", "cleared"] && states.count == 6, "a new trouble")
    }

    /// Otherwise a replay would begin with the first batch, later than its messages, and give an
    /// alert of theirs another id.
    @Test func aNewJournalBeginsWithASnapshot() throws {
        #expect(try Caller().committed.first?.snapshot != nil)
        #expect(try Caller(wasEmpty: false).committed.isEmpty)
    }

    /// A replay takes entries in the order of their times.
    @Test func noTwoEntriesOfAJournalHaveOneTime() throws {
        let caller = try Caller()
        caller.connect()
        caller.now += .seconds(1)
        caller.handle(.time)
        caller.now += .seconds(1)
        caller.handle(.time)
        #expect(caller.core.isLive)
        // A stall is noticed at the moment of the message that ends it.
        caller.now += .seconds(3)
        caller.send("{\"Sequence\":1,\"Car_Status\":0}", mid: 1)
        caller.handle(.time)
        caller.now += .milliseconds(300)
        caller.handle(.time)
        let batch = try #require(caller.committed.first { !$0.messages.isEmpty })
        let controls = TimedControlEvent.all(in: try #require(batch.control))
        #expect(controls.map(\.control) == [.connection(.stalled)])
        #expect(controls[0].time.nanoseconds < batch.messages[0].arrival)
        #expect(batch.messages[0].arrival <= batch.now.nanoseconds)
    }
}
