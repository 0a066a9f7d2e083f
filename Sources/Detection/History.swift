import Elevator

/// What comes twice, or late: a message is news, a sign of life, or of the past, by the lift's own order (`MessageOrder`) and clock.
extension LiftTrack {
    enum Repetition { case news, duplicate, signOfLife }

    /// What a message means whose bytes were heard before.
    func meaning(ofKnown reading: Reading, _ key: UInt64, isLive: Bool) -> Repetition {
        if order.isLatestState(key) {
            // Heartbeats repeat the stamp of the last change. The broker's copy proves nothing, nor does what waited in a queue.
            return isLive && !reading.isBaseline && reading.isSignOfLife ? .signOfLife : .duplicate
        }
        // Something else was said in between under the same stamp, as by a clock of whole seconds: it is so again.
        let isOfNewestStamp = reading.deviceTime.map { $0.nanoseconds == order.stamp } ?? false
        return isOfNewestStamp && reading.sequence == 0 && !reading.isBaseline && reading.changes(memory)
            ? .news : .duplicate
    }

    static func clockAlert(lift: String, _ origin: AlertOrigin) -> SiteAlert {
        SiteAlert(
            origin, lift: lift, .deviceClock,
            title: Title(
                en: "The controller's clock stands still; its messages are judged on arrival", zh: "控制器时钟停走,消息按到达时间判断"))
    }
}

extension Detector {
    /// Finds a message's place on the lift's time line.
    /// - Returns: nil for one of the past, which is counted and has no effect.
    mutating func judge(
        _ reading: Reading, _ index: Int, arrival: Int64, isAfterPause: Bool
    ) -> LiftTrack.Input? {
        let mayBeQueued = reading.isBaseline || !isListening || isWaiting
        let isBehind = tracks[index].order.isBehind(reading)
        let latest = tracks[index].latestReading
        var input = LiftTrack.Input(time: arrival, saidAt: arrival, reading: reading)
        guard let device = reading.deviceTime?.nanoseconds else {
            if isBehind, !reading.isBaseline { return judgeByCount(input, index, arrival: arrival) }
            if mayBeQueued, !reading.isBaseline, tracks[index].clock.offset != nil {
                // A birth or a last will that waited among words with times: the queue's order says when it was, and not its arrival.
                input.time = min(arrival, max(latest, tracks[index].memory.time))
                input.saidAt = input.time
            }
            return input
        }
        if device == tracks[index].order.stamp, !reading.isBaseline {
            tracks[index].clock.noteNewest()
            if isWaiting { wasHeard(index, at: arrival) }
            let changes = reading.changes(tracks[index].memory)
            tracks[index].order.noteSameStamp(changes: changes && !isBehind, at: arrival, lateness: lateness)
            input.saidAt = isBehind ? tracks[index].order.stampTime : max(tracks[index].order.stampTime, latest)
            input.time = isBehind || !isListening ? input.saidAt : tracks[index].order.time(at: arrival)
            return input
        }
        let hasWholeMinutes = tracks[index].order.hasWholeMinutes && device % 60_000_000_000 == 0
        let judgement = tracks[index].clock.judge(
            device: device, arrival: arrival,
            DeviceClock.Context(
                mayBeQueued: mayBeQueued, latest: reading.isBaseline ? LiftMemory.beforeAll : latest,
                countsOn: reading.sequence > tracks[index].latestSequence, isAfterPause: isAfterPause,
                hasWholeMinutes: hasWholeMinutes, lateness: lateness))
        if judgement.isAbsurd { tracks[index].counters.absurdTimes += 1 }
        if judgement.isNewOffset { tracks[index].counters.clockOffsets += 1 }
        (input.time, input.saidAt) = (judgement.time, judgement.time)
        if judgement.isOld {
            takeHistory(input, index, at: max(tracks[index].memory.time, latest), arrival: arrival)
            return nil
        }
        // Within its minute a word was said at any time, and is not to be taken for older than it is.
        if hasWholeMinutes, !mayBeQueued { input.time = arrival }
        return input
    }

    /// A message without a time is behind another by its number: it was overtaken, is of the past, or the device counts anew.
    private mutating func judgeByCount(_ message: LiftTrack.Input, _ index: Int, arrival: Int64) -> LiftTrack.Input? {
        var input = message
        let latest = tracks[index].latestReading
        if tracks[index].order.countsUpAgain(input.reading, at: arrival) {
            tracks[index].beginCount()
            return input
        }
        // Nobody knows when it was said; it was before the first message with a higher number.
        let (sequence, isEvent) = (input.reading.sequence, input.reading.isEvent)
        let next = tracks[index].inputs.first { $0.reading.sequence > sequence && $0.reading.isEvent == isEvent }
        guard let next, next.time >= arrival - lateness, sequence > tracks[index].older.latestSequence else {
            (input.time, input.saidAt) = (latest, latest)
            takeHistory(input, index, at: max(tracks[index].memory.time, latest), arrival: arrival)
            return nil
        }
        (input.time, input.saidAt) = (next.time, next.saidAt)
        return input
    }

    /// The latest state was said again.
    mutating func takeRepeat(_ reading: Reading, _ index: Int, at now: Int64) {
        var reading = reading
        // What an event has changed since is not undone.
        if reading.changes(tracks[index].memory) { reading = Reading() }
        // What is late stays before it, too.
        reading.sequence = tracks[index].latestSequence
        tracks[index].clock.noteNewest()
        if isWaiting { wasHeard(index, at: now) }
        place(LiftTrack.Input(time: now, saidAt: tracks[index].latestReading, reading: reading), index, arrival: now)
        noticeClock(index, at: now)
    }

    /// A message whose stamp does not tell when it was said has waited behind a stall of our own: no silence ends with it.
    private mutating func wasHeard(_ index: Int, at now: Int64) {
        tracks[index].memory.lastHeard = max(tracks[index].memory.lastHeard, now)
    }

    /// A message of the past is counted, is no sign of life, and changes nothing but for a press of the alarm button.
    mutating func takeHistory(_ input: LiftTrack.Input, _ index: Int, at reached: Int64, arrival: Int64) {
        tracks[index].counters.tooLate += 1
        takeLatePress(from: input, index, at: reached, arrival: arrival)
    }

    /// Reports a clock that stands still, and one that goes again.
    mutating func noticeClock(_ index: Int, at now: Int64) {
        let offset = tracks[index].clock.offset ?? 0
        let isFarOff = offset.magnitude > UInt64(DeviceClock.longestBacklog)
        if tracks[index].order.standsStill(at: now, isFarOff: isFarOff) {
            if tracks[index].clockAlert?.isOpen ?? false { return }
            tracks[index].counters.standingClocks += 1
            var alert = tracks[index].clockAlert ?? LiftTrack.clockAlert(lift: tracks[index].lift.id, origin)
            let onset = Instant(nanoseconds: tracks[index].order.stoodSince)
            let told = alert.raise(
                onset: onset, at: Instant(nanoseconds: now), hold: .nanoseconds(MessageOrder.longestStamp),
                because: GatewayKind.deviceClock.raised)
            tracks[index].clockAlert = alert
            if let told { alerts.append(told) }
        } else if tracks[index].clockAlert?.isOpen ?? false, tracks[index].order.goesAgain(at: now) {
            let told = tracks[index].clockAlert?.clear(
                at: Instant(nanoseconds: now), because: GatewayKind.deviceClock.cleared)
            if let told { alerts.append(told) }
        }
    }
}
