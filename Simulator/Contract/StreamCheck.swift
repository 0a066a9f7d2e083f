import Encoding
import FoundationEssentials
import LiftModel

/// Checks a stream of the gateway's messages against docs/contract/README.md, and reports breaches.
///
/// A breach in one message is reported at once. A breach of the whole stream (a gap, a revision
/// that never came) is reported by `conclude()`.
struct StreamCheck {
    /// The members that may differ between two copies of one event.
    static let perTransmission: Set = [
        "senttime", "attempt", "sequence", "bootid", "monotonic", "clockquality", "timecorrection",
        "historical", "jws",
    ]

    private struct History {
        var kind: String
        var lift: String
        var onset: String
        var isTest: Bool
        /// By revision.
        var states: [Int: String] = [:]
        var reasons: [Int: String] = [:]
        /// The time of its last revision.
        var changedAt: Instant?
        /// For a person who looks for the cause of a breach.
        var summary: String {
            let last = states.keys.max() ?? 0
            let change =
                "revision \(last) \(states[last] ?? ""), \(reasons[last] ?? ""), \(changedAt?.rfc3339 ?? "")"
            return "\(kind) of \(lift), \(change)"
        }
        var isOpen: Bool {
            ["suspected", "confirmed", "raised"].contains(states.max { $0.key < $1.key }?.value)
        }
    }

    private let schemas: [String: ContractSchema]
    private var contents: [String: JSONValue] = [:]
    private var histories: [String: History] = [:]
    /// The id by sequence number, by subject and lane.
    private var numbers: [String: [Int: String]] = [:]
    private var historical: Set<String> = []
    private var openByState: Set<String>?
    private var stateTime: Instant?
    private var keys: [String: [UInt8]] = [:]
    /// Signed alerts whose key is not known yet.
    private var unverified: [(id: String, jws: String)] = []
    /// Events were evicted, or lost with a damaged journal.
    private var mayHaveGaps = false
    private(set) var messages = 0
    private(set) var repeats = 0
    private(set) var breaches: [String] = []

    /// - Parameter folder: the schemas: docs/contract.
    init(contract folder: String) throws {
        let names = [
            "alert", "site", "heartbeat", "word", "evicted", "quarantined", "clock", "key",
            "selftest", "statistics",
        ]
        schemas = try Dictionary(
            uniqueKeysWithValues: names.map {
                ("org.hoistway.\($0).v1", try ContractSchema("\(folder)/\($0).v1.schema.json"))
            })
    }

    var unique: Int { contents.count }

    private mutating func report(_ breach: String) { breaches.append(breach) }

    // MARK: One message

    /// - Parameter topic: nil where it did not come over MQTT.
    /// - Returns: the event's id, nil where there is no event to store.
    @discardableResult
    mutating func take(_ bytes: some Sequence<UInt8>, topic: String? = nil) -> String? {
        messages += 1
        let source = topic ?? "message \(messages)"
        guard let event = JSONValue(bytes) else {
            report("\(source): not JSON")
            return nil
        }
        let type = event["type"]?.text ?? ""
        guard let schema = schemas[type] else {
            report("\(source): type '\(type)' is not one of the contract's")
            return nil
        }
        let mistakes = schema.mistakes(in: event)
        guard mistakes.isEmpty, let id = event["id"]?.text else {
            report("\(source): \(mistakes.joined(separator: "; ")) (\(schema.name))")
            return event["id"]?.text
        }
        checkTimes(event, id)
        switch type {
        case "org.hoistway.site.v1":
            stateTime = event["time"]?.text.flatMap { Instant(rfc3339: $0) }
            openByState = Set(
                event["data"]?["open_alerts"]?.items.compactMap { $0["alert_id"]?.text } ?? [])
            return nil
        case "org.hoistway.heartbeat.v1":
            if let key = event["data"]?["key"], let name = key["kid"]?.text, let x = key["x"]?.text
            {
                keys[name] = Signature.base64url(x)
                verifyWaiting()
            }
            return nil
        case "org.hoistway.evicted.v1", "org.hoistway.quarantined.v1": mayHaveGaps = true
        default: break
        }
        takeEvent(event, id, topic)
        return id
    }

