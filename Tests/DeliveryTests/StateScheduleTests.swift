import Contract
import LiftModel
import Testing

@testable import Delivery

/// The site's state leaves soon after a change, and now and then without one.
@Suite struct StateScheduleTests {
    @Test func aHeartbeatIsSentOnce() {
        var schedule = StateSchedule(minInterval: .seconds(1))
        #expect(!schedule.isDue(heartbeat: 0), "there is none yet")
        #expect(schedule.isDue(heartbeat: 1))
        schedule.sent(heartbeat: 1)
        #expect(!schedule.isDue(heartbeat: 1) && schedule.isDue(heartbeat: 2))
        schedule.reset()
        #expect(schedule.isDue(heartbeat: 1), "a new connection gets it again")
    }

    @Test func aChangedStateWaitsForAMomentAndAnUnchangedOneForTheInterval() {
        var schedule = StateSchedule(minInterval: .seconds(1))
        let state = SiteState()
        var changed = SiteState()
        changed.observesLifts = true
        #expect(schedule.isDue(state, at: .boot, every: .seconds(60)), "the first")
        schedule.sent(state, at: .boot)
        #expect(!schedule.isDue(changed, at: .init(seconds: 0.999_999_999), every: .seconds(60)))
        #expect(schedule.isDue(changed, at: .init(seconds: 1), every: .seconds(60)))
        #expect(!schedule.isDue(state, at: .init(seconds: 59), every: .seconds(60)))
        #expect(schedule.isDue(state, at: .init(seconds: 60), every: .seconds(60)))
        schedule.reset()
        #expect(schedule.isDue(state, at: .init(nanoseconds: 1), every: .seconds(60)))
    }
}
