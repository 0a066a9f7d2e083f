import Elevator
import FoundationEssentials

/// Holds a stream of the gateway's messages to docs/contract/README.md, and says what breaks it.
///
/// What one message shows is said at once; what only the whole stream shows (a gap, a revision that never came) by `conclude()`.
struct StreamCheck {
    /// What belongs to one sending: it may differ between copies.
    static let ofTheSending: Set = [
        "senttime", "attempt", "sequence", "bootid", "monotonic", "clockquality", "timecorrection", "historical", "jws",
    ]

    private struct Story {
        var kind: String
        var lift: String
        var onset: String
        var isTest: Bool
        /// By revision.
        var states: [Int: String] = [:]
        var reasons: [Int: String] = [:]
        /// When its last revision was decided.
        var changedAt: Instant?
        var isOpen: Bool { ["suspected", "confirmed", "raised"].contains(states.max { $0.key < $1.key }?.value) }
    }

    private let schemas: [String: ContractSchema]
    private var contents: [String: JSONValue] = [:]
    private var stories: [String: Story] = [:]
    /// Numbers seen, by subject and lane.
    private var numbers: [String: [Int: String]] = [:]
    private var historical: Set<String> = []
    private var openByState: Set<String>?
    private var stateTime: Instant?
    private var keys: [String: [UInt8]] = [:]
    /// Signed alerts whose key is not yet known.
    private var unverified: [(id: String, jws: String)] = []
    /// Something was evicted, or lost with a damaged journal.
    private var mayHaveGaps = false
    private(set) var messages = 0
    private(set) var repeats = 0
    private(set) var breaches: [String] = []

    /// - Parameter folder: of the schemas: docs/contract.
    init(contract folder: String) throws {
        let names = ["alert", "site", "heartbeat", "word", "evicted", "quarantined", "clock", "selftest", "statistics"]
        schemas = try Dictionary(
            uniqueKeysWithValues: names.map {
                ("org.hoistway.\($0).v1", try ContractSchema("\(folder)/\($0).v1.schema.json"))
            })
    }

    var unique: Int { contents.count }

    private mutating func report(_ breach: String) { breaches.append(breach) }

    // MARK: One message

    /// - Parameter topic: nil where it came by another way.
    /// - Returns: the event's id, nil where nothing can be said to be stored.
    @discardableResult
    mutating func take(_ bytes: some Sequence<UInt8>, topic: String? = nil) -> String? {
        messages += 1
        let place = topic ?? "message \(messages)"
        guard let event = JSONValue(bytes) else {
            report("\(place): not JSON")
            return nil
        }
        let type = event["type"]?.text ?? ""
        guard let schema = schemas[type] else {
            report("\(place): type '\(type)' is not one of the contract's")
            return nil
        }
        let mistakes = schema.mistakes(in: event)
        guard mistakes.isEmpty, let id = event["id"]?.text else {
            report("\(place): \(mistakes.joined(separator: "; ")) (\(schema.name))")
            return event["id"]?.text
        }
        takeTimes(event, id)
        switch type {
        case "org.hoistway.site.v1":
            stateTime = event["time"]?.text.flatMap { Instant(rfc3339: $0) }
            openByState = Set(event["data"]?["open_alerts"]?.items.compactMap { $0["alert_id"]?.text } ?? [])
            return nil
        case "org.hoistway.heartbeat.v1":
            if let key = event["data"]?["key"], let name = key["kid"]?.text, let x = key["x"]?.text {
                keys[name] = Signature.base64url(x)
                verifyWaiting()
            }
            return nil
        case "org.hoistway.evicted.v1", "org.hoistway.quarantined.v1": mayHaveGaps = true
        default: break
        }
        takeOwed(event, id, topic)
        return id
    }

