import LiftModel

/// Failures of a lift's link and of its adapter. They do not wait for a parked lift.
extension SimulatedLift {
    /// - Returns: false for a nuisance of the lift itself.
    func playOnLinkOrAdapter(_ nuisance: Nuisance) -> Bool {
        let start = now
        let seconds: Double
        switch nuisance {
        case .linkOutage: seconds = loseLink()
        case .linkOutageInRide:
            // `loseLinkDuringRide` plays and records it.
            mishaps.losesLinkInRide = true
            return true
        case .siteLinkOutage:
            seconds = outageSeconds()
            let isLost = random.chance(0.5)
            for lift in building.lifts {
                building.cutLink(of: lift.index, for: seconds, losing: isLost)
            }
        case .adapterReboot: seconds = rebootAdapter(nullFieldsFor: 2...25)
        case .adapterAway:
            seconds = random.uniform(120, 7200)
            stopReporting()
            later(seconds) { $0.resumeReporting() }
        default: return false
        }
        recordFact("nuisance.\(nuisance.rawValue)", from: start, to: start + seconds)
        return true
    }

    /// 5 to 140 s, short ones more often: half of them are below 39 s. It is the square of a
    /// uniform number, so that no logarithm is needed.
    private func outageSeconds() -> Double {
        let share = random.uniform()
        return 5 + 135 * share * share
    }

    private func loseLink() -> Double {
        let seconds = outageSeconds()
        // Half of the adapters store their reports meanwhile and send them in one burst.
        building.cutLink(of: index, for: seconds, losing: random.chance(0.5))
        return seconds
    }

    /// The link fails in a ride that ends like any other.
    func loseLinkDuringRide() {
        guard mishaps.losesLinkInRide, !car.riders.isEmpty, let journey = car.journey else {
            return
        }
        mishaps.losesLinkInRide = false
        later(random.uniform(0, 0.9) * journey.ideal.duration) {
            let start = $0.now
            let seconds = $0.loseLink()
            $0.recordFact(
                "nuisance.\(Nuisance.linkOutageInRide.rawValue)", from: start, to: start + seconds)
        }
    }

    /// The adapter is off, then it sends null in every field until it has read its controller once.
    func rebootAdapter(nullFieldsFor range: ClosedRange<Double>) -> Double {
        guard scheduler.isReporting, sensors.controllerLoss == nil else { return 0 }
        let (off, nullTime) = (random.uniform(10, 60), random.uniform(range))
        stopReporting()
        later(off) {
            guard $0.sensors.controllerLoss == nil else { return }
            $0.sensors.controllerLoss = .adapterStarting
            $0.resumeReporting()
            $0.later(nullTime) {
                if $0.sensors.controllerLoss == .adapterStarting { $0.sensors.controllerLoss = nil }
                $0.publishChanges()
            }
        }
        return off + nullTime
    }
}
