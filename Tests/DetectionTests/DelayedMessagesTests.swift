import LiftModel
import Testing

@testable import Monitoring

/// A link between lift and broker was away while the gateway observed; the messages of that time
/// arrive in one burst.
@Suite struct DelayedMessagesTests {
    /// A lift that stands idle until 100 s and then carries people, with a message every five
    /// seconds. Its link is away then, and these messages arrive in a burst.
    private func building(awayUntil end: Double) throws -> Building {
        var building = try Building.shipped()
        var key: Int64 = 0
        for time in stride(from: 0.0, to: end, by: 5) {
            key += 1
            let isInside = time >= 100 && (time - 100).truncatingRemainder(dividingBy: 60) < 30
            building.send(
                at: time, arriving: time < 100 ? time : end + Double(key) / 1000, sequence: key
            ) {
                $0.stopsBetweenFloors()
                $0.set(.inDoorZone, !isInside)
                $0.set(.moving, isInside)
                $0.set(.frontLocked, isInside)
                $0.set(.frontFullyOpen, !isInside)
                $0.set(.occupied, isInside)
            }
        }
        building.advance(to: end + 10)
        return building
    }

    @Test(arguments: [90.0, 120, 300, 3600])
    func theFirstOldMessageLetsNoHoldPassBeforeTheNextIsRead(_ seconds: Double) throws {
        let building = try building(awayUntil: 100 + seconds)
        #expect(
            !building.alerts.contains { $0.kind.hasPrefix("entrapment") }, "\(building.revisions)")
    }

    /// Its messages grow older and older, or have a constant age: that is no burst, and nothing
    /// waits for the rest of it.
    @Test(arguments: [(0.0, 115), (0.5, 115), (1, 104), (1.001, 104)])
    func aClockThatLagsBehindKeepsNoTimerWaiting(_ pace: Double, _ latest: Int) throws {
        var building = try Building.shipped()
        var raisedAt: Int?
        for second in 0..<300 {
            let arrival = Double(second)
            // From 20 s on the device's clock runs at a pace of its own, 8 s behind.
            let sent = second < 20 ? arrival : 12 + (arrival - 20) * pace
            building.send(at: sent, arriving: arrival, sequence: Int64(second + 1)) {
                $0.stopsBetweenFloors()
                $0.set(.moving, second < 30)
                $0.set(.occupied, true)
            }
            let isRaised = building.alerts.contains {
                $0.kind == "entrapment" && $0.state == .confirmed
            }
            if isRaised, raisedAt == nil { raisedAt = second }
        }
        // At 30 s plus the holds: 100 s. Messages that are 8 s late alone would shift it to 108 s.
        // A clock that stands still costs one report.
        #expect(
            raisedAt.map { $0 <= latest } == true,
            "raised at \(raisedAt ?? -1) s: \(building.revisions)")
    }

    @Test func anEntrapmentMeanwhileIsReportedAtMostAMinuteAfterTheHolds() throws {
        var building = try building(awayUntil: 400)
        for (index, time) in stride(from: 400.0, to: 600, by: 5).enumerated() {
            building.send(at: time, arriving: max(time, 580), sequence: Int64(1000 + index)) {
                $0.stopsBetweenFloors()
                $0.set(.occupied, true)
            }
        }
        building.advance(to: 600)
        let confirmed = building.alerts.first { $0.state == .confirmed && $0.kind == "entrapment" }
        // Off level: 10 s and 60 s, from a minute before the burst.
        #expect(
            confirmed.map { $0.time <= Building.start + .seconds(591) } == true,
            "\(building.revisions)")
    }

    /// An entrapment between floors began and ended while the link was away: its length, and the
    /// time from its end to the burst.
    @Test(arguments: [
        (1000.0, 400.0, false), (1000, 100, true), (150, 30, true), (150, 4000, false),
    ])
    func whatWasOverLongBeforeABurstIsHistory(_ length: Double, _ before: Double, _ isRaised: Bool)
        throws
    {
        var building = try Building.shipped()
        let end = 5600.0
        let start = end - before - length
        for (index, time) in stride(from: 0.0, to: end, by: 5).enumerated() {
            let isHeldUp = time >= start && time < end - before
            building.send(
                at: time, arriving: time < 100 ? time : end + Double(index) / 1000,
                sequence: Int64(index + 1)
            ) {
                $0.stopsBetweenFloors()
                $0.set(.inDoorZone, !isHeldUp)
                $0.set(.frontLocked, isHeldUp)
                $0.set(.frontFullyOpen, !isHeldUp)
                $0.set(.occupied, isHeldUp)
            }
        }
        building.advance(to: end + 10)
        let states = building.alerts.filter { $0.kind == "entrapment" }.map(\.state)
        #expect(
            states == (isRaised ? [.suspected, .confirmed, .cleared] : []), "\(building.revisions)")
    }
}