    private mutating func takeTimes(_ event: JSONValue, _ id: String) {
        func time(_ key: String) -> Instant? {
            guard let text = event[key]?.text else { return nil }
            let time = Instant(rfc3339: text)
            if time == nil { report("\(id): \(key) '\(text)' is no RFC 3339 time") }
            return time
        }
        let (stands, recorded, sent) = (time("time"), time("recordedtime"), time("senttime"))
        if let stands, let recorded, recorded < stands { report("\(id): recorded before it was so") }
        if let decided = recorded ?? stands, let sent, decided > sent + .seconds(1) {
            report("\(id): sent before it was decided")
        }
    }

    private mutating func takeOwed(_ event: JSONValue, _ id: String, _ topic: String?) {
        let stable = JSONValue.object(event.members.filter { !Self.ofTheSending.contains($0.key) })
        if let known = contents[id] {
            repeats += 1
            if known != stable { report("\(id): a repeat says something else than the first copy") }
            return
        }
        contents[id] = stable
        let lane = Self.lane(event)
        if let topic, topic.contains("/alert/"), !topic.hasSuffix("/" + lane) {
            report("\(id): came on \(topic), expected …/alert/\(lane)")
        }
        if let number = event["sequence"]?.number.flatMap({ Int(exactly: $0) }), let subject = event["subject"]?.text {
            let queue = "\(subject), lane \(lane)"
            if let other = numbers[queue]?[number] {
                report("\(id): sequence \(number) of \(queue) is also that of \(other)")
            }
            let highest = numbers[queue]?.keys.max() ?? 0
            // What was sent before and did not arrive may come after what was sent later, and says so.
            if number < highest, event["attempt"]?.number == 1, event["historical"] == nil {
                report("\(id): sequence \(number) of \(queue) came first after \(highest)")
            }
            numbers[queue, default: [:]][number] = id
        }
        if event["historical"]?.boolean == true { historical.insert(id) }
        if event["type"]?.text == "org.hoistway.alert.v1" { takeAlert(event, id) }
    }

    /// README.md, "What a receiver must do", 5.
    private static func lane(_ event: JSONValue) -> String {
        let data = event["data"]
        switch event["type"]?.text {
        case "org.hoistway.alert.v1":
            let kind = data?["kind"]?.text ?? ""
            if data?["state"]?.text == "suppressed" { return "info" }
            if Alert.isEntrapment(kind) || kind == Alert.carAlarmCall { return "entrapment" }
            if data?["severity"]?.text == "emergency" { return "entrapment" }
            return data?["severity"]?.text == "info" ? "info" : "fault"
        case "org.hoistway.statistics.v1": return "info"
        case "org.hoistway.selftest.v1": return data?["passed"]?.boolean == true ? "info" : "fault"
        default: return "fault"
        }
    }

    private mutating func takeAlert(_ event: JSONValue, _ id: String) {
        guard let data = event["data"], let alert = data["alert_id"]?.text,
            let revision = data["revision"]?.number.flatMap({ Int(exactly: $0) }), let state = data["state"]?.text,
            let kind = data["kind"]?.text, let lift = event["subject"]?.text, let onset = data["onset"]?.text
        else { return }
        if id != "\(alert)/\(revision)" { report("\(id): expected alert_id/revision, \(alert)/\(revision)") }
        let told = Story(kind: kind, lift: lift, onset: onset, isTest: data["test"]?.boolean == true)
        var story = stories[alert] ?? told
        if (story.kind, story.lift, story.onset, story.isTest) != (told.kind, told.lift, told.onset, told.isTest) {
            report("\(id): kind, lift or onset differ from another revision's")
        }
        story.states[revision] = state
        story.reasons[revision] = data["reason"]?.text
        if revision >= story.states.keys.max() ?? 0 {
            story.changedAt = event["time"]?.text.flatMap { Instant(rfc3339: $0) }
        }
        stories[alert] = story
        takePeople(data, id)
        if let jws = event["jws"]?.text { takeSignature(jws, id) }
    }

