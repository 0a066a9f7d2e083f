import LiftModel

/// The check whether each lift is heard.
extension Condition {
    /// A lift without a message for this long since the gateway observes has never sent one.
    private static let firstMessageWithin = Duration.seconds(60)
    /// A lift with a message within this time sends, whatever the rules found before. They call a
    /// lift silent after a longer time.
    private static let sendsWithin = Duration.seconds(30)

    /// Only silence since the gateway observes counts: after a start, lifts have their time. Where
    /// the rules have found a lift silent, it has had that time before.
    var liftsHeard: Check {
        let expected = lifts.filter { !$0.isExcused }
        let never = expected.filter { $0.silence == nil }
        // Messages may come without the controller's life: then its silence stays an incident.
        let withoutSignOfLife = expected.filter {
            $0.isReportedSilent && $0.silence.map { $0 < Self.sendsWithin } ?? false
        }
        let silent = expected.filter {
            $0.isSilent && $0.silence.map { $0 >= Self.sendsWithin } ?? false
        }.sorted { $0.silence ?? .zero > $1.silence ?? .zero }
        let frozen = expected.filter { !$0.isSilent && $0.repetition != nil }
        let heard =
            lifts.count - never.count - silent.count - withoutSignOfLife.count - frozen.count
        let counts = "\(heard) of \(lifts.count)"
        if heard == lifts.count { return .ok(.liftsHeard, counts) }
        guard broker.isConnected else {
            return .unknown(.liftsHeard, "not known while the building's broker is away")
        }
        let observedFor = broker.observedFor ?? .zero
        let neverReceived = observedFor >= Self.firstMessageWithin ? never : []
        let fellSilent = silent.filter { $0.isReportedSilent || observedFor >= $0.silenceLimit }
        if neverReceived.isEmpty, fellSilent.isEmpty, withoutSignOfLife.isEmpty, frozen.isEmpty {
            return .unknown(.liftsHeard, "\(counts) so far")
        }
        if neverReceived.count + fellSilent.count == lifts.count, lifts.count > 1 {
            return noLiftIsHeard(since: fellSilent.last?.silence)
        }
        var found: [String] = []
        var advice: [String] = []
        if !neverReceived.isEmpty || !fellSilent.isEmpty {
            found.append(Self.silence(of: fellSilent, never: neverReceived))
            advice.append(
                neverReceived.isEmpty
                    ? "It is not watched. Check that it has power, its adapter, \(accountAdvice)."
                    : "Check the lift's id in the configuration, its adapter, the topic on which it publishes, \(accountAdvice)."
            )
        }
        if !withoutSignOfLife.isEmpty {
            found += withoutSignOfLife.prefix(3).map(textWithoutSignOfLife)
            if withoutSignOfLife.count > 3 {
                found.append("\(withoutSignOfLife.count - 3) more lifts do the same")
            }
            advice.append(
                "A passenger who is trapped now may not be found. Restart the adapter, and look whether its controller answers it and whether all fields of the profile come. The incident ends with the first message that shows life of the controller."
            )
        }
        if !frozen.isEmpty {
            found += frozen.prefix(3).map(Self.repetition)
            if frozen.count > 3 { found.append("\(frozen.count - 3) more lifts do the same") }
            advice.append(
                "A passenger who is trapped now is not found. Restart the adapter, and look whether its controller answers it."
            )
        }
        return .failed(
            .liftsHeard, found.joined(separator: "\n"), advice.joined(separator: " "))
    }

    /// What to look at where the broker may refuse a lift.
    private var accountAdvice: String {
        "the password of its account at the broker (mosquitto's log says \"not authorised\" where it is wrong), and the broker's access list"
            + (broker.topics.isEmpty ? "" : " (\(accessList))")
    }

    private var accessList: String {
        broker.topics.map { "topic read \($0)" }.joined(separator: ", ")
    }

    /// - Parameter silence: of the lift that was heard last; nil where none ever was.
    private func noLiftIsHeard(since silence: Duration?) -> Check {
        .failed(
            .liftsHeard,
            silence.map { "no message from any lift for \($0.spanText)" }
                ?? "no lift has ever sent a message",
            "No lift is watched. Check the adapters and the network to them, the ids in the configuration, the passwords of the lifts' accounts at the broker (mosquitto's log says \"not authorised\" where one is wrong), and that the broker's access list lets our user read: \(accessList)"
        )
    }

    private static func silence(of silent: [ObservedLift], never: [ObservedLift]) -> String {
        var found: [String] = []
        if !never.isEmpty {
            found.append("no message has ever come from \(list(never.map(\.name)))")
        }
        if !silent.isEmpty {
            let names = silent.map { "\($0.name) for \(($0.silence ?? .zero).spanText)" }
            found.append("no message from \(list(names))")
        }
        return found.joined(separator: "; ")
    }

    /// Messages come, and the incident of the controller's silence stays open.
    private func textWithoutSignOfLife(_ lift: ObservedLift) -> String {
        let fields = partlyReadLifts.first { $0.name == lift.name }?.sources.map(\.field) ?? []
        let why =
            lift.repetition != nil
            ? Self.repetition(lift)
            : fields.isEmpty
                ? "they may be the adapter's own"
                : "\(fields.joined(separator: ", ")) cannot be read in them"
        return
            "messages come from \(lift.name), and the incident of its silence stays open: they do not show that its controller lives (\(why))"
    }

    private static func repetition(_ lift: ObservedLift) -> String {
        guard let message = lift.repetition else { return lift.name }
        // 2026-03-01T11:19:08+08:00
        let time = message.of.local.dropFirst(11).prefix(8)
        return
            "\(lift.name) repeats its message of \(time) for \(message.lasting.spanText): the adapter is frozen"
    }
}