    private mutating func checkTimes(_ event: JSONValue, _ id: String) {
        func time(_ key: String) -> Instant? {
            guard let text = event[key]?.text else { return nil }
            let time = Instant(rfc3339: text)
            if time == nil { report("\(id): \(key) '\(text)' is no RFC 3339 time") }
            return time
        }
        let (occurred, recorded, sent) = (time("time"), time("recordedtime"), time("senttime"))
        if let occurred, let recorded, recorded < occurred {
            report("\(id): recorded before its own time")
        }
        // An event with a correction was recorded by another clock than it is sent by.
        if event["timecorrection"] == nil, let decided = recorded ?? occurred, let sent,
            decided > sent + .seconds(1)
        {
            report("\(id): sent before it was decided")
        }
    }

    private mutating func takeEvent(_ event: JSONValue, _ id: String, _ topic: String?) {
        let stable = JSONValue.object(
            event.members.filter { !Self.perTransmission.contains($0.key) })
        if let known = contents[id] {
            repeats += 1
            if known != stable { report("\(id): a repeat differs from the first copy") }
            // An event that was sent from memory has its number only in a later copy.
            return checkSequence(event, id, isRepeat: true)
        }
        contents[id] = stable
        let lane = Self.lane(event)
        if let topic, topic.contains("/alert/"), !topic.hasSuffix("/" + lane) {
            report("\(id): came on \(topic), expected …/alert/\(lane)")
        }
        checkSequence(event, id, isRepeat: false)
        if event["historical"]?.flag == true { historical.insert(id) }
        if event["type"]?.text == "org.hoistway.alert.v1" { takeAlert(event, id) }
        checkClock(event)
    }

    private mutating func checkSequence(_ event: JSONValue, _ id: String, isRepeat: Bool) {
        guard let number = event["sequence"]?.number.flatMap({ Int(exactly: $0) }),
            let subject = event["subject"]?.text
        else { return }
        let queue = "\(subject), lane \(Self.lane(event))"
        if let other = numbers[queue]?[number], other != id {
            report("\(id): sequence \(number) of \(queue) is also that of \(other)")
        }
        let highest = numbers[queue]?.keys.max() ?? 0
        // An event that was sent before and did not arrive may come after a later one. Its attempt
        // shows that.
        if number < highest, !isRepeat, event["attempt"]?.number == 1, event["historical"] == nil {
            report("\(id): sequence \(number) of \(queue) came first after \(highest)")
        }
        numbers[queue, default: [:]][number] = id
    }

    /// README.md, "What a receiver must do", 5.
    private static func lane(_ event: JSONValue) -> String {
        let data = event["data"]
        switch event["type"]?.text {
        case "org.hoistway.alert.v1":
            let kind = data?["kind"]?.text ?? ""
            if data?["state"]?.text == "suppressed", data?["revision"]?.number == 1 {
                return "info"
            }
            if Alert.isEntrapment(kind) || kind == Alert.carAlarmCall { return "entrapment" }
            if data?["severity"]?.text == "emergency" { return "entrapment" }
            return data?["severity"]?.text == "info" ? "info" : "fault"
        case "org.hoistway.statistics.v1": return "info"
        case "org.hoistway.selftest.v1": return data?["passed"]?.flag == true ? "info" : "fault"
        default: return "fault"
        }
    }

    private mutating func takeAlert(_ event: JSONValue, _ id: String) {
        guard let data = event["data"], let alert = data["alert_id"]?.text,
            let revision = data["revision"]?.number.flatMap({ Int(exactly: $0) }),
            let state = data["state"]?.text,
            let kind = data["kind"]?.text, let lift = event["subject"]?.text,
            let onset = data["onset"]?.text
        else { return }
        if id != "\(alert)/\(revision)" {
            report("\(id): expected alert_id/revision, \(alert)/\(revision)")
        }
        let first = History(
            kind: kind, lift: lift, onset: onset, isTest: data["test"]?.flag == true)
        var history = histories[alert] ?? first
        // A correction of the times (`earlier_correction_s`) has voided the known onset.
        if history.onset.isEmpty { history.onset = onset }
        if (history.kind, history.lift, history.onset, history.isTest) != (
            first.kind, first.lift, first.onset, first.isTest
        ) {
            report("\(id): kind, lift or onset differ from another revision's")
        }
        history.states[revision] = state
        history.reasons[revision] = data["reason"]?.text
        if revision >= history.states.keys.max() ?? 0 {
            history.changedAt = event["time"]?.text.flatMap { Instant(rfc3339: $0) }
        }
        histories[alert] = history
        checkPeople(data, id)
        if let jws = event["jws"]?.text { takeSignature(jws, id) }
    }

    /// After a time at which the box knew that its clock was years ahead, open alerts have a new
    /// onset.
    private mutating func checkClock(_ event: JSONValue) {
        guard event["type"]?.text == "org.hoistway.clock.v1",
            event["data"]?["earlier_correction_s"] != nil
        else {
            return
        }
        for alert in histories.keys { histories[alert]?.onset = "" }
    }

