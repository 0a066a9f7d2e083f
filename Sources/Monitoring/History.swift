import LiftModel
import RuleEngine

/// Repeated and late messages. By the lift's own order (`MessageOrder`) and clock, a message is
/// new, a sign of life, a duplicate, or history.
extension LiftState {
    /// What a message is when it arrives.
    enum Arrival {
        /// It has been received before.
        case duplicate
        /// The lift has sent its latest state again.
        case repetition(Input)
        /// It came too late; it belongs before this time.
        case history(Input, reached: Int64)
        /// - isNewest: no message that was sent later has come before.
        /// - hasClockStepped: it shows that the device's clock was set.
        case new(Input, isNewest: Bool, hasClockStepped: Bool)
    }

    /// Finds out what a message is, and at which time it counts.
    /// - Parameter key: equal for a publisher's duplicates of one message; 0 when they cannot be
    ///   recognised.
    mutating func take(
        _ reading: Reading, key: UInt64, vendorCode: Span<UInt8>?, at now: Int64,
        _ gateway: GatewayTime
    ) -> Arrival {
        if reading.isBirth { order.isAfterBirth = true }
        let isAfterPause =
            order.isAfterBirth || now &- memory.lastSignOfLife > MessageOrder.pause
        var isStart = reading.isBirth
        if order.showsRestart(reading, isAfterPause: isAfterPause) {
            resetSequence()
            isStart = true
        }
        if key != 0, recordKey(key) {
            switch repetition(of: reading, key, isLive: gateway.isObserving) {
            case .newReading: break
            case .duplicate:
                counters.duplicates += 1
                order.duplicateAt = now
                return .duplicate
            case .signOfLife:
                counters.duplicates += 1
                // The last message of a broker's redelivery is the latest state; the lift has not
                // sent it again.
                let duplicateAt = order.duplicateAt
                if duplicateAt != .min, now - duplicateAt <= MessageOrder.redelivery {
                    return .duplicate
                }
                return .repetition(repeated(reading, at: now, gateway))
            }
        }
        counters.readings += 1
        let offsets = counters.clockOffsets
        var input: Input
        switch placement(of: reading, arrival: now, isAfterPause: isAfterPause, gateway) {
        case .history(let old):
            return .history(old, reached: max(memory.time, latestReading))
        case .current(let current): input = current
        }
        if let vendorCode { noteVendorCode(vendorCode) }
        // Its time stamps advance and its sequence begins again: the controller has been restarted.
        if reading.deviceTime != nil, input.sentAt > latestReading,
            order.isOlderBySequence(reading)
        {
            order.resetSequence()
            isStart = true
        }
        if isStart { input.reading.set(.controllerStarts, number: controllerStarts + 1) }
        let isNewest =
            !order.isOlderBySequence(reading) && !input.isBefore(latestReading, latestSequence)
        return .new(
            input, isNewest: isNewest, hasClockStepped: counters.clockOffsets != offsets)
    }

    private enum Repetition { case newReading, duplicate, signOfLife }

