import Contract
import Encoding
import LiftModel

/// A centre that takes events and answers them, sometimes late, wrongly, or not at all.
struct SimulatedCentre {
    enum Mood: CaseIterable {
        case well
        /// Answers after longer than the gateway waits.
        case slow
        /// Takes events and sends no receipts.
        case silent
        /// Refuses the next events for good.
        case refusing
        /// Sends receipts also for events that it never received.
        case lying
        /// Cannot be reached.
        case away
    }
    struct Arrival {
        var id: String
        var lane: Lane
        var lift: String
        var hash: UInt64
        var at: MonotonicTime
        /// The process that sent it; nil where the event was journalled. What a process without a
        /// disk has sent, the next one cannot know.
        var life: Int?
        /// The id of the command that the event answers; nil for any other event.
        var answeredCommand: String?
    }
    enum Answer {
        case stored([String])
        case refused(String)
    }

    let name: String
    let lanes: Set<Lane>
    var mood = Mood.well
    /// The first copy of each stored event.
    private(set) var stored: [String: Arrival] = [:]
    /// Events in the order of their first arrival.
    private(set) var order: [Arrival] = []
    private(set) var refused: Set<String> = []
    /// The commands whose answers it has refused.
    private(set) var refusedCommands: Set<String> = []
    /// An event that came again with another content.
    private(set) var contradiction: String?
    private var answers: [(route: Int, due: MonotonicTime, answer: Answer)] = []
    private var random: SplitMix64

    init(_ name: String, lanes: Set<Lane>, seed: UInt64) {
        self.name = name
        self.lanes = lanes
        random = SplitMix64(seed: seed)
    }

    /// - Parameter route: the index of the route by which it came; the answer returns on it.
    mutating func receive(_ event: Arrival, on route: Int, at now: MonotonicTime) {
        let latency = Duration.milliseconds(Int64(random.next() % 300))
        switch mood {
        case .away: return
        case .silent: store(event)
        case .refusing where !refused.contains(event.id) && stored[event.id] == nil:
            refused.insert(event.id)
            if let command = event.answeredCommand { refusedCommands.insert(command) }
            answers.append((route, now + latency, .refused(event.id)))
        case .refusing, .well:
            store(event)
            answers.append((route, now + latency, .stored([event.id])))
        case .slow:
            store(event)
            answers.append((route, now + .seconds(12) + latency, .stored([event.id])))
        case .lying:
            store(event)
            answers.append(
                (route, now + latency, .stored([event.id, "never-sent/\(order.count)"])))
        }
    }

    private mutating func store(_ event: Arrival) {
        guard let known = stored[event.id] else {
            stored[event.id] = event
            order.append(event)
            return
        }
        if known.hash != event.hash, known.life == nil || known.life == event.life {
            contradiction = event.id
        }
        if event.life == nil { stored[event.id] = event }
    }

    /// The answers that have arrived by now.
    mutating func takeAnswers(on route: Int, at now: MonotonicTime) -> [Answer] {
        let due = answers.filter { $0.route == route && $0.due <= now }.map(\.answer)
        answers.removeAll { $0.route == route && $0.due <= now }
        return due
    }

    /// The connection is lost, and with it the answers on their way.
    mutating func loseAnswers(on route: Int) { answers.removeAll { $0.route == route } }
}
