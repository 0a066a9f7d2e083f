import Connectivity
import LiftModel

/// The checks of lifts: whether each sends messages that are understood, is registered, and has the
/// right time.
extension Condition {
    /// A lift without a message for this long since the gateway observes has never sent one.
    private static let firstMessageWithin = Duration.seconds(60)
    /// A smaller error of a lift's clock is no concern of a technician: offsets are learned, and
    /// alerts have the right time.
    static let liftClockTolerance = Duration.seconds(180)

    /// Only silence since the gateway observes counts: after a start, lifts have their time.
    var liftsHeard: Check {
        let expected = lifts.filter { !$0.isExcused }
        let never = expected.filter { $0.silence == nil }
        let silent = expected.filter(\.isSilent).sorted {
            $0.silence ?? .zero > $1.silence ?? .zero
        }
        let counts = "\(lifts.count - never.count - silent.count) of \(lifts.count)"
        if never.isEmpty, silent.isEmpty { return .ok(.liftsHeard, counts) }
        guard let observedFor = broker.observedFor else {
            return .unknown(.liftsHeard, "not known while the building's broker is away")
        }
        let neverReceived = observedFor >= Self.firstMessageWithin ? never : []
        let fellSilent = silent.filter { observedFor >= $0.silenceLimit }
        if neverReceived.isEmpty, fellSilent.isEmpty {
            return .unknown(.liftsHeard, "\(counts) so far")
        }
        if neverReceived.count + fellSilent.count == lifts.count, lifts.count > 1 {
            let found =
                fellSilent.last?.silence.map { "no message from any lift for \($0.spanText)" }
                ?? "no lift has ever sent a message"
            return .failed(
                .liftsHeard, found,
                "No lift is watched. Check the adapters and the network to them, the ids in the configuration, and that the broker's access list lets our user read: \(broker.topics.map { "topic read \($0)" }.joined(separator: ", "))"
            )
        }
        var found: [String] = []
        if !neverReceived.isEmpty {
            found.append("no message has ever come from \(Self.list(neverReceived.map(\.name)))")
        }
        if !fellSilent.isEmpty {
            let names = fellSilent.map { "\($0.name) for \(($0.silence ?? .zero).spanText)" }
            found.append("no message from \(Self.list(names))")
        }
        return .failed(
            .liftsHeard, found.joined(separator: "; "),
            neverReceived.isEmpty
                ? "It is not watched. Check that it has power, its adapter, and the broker's access list."
                : "Check the lift's id in the configuration, its adapter, the topic on which it publishes, and the broker's access list."
        )
    }

    var liftsUnderstood: Check {
        if refusedLifts.isEmpty {
            return .ok(.liftsUnderstood, "no lift of which every message is refused")
        }
        return .failed(
            .liftsUnderstood, "every message of \(Self.list(refusedLifts)) is refused",
            "Bad input, below, says why; the lift's profile has to fit what its adapter sends.")
    }

    var unregisteredCheck: Check {
        if unregistered.isEmpty { return .ok(.unregistered, "none") }
        let topics = unregistered.sorted { ($0.messages, $1.topic) > ($1.messages, $0.topic) }.map {
            // A topic may have 64 KB; its end distinguishes lifts.
            let short = $0.topic.count > 60 ? "…" + $0.topic.suffix(59) : $0.topic
            return "\(short) (\($0.messages))"
        }
        return .failed(
            .unregistered,
            "messages on \(Self.list(topics)): no lift of the configuration publishes there, so none is watched",
            "Add the lift to the configuration and restart, or keep it from the broker.")
    }

    /// Compared with this box's clock, so only where that is not in doubt itself.
    var liftClocks: Check {
        if lifts.allSatisfy({ $0.clockOffset == nil }) {
            return .ok(.liftClocks, "no lift sends the time")
        }
        if clockCheck.verdict == .failed {
            return .unknown(.liftClocks, "checked once this box's clock is right")
        }
        let wrong = lifts.compactMap { lift in
            lift.clockOffset.map { (name: lift.name, ahead: $0 - clock.lineOffset) }
        }.filter { $0.ahead.magnitude >= Self.liftClockTolerance }
        if wrong.isEmpty {
            return .ok(.liftClocks, "within \(Self.liftClockTolerance.spanText) of this box's")
        }
        let found = wrong.map {
            "\($0.name) is \($0.ahead.magnitude.inTwoUnits) \($0.ahead > .zero ? "ahead" : "behind")"
        }
        return .failed(
            .liftClocks, Self.list(found),
            wrong.allSatisfy({ Self.looksLikeTimeZone($0.ahead) })
                ? "Check the time zone of its adapter, or 'zone' in the profile."
                : "Set the clock of its adapter (NTP).")
    }

    /// Zones are whole quarters of an hour apart, and none is more than a day.
    private static func looksLikeTimeZone(_ difference: Duration) -> Bool {
        let quarters = difference.magnitude.inSeconds / 900
        return quarters > 1.5 && quarters < 97 && abs(quarters - quarters.rounded()) * 900 < 120
    }
}