    /// kinds.md, and README.md, "Centre commands".
    private mutating func checkPeople(_ data: JSONValue, _ id: String) {
        let reason = data["reason"]?.text ?? ""
        if Alert.isEntrapment(data["kind"]?.text ?? ""), data["state"]?.text != "suppressed",
            data["branch"] == nil
        {
            report("\(id): an entrapment without its branch")
        }
        // `released` is not among them: it is also the end of an alert without a person.
        if Self.operatorReasons.contains(reason), data["statement"]?["by"] == nil {
            report("\(id): '\(reason)' without the person who said so")
        }
        if reason == "verified", data["state"]?.text == "suspected" {
            report("\(id): verified, and still suspected")
        }
        if data["occupancy_source"]?.text == "sensor_stuck", data["occupancy"]?.text != "unknown" {
            report("\(id): the occupancy is that of a sensor that is stuck")
        }
    }
    private static let operatorReasons: Set = [
        "accepted", "verified", "dispatched", "arrived", "end_of_alarm", "judged_false",
    ]

    // MARK: Signatures

    private mutating func takeSignature(_ jws: String, _ id: String) {
        guard let payload = Signature.payload(jws), JSONValue(payload) == contents[id] else {
            return report("\(id): the signed text differs from the event")
        }
        unverified.append((id, jws))
        verifyWaiting()
    }

    private mutating func verifyWaiting() {
        for (id, jws) in unverified {
            guard let name = Signature.keyID(jws), let key = keys[name] else { continue }
            if !Signature.isValid(jws, key) {
                report("\(id): the signature is not that of key \(name)")
            }
        }
        unverified.removeAll { Signature.keyID($0.jws).map { keys[$0] != nil } ?? false }
    }

    // MARK: The whole stream

    /// The first of 1, 2, 3, … up to the highest that is missing.
    private static func firstGap(_ numbers: some Collection<Int>) -> Int? {
        var next = 1
        for number in numbers.sorted() {
            if number > next { return next }
            next = number + 1
        }
        return nil
    }

    /// An acceptance changes no stage, and ends the reminders.
    private mutating func concludeAcceptance(_ alert: String, _ history: History) {
        let accepted = history.reasons.filter { $0.value == "accepted" }.keys.sorted()
        for revision in accepted {
            if let before = history.states[revision - 1], before != history.states[revision] {
                report(
                    "\(alert): \(before) became \(history.states[revision] ?? "") by being accepted"
                )
            }
        }
        if let first = accepted.first,
            let late = history.reasons.filter({ $0.key > first && $0.value == Alert.notAccepted })
                .keys.min()
        {
            report("\(alert): reminded of (revision \(late)) after it was accepted")
        }
    }

    /// Reports the breaches that only the whole stream shows.
    mutating func conclude() {
        for (alert, history) in histories.sorted(by: { $0.key < $1.key }) {
            if let gap = Self.firstGap(history.states.keys), !mayHaveGaps {
                report(
                    "\(alert): revision \(gap) never came, \(history.states.keys.max() ?? 0) did")
            }
            let order = history.states.sorted { $0.key < $1.key }
            for (before, after) in zip(order, order.dropFirst())
            where before.value == "confirmed" && after.value == "suspected" {
                report("\(alert): suspected (revision \(after.key)) after it was confirmed")
            }
            concludeAcceptance(alert, history)
        }
        for (queue, found) in numbers.sorted(by: { $0.key < $1.key }) where !mayHaveGaps {
            if let gap = Self.firstGap(found.keys) {
                report("\(queue): sequence \(gap) never came, \(found.keys.max() ?? 0) did")
            }
        }
        for id in historical.sorted() {
            let alert = String(id.prefix { $0 != "/" })
            if histories[alert]?.isOpen == true {
                report("\(id): marked historical, and its alert is still open")
            }
        }
        if let openByState {
            // The state may be 5 s old.
            let settled = histories.filter { history in
                guard let stateTime, let changed = history.value.changedAt else { return true }
                return changed + .seconds(5) < stateTime
            }
            let open = Set(settled.filter { $0.value.isOpen && !$0.value.isTest }.keys)
            for alert in open.subtracting(openByState).sorted() {
                report(
                    "\(alert): open by its last revision (\(histories[alert]?.summary ?? "")), and not in the open_alerts of the last state, \(stateTime?.rfc3339 ?? "")"
                )
            }
        }
    }
}
