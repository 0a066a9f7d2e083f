import LiftModel
import RuleEngine

/// Repeated and late messages. By the lift's own order (`MessageOrder`) and clock, a message is
/// new, a sign of life, a duplicate, or history.
extension LiftState {
    enum Repetition { case newReading, duplicate, signOfLife }

    /// What a message means whose bytes have been received before.
    func repetition(of reading: Reading, _ key: UInt64, isLive: Bool) -> Repetition {
        if order.isLatestState(key) {
            // Heartbeats repeat the stamp of the last change. A broker's copy and a queued message
            // prove nothing.
            return isLive && !reading.isBaseline && reading.isSignOfLife ? .signOfLife : .duplicate
        }
        // A message in between had the same stamp, as from a clock of whole seconds: the state is
        // true again.
        let isOfNewestStamp = reading.deviceTime.map { $0.nanoseconds == order.stamp } ?? false
        return isOfNewestStamp && reading.sequence == 0 && !reading.isBaseline
            && reading.changes(memory)
            ? .newReading : .duplicate
    }

    static func clockAlert(lift: String, _ origin: AlertOrigin) -> SiteAlert {
        SiteAlert(
            origin, lift: lift, .deviceClock,
            title: Title(
                en: "The controller's clock stands still; its messages are judged on arrival",
                zh: "控制器时钟停走,消息按到达时间判断")
        )
    }
}

extension Detector {
    /// Decides at which time a message counts.
    /// - Returns: nil for history, which is counted and has no further effect.
    mutating func assignTime(
        _ reading: Reading, _ index: Int, arrival: Int64, isAfterPause: Bool
    ) -> LiftState.Input? {
        let mayBeQueued = reading.isBaseline || !isObserving || isBehind
        let isOlderBySequence = lifts[index].order.isOlderBySequence(reading)
        let latest = lifts[index].latestReading
        var input = LiftState.Input(time: arrival, sentAt: arrival, reading: reading)
        guard let device = reading.deviceTime?.nanoseconds else {
            if isOlderBySequence, !reading.isBaseline {
                return assignTimeBySequence(input, index, arrival: arrival)
            }
            if mayBeQueued, !reading.isBaseline, lifts[index].clock.offset != nil {
                // A birth or last-will message without a time waited among messages with times. Its
                // place in the queue gives its time, its arrival does not.
                input.time = min(arrival, max(latest, lifts[index].memory.time))
                input.sentAt = input.time
            }
            return input
        }
        if device == lifts[index].order.stamp, !reading.isBaseline {
            lifts[index].clock.noteNewest()
            if isBehind { noteSignOfLife(index, at: arrival) }
            let changes = reading.changes(lifts[index].memory)
            lifts[index].order.noteSameStamp(
                changes: changes && !isOlderBySequence, at: arrival, lateness: lateness)
            input.sentAt =
                isOlderBySequence
                ? lifts[index].order.stampTime : max(lifts[index].order.stampTime, latest)
            input.time =
                isOlderBySequence || !isObserving
                ? input.sentAt : lifts[index].order.time(at: arrival)
            return input
        }
        let hasWholeMinutes = lifts[index].order.hasWholeMinutes && device % 60_000_000_000 == 0
        let assessment = lifts[index].clock.assess(
            device: device, arrival: arrival,
            DeviceClock.Context(
                mayBeQueued: mayBeQueued,
                latest: reading.isBaseline ? LiftMemory.beforeAll : latest,
                isNewerBySequence: reading.sequence > lifts[index].latestSequence,
                isAfterPause: isAfterPause,
                hasWholeMinutes: hasWholeMinutes, lateness: lateness))
        if assessment.isImplausible { lifts[index].counters.implausibleTimes += 1 }
        if assessment.isNewOffset { lifts[index].counters.clockOffsets += 1 }
        (input.time, input.sentAt) = (assessment.time, assessment.time)
        if assessment.isOld {
            recordHistory(input, index, at: max(lifts[index].memory.time, latest), arrival: arrival)
            return nil
        }
        // A message with a stamp of whole minutes was sent at any time of that minute, so it counts
        // at its arrival.
        if hasWholeMinutes, !mayBeQueued { input.time = arrival }
        return input
    }

