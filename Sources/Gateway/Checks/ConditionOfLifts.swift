import Connectivity
import Contract
import LiftModel

/// The checks of lifts: whether each sends messages that are understood, is registered, and has the
/// right time. Whether it sends any is `ConditionOfHearing`.
extension Condition {
    /// A smaller error of a lift's clock is no concern of a technician: offsets are learned, and
    /// alerts have the right time.
    static let liftClockTolerance = Duration.seconds(180)

    var liftsUnderstood: Check {
        if refusedLifts.isEmpty, partlyReadLifts.isEmpty {
            return .ok(.liftsUnderstood, "no lift of which every message is refused")
        }
        var found: [String] = []
        var advice: [String] = []
        if !refusedLifts.isEmpty {
            found.append("every message of \(Self.list(refusedLifts)) is refused")
            // Of what is refused for this, the profile is well.
            advice.append(
                messagesOfAnotherLift > 0
                    ? "Bad input, below, says why. Messages name another lift than their topic does: two controllers are exchanged, or an adapter has a wrong id."
                    : "Bad input, below, says why; the lift's profile has to fit what its adapter sends."
            )
        }
        if !partlyReadLifts.isEmpty {
            found += partlyReadLifts.prefix(3).map(Self.unread)
            if partlyReadLifts.count > 3 {
                found.append("it is the same with \(partlyReadLifts.count - 3) more lifts")
            }
            advice.append("Did the adapter or its profile change?")
            if partlyReadLifts.contains(where: \.hasNeverCome) {
                advice.append(
                    "A field that has not come since the gateway's start: have the adapter send it. Where a lift has no such sensor, give it a profile without this field (docs/profiles.md): then hoistway check says which rules cannot work."
                )
            }
        }
        return .failed(
            .liftsUnderstood, found.joined(separator: "\n"), advice.joined(separator: " "))
    }

    /// Which fields of a lift cannot be read, with the first one's value.
    private static func unread(_ lift: PartlyReadLift) -> String {
        let fields = lift.sources.map(\.field)
        let names =
            fields.count < 2
            ? fields.joined()
            : fields.dropLast().joined(separator: ", ") + " and " + fields[fields.count - 1]
        // A value says more than that there is none.
        let example = (lift.sources.first { $0.found != nil } ?? lift.sources.first).map {
            source in
            source.found.map { "\(source.field): \(printable($0, upTo: 40))" }
                ?? "\(source.field) is missing"
        }
        return
            "\(lift.name): \(names) cannot be read (for example \(example ?? "")). A trapped passenger may not be found"
    }

    var unregisteredCheck: Check {
        if unregistered.isEmpty { return .ok(.unregistered, "none") }
        let topics = unregistered.sorted { ($0.messages, $1.topic) > ($1.messages, $0.topic) }.map {
            // A topic may have 64 KB; its end distinguishes lifts.
            let short = $0.topic.count > 60 ? "…" + $0.topic.suffix(59) : $0.topic
            return "\(short) (\($0.messages))"
        }
        let near = unregistered.first { $0.meant != nil }
        let meant = near?.meant.map {
            "Did you mean it by '\($0)' in the configuration, from which nothing has come? Then correct that id and restart."
        }
        return .failed(
            .unregistered,
            "messages on \(Self.list(topics)): no lift of the configuration publishes there, so none is watched",
            (meant.map { "\($0) Otherwise add" } ?? "Add")
                + " the lift to the configuration and restart, or keep it from the broker.")
    }

    /// Compared with this box's clock, so only where that is not in doubt itself.
    var liftClocks: Check {
        if lifts.allSatisfy({ $0.clockOffset == nil }) {
            return .ok(.liftClocks, "no lift sends the time")
        }
        if clockCheck.verdict == .failed {
            return .unknown(.liftClocks, "checked once this box's clock is right")
        }
        let all = lifts.compactMap { lift in
            lift.clockOffset.map { (name: lift.name, ahead: $0 - clock.lineOffset) }
        }
        let wrong = all.filter { $0.ahead.magnitude >= Self.liftClockTolerance }
        if wrong.isEmpty {
            return .ok(.liftClocks, "within \(Self.liftClockTolerance.spanText) of this box's")
        }
        if wrong.count == all.count, let common = commonDifference(wrong.map(\.ahead)) {
            return common
        }
        let found = wrong.map { "\($0.name) is \(Self.difference($0.ahead))" }
        return .failed(
            .liftClocks, Self.list(found),
            wrong.allSatisfy({ Self.looksLikeTimeZone($0.ahead) })
                ? "Check the time zone of its adapter, or 'zone' in the profile."
                : "Set the clock of its adapter (NTP).")
    }

    /// Where all lifts differ by the same amount, the fault is in what they have in common: their
    /// profile or zone, or this box's clock, which may be synchronised with a wrong server. A
    /// centre whose clock agrees with this box's clears it.
    private func commonDifference(_ ahead: [Duration]) -> Check? {
        guard ahead.count > 1, clock.centreOffset == nil, let least = ahead.min(),
            let most = ahead.max(), most - least < Self.clockTolerance
        else { return nil }
        let zone = "'zone' in the profile and the time zone of the adapters"
        let box = "this box's clock (compare it with a watch; timedatectl)"
        let order = Self.looksLikeTimeZone(least) ? [zone, box] : [box, zone]
        return .failed(
            .liftClocks,
            "all \(ahead.count) lifts with a clock are \(Self.difference(least)) of this box, by the same amount",
            "Check \(order[0]); where that is right, \(order[1]).")
    }

    private static func difference(_ ahead: Duration) -> String {
        "\(ahead.magnitude.inTwoUnits) \(ahead > .zero ? "ahead" : "behind")"
    }

    /// Zones are whole quarters of an hour apart, and none is more than a day.
    private static func looksLikeTimeZone(_ difference: Duration) -> Bool {
        let quarters = difference.magnitude.inSeconds / 900
        return quarters > 1.5 && quarters < 97 && abs(quarters - quarters.rounded()) * 900 < 120
    }
}