    /// What a message means whose bytes have been received before.
    private func repetition(of reading: Reading, _ key: UInt64, isLive: Bool) -> Repetition {
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

    /// The lift has sent its latest state again.
    private mutating func repeated(
        _ reading: Reading, at now: Int64, _ gateway: GatewayTime
    ) -> Input {
        var reading = reading
        // The repeat does not undo what an event has changed since.
        if reading.changes(memory) { reading = Reading() }
        // A late message is still put before the repeat.
        reading.sequence = latestSequence
        clock.noteNewest()
        if gateway.isBehind { noteSignOfLife(at: now) }
        return Input(time: now, sentAt: latestReading, reading: reading)
    }

    private enum Placement {
        case current(Input)
        case history(Input)
    }

    /// Decides at which time a message counts.
    private mutating func placement(
        of reading: Reading, arrival: Int64, isAfterPause: Bool, _ gateway: GatewayTime
    ) -> Placement {
        let mayBeQueued = reading.isBaseline || !gateway.isObserving || gateway.isBehind
        let isOlderBySequence = order.isOlderBySequence(reading)
        var input = Input(time: arrival, sentAt: arrival, reading: reading)
        guard let device = reading.deviceTime?.nanoseconds else {
            if isOlderBySequence, !reading.isBaseline {
                return placementBySequence(of: input, arrival: arrival, gateway)
            }
            if mayBeQueued, !reading.isBaseline, clock.offset != nil {
                // A birth or last-will message without a time waited among messages with times. Its
                // place in the queue gives its time, its arrival does not.
                input.time = min(arrival, max(latestReading, memory.time))
                input.sentAt = input.time
            }
            return .current(input)
        }
        if device == order.stamp, !reading.isBaseline {
            clock.noteNewest()
            if gateway.isBehind { noteSignOfLife(at: arrival) }
            let changes = reading.changes(memory)
            order.noteSameStamp(
                changes: changes && !isOlderBySequence, at: arrival, lateness: gateway.lateness)
            input.sentAt =
                isOlderBySequence ? order.stampTime : max(order.stampTime, latestReading)
            input.time =
                isOlderBySequence || !gateway.isObserving
                ? input.sentAt : order.time(at: arrival)
            return .current(input)
        }
        let hasWholeMinutes = order.hasWholeMinutes && device % 60_000_000_000 == 0
        let assessment = clock.assess(
            device: device, arrival: arrival,
            DeviceClock.Context(
                mayBeQueued: mayBeQueued,
                latest: reading.isBaseline ? LiftMemory.beforeAll : latestReading,
                isNewerBySequence: reading.sequence > latestSequence,
                isAfterPause: isAfterPause,
                hasWholeMinutes: hasWholeMinutes, lateness: gateway.lateness))
        if assessment.isImplausible { counters.implausibleTimes += 1 }
        if assessment.isNewOffset { counters.clockOffsets += 1 }
        (input.time, input.sentAt) = (assessment.time, assessment.time)
        if assessment.isOld { return .history(input) }
        // A message with a stamp of whole minutes was sent at any time of that minute, so it counts
        // at its arrival.
        if hasWholeMinutes, !mayBeQueued { input.time = arrival }
        return .current(input)
    }

    /// A message without a time has a lower sequence number than another: it was overtaken, is
    /// history, or the device's sequence begins again.
    private mutating func placementBySequence(
        of message: Input, arrival: Int64, _ gateway: GatewayTime
    ) -> Placement {
        var input = message
        if order.showsSequenceRestart(input.reading, at: arrival) {
            resetSequence()
            return .current(input)
        }
        // Its time is unknown, but it was sent before the first message with a higher number.
        let (sequence, isEvent) = (input.reading.sequence, input.reading.isEvent)
        let next = inputs.first {
            $0.reading.sequence > sequence && $0.reading.isEvent == isEvent
        }
        guard let next, next.time >= arrival - gateway.lateness, sequence > older.latestSequence
        else {
            (input.time, input.sentAt) = (latestReading, latestReading)
            return .history(input)
        }
        (input.time, input.sentAt) = (next.time, next.sentAt)
        return .current(input)
    }

    /// A message waited behind a stall of the gateway, and its stamp does not give the time of
    /// sending. It counts as a sign of life now, since the lift was not silent.
    private mutating func noteSignOfLife(at now: Int64) {
        memory.lastSignOfLife = max(memory.lastSignOfLife, now)
    }

    /// Reports a clock that stands still, and one that runs again.
    mutating func updateClockAlert(at now: Int64, _ origin: AlertOrigin) -> Alert? {
        let time = Instant(nanoseconds: now)
        let isFarOff = (clock.offset ?? 0).magnitude > UInt64(DeviceClock.longestBacklog)
        if order.standsStill(at: now, isFarOff: isFarOff) {
            if clockAlert?.isOpen ?? false { return nil }
            counters.stoppedClocks += 1
            var alert = clockAlert ?? Self.clockAlert(lift: lift.id, origin)
            defer { clockAlert = alert }
            return alert.raise(
                onset: Instant(nanoseconds: order.stoodSince), at: time,
                hold: .nanoseconds(MessageOrder.longestStamp),
                because: GatewayKind.deviceClock.raised)
        }
        guard clockAlert?.isOpen ?? false, order.runsAgain(at: now) else { return nil }
        return clockAlert?.clear(at: time, because: GatewayKind.deviceClock.cleared)
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