    /// README.md, "Kinds, reasons and states" and "What people say".
    private mutating func takePeople(_ data: JSONValue, _ id: String) {
        let reason = data["reason"]?.text ?? ""
        if Alert.isEntrapment(data["kind"]?.text ?? ""), data["state"]?.text != "suppressed", data["branch"] == nil {
            report("\(id): an entrapment without its branch")
        }
        // `released` is also a door's word.
        if Self.peoplesWords.contains(reason), data["statement"]?["by"] == nil {
            report("\(id): '\(reason)' without the person who said so")
        }
        if reason == "verified", data["state"]?.text == "suspected" { report("\(id): verified, and still suspected") }
        if data["occupancy_source"]?.text == "sensor_stuck", data["occupancy"]?.text != "unknown" {
            report("\(id): the occupancy is that of a sensor that is stuck")
        }
    }
    private static let peoplesWords: Set = [
        "accepted", "verified", "dispatched", "arrived", "end_of_alarm", "judged_false",
    ]

    // MARK: Signatures

    private mutating func takeSignature(_ jws: String, _ id: String) {
        guard let payload = Signature.payload(jws), JSONValue(payload) == contents[id] else {
            return report("\(id): what is signed is not what is said")
        }
        unverified.append((id, jws))
        verifyWaiting()
    }

    private mutating func verifyWaiting() {
        for (id, jws) in unverified {
            guard let name = Signature.keyID(jws), let key = keys[name] else { continue }
            if !Signature.isValid(jws, key) { report("\(id): the signature is not that of key \(name)") }
        }
        unverified.removeAll { Signature.keyID($0.jws).map { keys[$0] != nil } ?? false }
    }

    // MARK: The whole stream

    /// The first of 1, 2, 3, … up to the highest that is not there.
    private static func firstGap(_ numbers: some Collection<Int>) -> Int? {
        var next = 1
        for number in numbers.sorted() {
            if number > next { return next }
            next = number + 1
        }
        return nil
    }

    /// An acceptance changes no stage, and ends the reminders.
    private mutating func concludeAcceptance(_ alert: String, _ story: Story) {
        let accepted = story.reasons.filter { $0.value == "accepted" }.keys.sorted()
        for revision in accepted {
            if let before = story.states[revision - 1], before != story.states[revision] {
                report("\(alert): \(before) became \(story.states[revision] ?? "") by being accepted")
            }
        }
        if let first = accepted.first,
            let late = story.reasons.filter({ $0.key > first && $0.value == Alert.notAccepted }).keys.min()
        {
            report("\(alert): reminded of (revision \(late)) after it was accepted")
        }
    }

    /// What only the end shows.
    mutating func conclude() {
        for (alert, story) in stories.sorted(by: { $0.key < $1.key }) {
            if let gap = Self.firstGap(story.states.keys), !mayHaveGaps {
                report("\(alert): revision \(gap) never came, \(story.states.keys.max() ?? 0) did")
            }
            let order = story.states.sorted { $0.key < $1.key }
            for (before, after) in zip(order, order.dropFirst())
            where before.value == "confirmed" && after.value == "suspected" {
                report("\(alert): suspected (revision \(after.key)) after it was confirmed")
            }
            concludeAcceptance(alert, story)
        }
        for (queue, found) in numbers.sorted(by: { $0.key < $1.key }) where !mayHaveGaps {
            if let gap = Self.firstGap(found.keys) {
                report("\(queue): sequence \(gap) never came, \(found.keys.max() ?? 0) did")
            }
        }
        for id in historical.sorted() {
            let alert = String(id.prefix { $0 != "/" })
            if stories[alert]?.isOpen == true { report("\(id): marked historical, and its alert is still open") }
        }
        if let openByState {
            // The state may be 5 s old.
            let settled = stories.filter { story in
                guard let stateTime, let changed = story.value.changedAt else { return true }
                return changed + .seconds(5) < stateTime
            }
            let open = Set(settled.filter { $0.value.isOpen && !$0.value.isTest }.keys)
            for alert in open.subtracting(openByState).sorted() {
                report("\(alert): open by what was told, and not in the last state's open_alerts")
            }
        }
    }
}
