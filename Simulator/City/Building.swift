import Elevator

/// Those who wait at one floor.
struct Landing {
    var up: [Passenger] = []
    var down: [Passenger] = []
    /// Which lift has been sent for them.
    var upLift: Int?
    var downLift: Int?
}

/// A building with its group of lifts, the people in it, and what is going to happen. Buildings have nothing to do with each
/// other, so that each is the same whatever runs beside it.
package final class Building {
    enum Happening {
        case party
        case step(lift: Int, SimulatedLift.Step, chain: UInt32)
        case plan(() -> Void)
    }

    package let plan: BuildingPlan
    let scenario: Scenario
    let shaft: Shaft
    @exclusivity(unchecked) package private(set) var lifts: [SimulatedLift] = []
    @exclusivity(unchecked) var landings: [Landing]
    var random: Random
    /// Seconds since the run's start.
    @exclusivity(unchecked) private(set) var now = 0.0
    @exclusivity(unchecked) private var network: Network
    @exclusivity(unchecked) private var broker: Broker
    @exclusivity(unchecked) package var truth: [TruthRow] = []
    var isPowered = true
    @exclusivity(unchecked) private var agenda = Heap<Double, Happening>()
    /// When each lift is due to say something though nothing has changed.
    @exclusivity(unchecked) var reports: [Double] = []

    package init(_ plan: BuildingPlan, _ scenario: Scenario, seed: UInt64) {
        self.plan = plan
        self.scenario = scenario
        shaft = plan.shaft
        landings = Array(repeating: Landing(), count: plan.shaft.floors)
        random = Random(seed: seed, stream: UInt64(plan.number) << 8 | 1)
        network = Network(
            plan.network, lifts: plan.lifts, random: Random(seed: seed, stream: UInt64(plan.number) << 8 | 3))
        broker = Broker(isNeeded: scenario.events.contains { $0.what == .gatewayAway })
        for number in 0..<plan.lifts {
            lifts.append(SimulatedLift(index: number, in: self, seed: seed))
            reports.append(.infinity)
        }
        for lift in lifts { lift.begin() }
        expectParty()
        var chance = Random(seed: seed, stream: UInt64(plan.number) << 8 | 4)
        schedule(scenario.events, &chance)
    }

    // MARK: Time

    func after(_ seconds: Double, _ happening: Happening) { agenda.push(now + seconds, happening) }
    func after(_ seconds: Double, _ action: @escaping () -> Void) { agenda.push(now + seconds, .plan(action)) }

    /// Takes what arrives at the gateway: seconds since the run's start, the lift's number in the building, its channel, the payload.
    /// What the broker had kept and tells a gateway that is back is retained.
    package typealias Deliver = (
        _ time: Double, _ lift: Int, _ channel: Dialect.Channel, _ payload: [UInt8], _ isRetained: Bool
    ) -> Void

    /// Lets everything happen until a moment, that moment excluded.
    package func advance(to end: Double, _ deliver: Deliver) {
        while true {
            var due = agenda.firstKey ?? .infinity
            var reporter = -1
            for index in reports.indices where reports[index] < due {
                due = reports[index]
                reporter = index
            }
            if let arrival = network.nextArrival, arrival <= due, arrival < end {
                now = arrival
                let word = network.deliver()
                if broker.takes(word) { continue }
                lifts[word.lift].isHeard(saying: word)
                deliver(now, word.lift, word.channel, lifts[word.speaker].voice.pen.write(word), false)
                continue
            }
            guard due < end else { break }
            now = due
            if broker.isDue(at: now) { readBacklog(deliver) }
            if reporter >= 0 {
                lifts[reporter].report()
            } else if let (_, happening) = agenda.pop() {
                happen(happening)
            }
        }
        now = end
    }

    /// The topic that a lift speaks on.
    package func topic(lift: Int, _ channel: Dialect.Channel) -> [UInt8] {
        lifts[lift].voice.pen.topics[Int(channel.rawValue)]
    }

    /// A lift says something; the network takes it on.
    func send(_ word: Word) {
        if let outage = network.carry(word) { lifts[word.lift].linkIsAway(outage) }
    }

    /// - Parameter isLost: what it says meanwhile, its adapter does not keep.
    func cutLink(of lift: Int, for seconds: Double, losing isLost: Bool = false) {
        network.cut(lift, now...now + seconds, losing: isLost)
    }

    package var networkCounts: NetworkCounts {
        var counts = network.counts
        counts.lost += broker.lost
        return counts
    }

    private func happen(_ happening: Happening) {
        switch happening {
        case .party:
            welcomeParty()
            expectParty()
        case .step(let lift, let step, let chain): lifts[lift].take(step, chain: chain)
        case .plan(let action): action()
        }
    }

    /// A lift of this site says that the mains are gone, which speaks for whichever falls silent within half a minute of it.
    func hearOfLostMains(at time: Double) {
        for lift in lifts where !lift.voice.isSpeaking && abs(time - lift.voice.lastWord) <= 30 {
            lift.voice.isCorroborated = true
            lift.showBySilence()
        }
    }

    // MARK: The gateway's connection

    func loseGateway(for seconds: Double, losing loss: Broker.Loss) {
        broker.lose(until: now + seconds, losing: loss)
        after(seconds) {}
    }

    /// It is back.
    private func readBacklog(_ deliver: Deliver) {
        // What it did not listen to is nobody's silence.
        for lift in lifts { lift.voice.lastHeard = now }
        let (words, areRetained) = broker.give()
        for word in words {
            lifts[word.lift].isHeard(saying: word)
            deliver(now, word.lift, word.channel, lifts[word.speaker].voice.pen.write(word), areRetained)
        }
    }

    // MARK: People

    private func expectParty() {
        var wait = 0.0
        // A Poisson process forgets: what is beyond the hour is drawn anew at the next hour's rate.
        for _ in 0..<48 {
            let rate = plan.traffic.rate(hour: scenario.hour(at: now + wait), lifts: plan.lifts)
            let rest = 3600 - (scenario.timeOfDay + now + wait).truncatingRemainder(dividingBy: 3600)
            let draw = rate > 0 ? random.exponential(rate: rate) : .infinity
            if draw < rest { return after(wait + draw, .party) }
            wait += rest + 1e-6
        }
    }

    /// Somebody, or a few together, want to go somewhere.
    private func welcomeParty() {
        let (origin, destination) = plan.traffic.journey(
            hour: scenario.hour(at: now), floors: shaft.floors, &random)
        // People per car in entrapment statistics: 1.6 to 2.6 with those already in it.
        var size = 1
        while size < 5, random.chance(0.3) { size += 1 }
        // Nobody waits for lifts that are all out of order.
        guard lifts.contains(where: \.isInService) else { return }
        for _ in 0..<size {
            let passenger = Passenger(destination: destination, mass: random.uniform(45, 95))
            if destination > origin {
                landings[origin].up.append(passenger)
            } else {
                landings[origin].down.append(passenger)
            }
        }
        call(floor: origin, isUp: destination > origin)
    }

    // MARK: The dispatcher

    /// Sends the lift that will be there first, unless one has been sent.
    func call(floor: Int, isUp: Bool) {
        if let sent = isUp ? landings[floor].upLift : landings[floor].downLift {
            return lifts[sent].noticeCall(floor: floor, isUp: isUp)
        }
        var best: (lift: Int, cost: Double)?
        for (index, lift) in lifts.enumerated() where lift.isInService {
            let cost = lift.secondsUntil(floor: floor, isUp: isUp)
            if cost < best?.cost ?? .infinity { best = (index, cost) }
        }
        guard let best else { return }
        if isUp { landings[floor].upLift = best.lift } else { landings[floor].downLift = best.lift }
        lifts[best.lift].noticeCall(floor: floor, isUp: isUp)
    }

    /// A lift that can no longer come gives its calls back.
    func reassignCalls(of lift: Int) {
        for floor in landings.indices {
            for isUp in [true, false] where (isUp ? landings[floor].upLift : landings[floor].downLift) == lift {
                if isUp { landings[floor].upLift = nil } else { landings[floor].downLift = nil }
                if !(isUp ? landings[floor].up : landings[floor].down).isEmpty { call(floor: floor, isUp: isUp) }
            }
        }
    }

    /// A lift is back: somebody may have waited for it.
    func callForThoseWhoWait() {
        for floor in landings.indices {
            if !landings[floor].up.isEmpty { call(floor: floor, isUp: true) }
            if !landings[floor].down.isEmpty { call(floor: floor, isUp: false) }
        }
    }
}
