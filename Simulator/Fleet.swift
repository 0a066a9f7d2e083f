import Elevator

/// All lifts of a run, and the network between them and the gateway, which doubles, delays and repeats.
struct Fleet {
    /// A message as it arrives.
    struct Delivery {
        var arrival: Double
        var publication: Publication
    }
    let scenario: Scenario
    let start: Double
    let lifts: [SimulatedLift]
    private var queue: Heap<Double, Int>
    private var arriving = Heap<Double, Publication>()
    private var network: Random
    private var recent: [Publication] = []
    private var nextRedelivery: Double
    private var lastArrival: [Int: Double] = [:]
    private(set) var doubled = 0
    private(set) var delayed = 0

    init(_ scenario: Scenario, seed: UInt64, start: Double) {
        self.scenario = scenario
        self.start = start
        let plan = Self.plan(scenario, seed: seed, start: start)
        lifts = (0..<scenario.lifts).map {
            SimulatedLift(number: $0, scenario: scenario, seed: seed, start: start, incidents: plan[$0])
        }
        network = Random(seed: seed, stream: 0xBEEF)
        nextRedelivery = start + scenario.redeliveryEvery
        queue = Heap()
        for (index, lift) in lifts.enumerated() {
            if let first = lift.publications.first { queue.push(first.time, index) }
        }
    }

    /// Who meets what, and when: each incident at least once, on a lift that has time for it.
    private static func plan(_ scenario: Scenario, seed: UInt64, start: Double) -> [[(Double, Scenario.Incident)]] {
        var random = Random(seed: seed, stream: 0xFA17)
        var plan: [[(Double, Scenario.Incident)]] = Array(repeating: [], count: scenario.lifts)
        // An incident with its aftermath takes this long at the most.
        let span = scenario.rescueAfter.1 * 1.5 + 150 * min(1, scenario.rescueAfter.0 / 120) + 90
        for kind in Scenario.Incident.allCases {
            guard let rate = scenario.incidents[kind], rate > 0 else { continue }
            let count = max(1, Int((rate * Double(scenario.lifts) / scenario.incidentLifts).rounded()))
            for _ in 0..<count {
                let latest = max(scenario.duration * 0.3, scenario.duration - span)
                for _ in 0..<50 {
                    let lift = random.integer(0...scenario.lifts - 1)
                    let time = start + random.uniform(min(20, scenario.duration / 10), latest)
                    if plan[lift].contains(where: { abs($0.0 - time) < span * 1.5 }) { continue }
                    plan[lift].append((time, kind))
                    break
                }
            }
        }
        return plan
    }

    /// The next message in the order of arrival, or nil at the end.
    mutating func next() -> Delivery? {
        while true {
            let published = queue.peek?.key
            if let arrival = arriving.peek?.key, arrival <= (published ?? .infinity) {
                guard let (arrival, publication) = arriving.pop() else { return nil }
                return Delivery(arrival: arrival, publication: publication)
            }
            guard let (_, index) = queue.pop() else { return nil }
            let lift = lifts[index]
            let publication = lift.takeFirst()
            while lift.isExhausted, lift.playOn() {}
            if let time = lift.firstTime { queue.push(time, index) }
            if publication.time <= start + scenario.duration { send(publication, from: index) }
        }
    }

    private mutating func send(_ publication: Publication, from lift: Int) {
        var delay = network.uniform(0.003, 0.03)
        if network.chance(scenario.late) {
            delay += network.uniform(0.2, scenario.lateBy)
            delayed += 1
        } else {
            // One lift's words travel on one connection, in order, except those that go astray.
            delay = max(delay, (lastArrival[lift] ?? 0) - publication.time)
            lastArrival[lift] = publication.time + delay
        }
        arriving.push(publication.time + delay, publication)
        if network.chance(scenario.duplicates) {
            arriving.push(publication.time + delay + network.uniform(0.001, 1.5), publication)
            doubled += 1
        }
        recent.append(publication)
        if recent.count > 20 { recent.removeFirst() }
        // The broker repeats what it believes to be unacknowledged.
        if publication.time >= nextRedelivery {
            for old in recent { arriving.push(publication.time + 0.5, old) }
            doubled += recent.count
            nextRedelivery += scenario.redeliveryEvery
        }
    }

    /// What happened, once the run is over.
    var truth: [TruthRow] {
        let run = TruthRow(kind: "run", lift: "", start: start, decidable: start, end: start + scenario.duration)
        return [run]
            + lifts.flatMap(\.truth).filter { $0.start <= run.end }.sorted { ($0.start, $0.lift) < ($1.start, $1.lift) }
    }
}

extension SimulatedLift {
    var isExhausted: Bool { firstTime == nil }
}

/// A binary min-heap; of equal keys the one pushed first comes first.
struct Heap<Key: Comparable, Value> {
    private var items: [(key: Key, order: Int, value: Value)] = []
    private var pushed = 0
    var peek: (key: Key, value: Value)? { items.first.map { ($0.key, $0.value) } }
    var isEmpty: Bool { items.isEmpty }

    mutating func push(_ key: Key, _ value: Value) {
        items.append((key, pushed, value))
        pushed += 1
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(child, parent) else { break }
            items.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> (key: Key, value: Value)? {
        guard !items.isEmpty else { return nil }
        items.swapAt(0, items.count - 1)
        let top = items.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < items.count && isBefore(child, least) {
                least = child
            }
            if least == parent { break }
            items.swapAt(parent, least)
            parent = least
        }
        return (top.key, top.value)
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        (items[a].key, items[a].order) < (items[b].key, items[b].order)
    }
}
