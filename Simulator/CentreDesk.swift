import Encoding
import FoundationEssentials
import LiftModel
import Platform

/// What a simulated centre has received, and the answers that it still has to send.
struct CentreDesk {
    private let settings: Centre
    /// From a message to its answer.
    private let delay: Duration
    private let file: OutputFile
    private(set) var check: StreamCheck?
    /// How many of the check's breaches have been printed.
    private(set) var reported = 0
    private var received = 0
    /// Messages on the events' topics that are no events.
    private var unreadable = 0
    /// The ids of all events.
    private var seen: Set<String> = []
    private var answers: [(due: MonotonicTime, topic: String, payload: [UInt8])] = []
    private var random = SystemRandomNumberGenerator()

    var owesAnswers: Bool { !answers.isEmpty }
    var summary: String {
        "centre: \(received) events, \(seen.count) distinct, \(received - seen.count) duplicates"
            + (unreadable > 0 ? "; \(unreadable) messages were no events" : "")
    }

    init(_ settings: Centre, answeringAfter delay: Duration) throws {
        self.settings = settings
        self.delay = delay
        check = settings.strict ? try StreamCheck(contract: settings.contract) : nil
        file = try OutputFile(settings.out, appending: true)
    }

    /// Checks a message, writes it down where it is an event, and prepares the answer.
    mutating func take(_ message: BrokerLink.Message, at now: MonotonicTime) throws {
        guard Double.random(in: 0..<1, using: &random) >= settings.refuse else { return }
        check?.take(message.payload, topic: message.topic)
        for breach in check?.breaches.dropFirst(reported) ?? [] {
            print("breach: \(breach)")
            reported += 1
        }
        guard message.topic.contains("/alert/") || message.topic.contains("/event/") else { return }
        let event: Event
        do { event = try Self.event(message.payload) } catch {
            unreadable += 1
            if unreadable == 1 {
                StandardError.write("\(message.topic): no event, and so no receipt: \(error)")
            }
            return
        }
        received += 1
        seen.insert(event.id)
        file.write(message.payload + [10])
        let site = message.topic.split(separator: "/").dropLast(2).joined(separator: "/")
        answers.append((now + delay, site + "/receipt", Self.receipt(event.id)))
        if let by = settings.acceptBy, let data = event.data,
            data.kind.map(Alert.isEntrapment) == true,
            data.revision == 1, let alert = data.alertId
        {
            let command = try acceptance(alert, by: by, of: site.split(separator: "/").last ?? "")
            answers.append((now + delay, site + "/word", command))
        }
    }

    /// Sends the answers that are due. A receipt follows the storage.
    mutating func answer(_ link: BrokerLink) {
        file.sync()
        while let first = answers.first, first.due <= MonotonicClock.now {
            guard link.publish(first.payload, to: first.topic) else { break }
            answers.removeFirst()
        }
    }

    private static func receipt(_ id: String) -> [UInt8] {
        var json = JSONWriter()
        json.object { $0.put("id", id) }
        return json.bytes
    }

    private func acceptance(_ alert: String, by: String, of site: Substring) throws -> [UInt8] {
        func put(_ json: inout JSONWriter) {
            json.put("word", "accepted")
            json.put("alert_id", alert)
            json.put("by", by)
            json.put("word_id", "accept-\(alert)")
        }
        var signed: String?
        if let commandKey = settings.commandKey {
            var command = JSONWriter()
            command.object {
                put(&$0)
                $0.put("site", String(site))
                $0.put("time", Instant(nanoseconds: MonotonicClock.wallNanoseconds).rfc3339)
            }
            signed = Signature.sign(command.bytes, privateKeyFile: commandKey)
            guard signed != nil else {
                throw OutputError(path: commandKey, reason: "holds no private key of Ed25519")
            }
        }
        var json = JSONWriter()
        json.object {
            $0.array("words") {
                $0.object { if let signed { $0.put("jws", signed) } else { put(&$0) } }
            }
        }
        return json.bytes
    }

    private struct Event: Decodable {
        struct Body: Decodable {
            var alertId: String?
            var revision: Int?
            var kind: String?
        }
        var id: String
        var data: Body?
    }
    private static func event(_ payload: [UInt8]) throws -> Event {
        try decodeJSON(Event.self, Data(payload))
    }
}