    /// A message without a time has a lower sequence number than another: it was overtaken, is
    /// history, or the device's sequence begins again.
    private mutating func assignTimeBySequence(
        _ message: LiftState.Input, _ index: Int, arrival: Int64
    ) -> LiftState.Input? {
        var input = message
        let latest = lifts[index].latestReading
        if lifts[index].order.showsSequenceRestart(input.reading, at: arrival) {
            lifts[index].resetSequence()
            return input
        }
        // Its time is unknown, but it was sent before the first message with a higher number.
        let (sequence, isEvent) = (input.reading.sequence, input.reading.isEvent)
        let next = lifts[index].inputs.first {
            $0.reading.sequence > sequence && $0.reading.isEvent == isEvent
        }
        guard let next, next.time >= arrival - lateness,
            sequence > lifts[index].older.latestSequence
        else {
            (input.time, input.sentAt) = (latest, latest)
            recordHistory(input, index, at: max(lifts[index].memory.time, latest), arrival: arrival)
            return nil
        }
        (input.time, input.sentAt) = (next.time, next.sentAt)
        return input
    }

    /// The lift has sent its latest state again.
    mutating func applyRepeat(_ reading: Reading, _ index: Int, at now: Int64) {
        var reading = reading
        // The repeat does not undo what an event has changed since.
        if reading.changes(lifts[index].memory) { reading = Reading() }
        // A late message is still put before the repeat.
        reading.sequence = lifts[index].latestSequence
        lifts[index].clock.noteNewest()
        if isBehind { noteSignOfLife(index, at: now) }
        insert(
            LiftState.Input(time: now, sentAt: lifts[index].latestReading, reading: reading), index,
            arrival: now)
        updateClockAlert(index, at: now)
    }

    /// A message waited behind a stall of the gateway, and its stamp does not give the time of
    /// sending. It counts as a sign of life now, since the lift was not silent.
    private mutating func noteSignOfLife(_ index: Int, at now: Int64) {
        lifts[index].memory.lastSignOfLife = max(lifts[index].memory.lastSignOfLife, now)
    }

    /// A historical message is counted, is no sign of life, and changes nothing. Only a press of
    /// the alarm button in it counts.
    mutating func recordHistory(
        _ input: LiftState.Input, _ index: Int, at reached: Int64, arrival: Int64
    ) {
        lifts[index].counters.historical += 1
        applyLatePress(from: input, index, at: reached, arrival: arrival)
    }

    /// Reports a clock that stands still, and one that runs again.
    mutating func updateClockAlert(_ index: Int, at now: Int64) {
        let offset = lifts[index].clock.offset ?? 0
        let isFarOff = offset.magnitude > UInt64(DeviceClock.longestBacklog)
        if lifts[index].order.standsStill(at: now, isFarOff: isFarOff) {
            if lifts[index].clockAlert?.isOpen ?? false { return }
            lifts[index].counters.stoppedClocks += 1
            var alert =
                lifts[index].clockAlert ?? LiftState.clockAlert(lift: lifts[index].lift.id, origin)
            let onset = Instant(nanoseconds: lifts[index].order.stoodSince)
            let raised = alert.raise(
                onset: onset, at: Instant(nanoseconds: now),
                hold: .nanoseconds(MessageOrder.longestStamp),
                because: GatewayKind.deviceClock.raised)
            lifts[index].clockAlert = alert
            if let raised { alerts.append(raised) }
        } else if lifts[index].clockAlert?.isOpen ?? false, lifts[index].order.runsAgain(at: now) {
            let cleared = lifts[index].clockAlert?.clear(
                at: Instant(nanoseconds: now), because: GatewayKind.deviceClock.cleared)
            if let cleared { alerts.append(cleared) }
        }
    }
}
