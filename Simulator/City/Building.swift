import LiftModel

/// The passengers who wait at one floor.
struct Landing {
    var up: [Passenger] = []
    var down: [Passenger] = []
    /// The lift that was assigned to them.
    var upLift: Int?
    var downLift: Int?
}

/// A building with its group of lifts, the people in it, and the agenda of coming events. Buildings
/// do not influence each other, so each is the same in any city.
package final class Building {
    enum AgendaItem {
        case party
        case step(lift: Int, SimulatedLift.Step, chain: UInt32)
        case action(() -> Void)
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
    @exclusivity(unchecked) private var agenda = Heap<Double, AgendaItem>()
    /// When each lift's next heartbeat is due, seconds since the run's start.
    @exclusivity(unchecked) var nextReports: [Double] = []

    package init(_ plan: BuildingPlan, _ scenario: Scenario, seed: UInt64) {
        self.plan = plan
        self.scenario = scenario
        shaft = plan.shaft
        landings = Array(repeating: Landing(), count: plan.shaft.floors)
        random = Random(seed: seed, stream: UInt64(plan.number) << 8 | 1)
        network = Network(
            plan.network, lifts: plan.lifts,
            random: Random(seed: seed, stream: UInt64(plan.number) << 8 | 3))
        broker = Broker(isNeeded: scenario.events.contains { $0.kind == .gatewayAway })
        for number in 0..<plan.lifts {
            lifts.append(SimulatedLift(index: number, in: self, seed: seed))
            nextReports.append(.infinity)
        }
        for lift in lifts { lift.begin() }
        scheduleParty()
        var chance = Random(seed: seed, stream: UInt64(plan.number) << 8 | 4)
        schedule(scenario.events, &chance)
    }

    // MARK: Time

    func after(_ seconds: Double, _ item: AgendaItem) { agenda.push(now + seconds, item) }
    func after(_ seconds: Double, _ action: @escaping () -> Void) {
        agenda.push(now + seconds, .action(action))
    }

    /// Takes a message that arrives at the gateway: seconds since the run's start, the lift's
    /// number in the building, its channel, the payload, and whether the broker sends it as
    /// retained.
    package typealias Deliver = (
        _ time: Double, _ lift: Int, _ channel: Dialect.Channel, _ payload: [UInt8],
        _ isRetained: Bool
    ) -> Void

    /// Simulates until a moment, that moment excluded.
    package func advance(to end: Double, _ deliver: Deliver) {
        while true {
            var due = agenda.firstKey ?? .infinity
            var reporter = -1
            for index in nextReports.indices where nextReports[index] < due {
                due = nextReports[index]
                reporter = index
            }
            if let arrival = network.nextArrival, arrival <= due, arrival < end {
                now = arrival
                let report = network.deliver()
                if broker.queues(report) { continue }
                lifts[report.lift].reportArrived(report)
                deliver(
                    now, report.lift, report.channel,
                    lifts[report.sender].scheduler.encoder.encode(report), false)
                continue
            }
            guard due < end else { break }
            now = due
            if broker.isDue(at: now) { readBacklog(deliver) }
            if reporter >= 0 {
                lifts[reporter].publishState()
            } else if let (_, item) = agenda.pop() {
                perform(item)
            }
        }
        now = end
    }

    /// The topic on which a lift publishes.
    package func topic(lift: Int, _ channel: Dialect.Channel) -> [UInt8] {
        lifts[lift].scheduler.encoder.topics[Int(channel.rawValue)]
    }

    /// Hands a lift's report to the network.
    func send(_ report: Report) {
        if let outage = network.carry(report) { lifts[report.lift].linkFailed(outage) }
    }

    /// - Parameter isLost: the adapter does not store its reports meanwhile.
    func cutLink(of lift: Int, for seconds: Double, losing isLost: Bool = false) {
        network.cut(lift, now...now + seconds, losing: isLost)
    }

    package var networkCounts: NetworkCounts {
        var counts = network.counts
        counts.lost += broker.lost
        return counts
    }

    private func perform(_ item: AgendaItem) {
        switch item {
        case .party:
            addParty()
            scheduleParty()
        case .step(let lift, let step, let chain): lifts[lift].take(step, chain: chain)
        case .action(let action): action()
        }
    }

    /// A lift of this site has reported that the mains are lost. That corroborates the silence of
    /// each lift that stopped reporting within 30 s of it.
    func mainsLossReported(at time: Double) {
        for lift in lifts
        where !lift.scheduler.isReporting && abs(time - lift.scheduler.lastReportTime) <= 30 {
            lift.scheduler.isCorroborated = true
            lift.recordSilenceEvidence()
        }
    }

    // MARK: The gateway's connection

    func disconnectGateway(for seconds: Double, losing loss: Broker.Loss) {
        broker.disconnect(until: now + seconds, losing: loss)
        after(seconds) {}
    }

    /// The gateway is back.
    private func readBacklog(_ deliver: Deliver) {
        // Time in which the gateway did not observe is no silence of a lift.
        for lift in lifts { lift.scheduler.lastArrival = now }
        let (reports, areRetained) = broker.reconnect()
        for report in reports {
            lifts[report.lift].reportArrived(report)
            deliver(
                now, report.lift, report.channel,
                lifts[report.sender].scheduler.encoder.encode(report), areRetained)
        }
    }

    // MARK: People

    private func scheduleParty() {
        var wait = 0.0
        // A Poisson process has no memory: beyond the hour it is drawn again at the next hour's
        // rate.
        for _ in 0..<48 {
            let rate = plan.traffic.rate(hour: scenario.hour(at: now + wait), lifts: plan.lifts)
            let rest =
                3600 - (scenario.timeOfDay + now + wait).truncatingRemainder(dividingBy: 3600)
            let draw = rate > 0 ? random.exponential(rate: rate) : .infinity
            if draw < rest { return after(wait + draw, .party) }
            wait += rest + 1e-6
        }
    }

    /// Adds one to five passengers with one journey.
    private func addParty() {
        let (origin, destination) = plan.traffic.journey(
            hour: scenario.hour(at: now), floors: shaft.floors, &random)
        // People per car in entrapment statistics: 1.6 to 2.6 with those already in it.
        var size = 1
        while size < 5, random.chance(0.3) { size += 1 }
        // Nobody waits where all lifts are out of order.
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

    /// Assigns the lift that can be there first, unless one is assigned.
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

    /// Assigns the calls of a lift that can no longer serve them to others.
    func reassignCalls(of lift: Int) {
        for floor in landings.indices {
            for isUp in [true, false]
            where (isUp ? landings[floor].upLift : landings[floor].downLift) == lift {
                if isUp { landings[floor].upLift = nil } else { landings[floor].downLift = nil }
                if !(isUp ? landings[floor].up : landings[floor].down).isEmpty {
                    call(floor: floor, isUp: isUp)
                }
            }
        }
    }

    /// A lift is back in service: passengers may have waited for one.
    func callForWaitingPassengers() {
        for floor in landings.indices {
            if !landings[floor].up.isEmpty { call(floor: floor, isUp: true) }
            if !landings[floor].down.isEmpty { call(floor: floor, isUp: false) }
        }
    }
}
