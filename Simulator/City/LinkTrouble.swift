import Elevator

/// What happens to a lift's link and its adapter, whatever the lift is doing: nobody waits for a parked one.
extension SimulatedLift {
    /// - Returns: false for what is played on the lift itself.
    func befalls(_ nuisance: Nuisance) -> Bool {
        let start = now
        let seconds: Double
        switch nuisance {
        case .linkOutage: seconds = loseLink()
        case .linkOutageInRide:
            // In `loseLinkDuringRide`, which takes note of it.
            isLinkWeak = true
            return true
        case .siteLinkOutage:
            seconds = outageSeconds()
            let isLost = random.chance(0.5)
            for lift in building.lifts { building.cutLink(of: lift.index, for: seconds, losing: isLost) }
        case .adapterReboot: seconds = rebootAdapter(blindFor: 2...25)
        case .adapterAway:
            seconds = random.uniform(120, 7200)
            fallSilent()
            later(seconds) { $0.speakAgain() }
        default: return false
        }
        note("nuisance.\(nuisance.rawValue)", from: start, to: start + seconds)
        return true
    }

    /// Five seconds to two minutes, short ones oftener: as likely from 5 to 26 s as from there to 140.
    private func outageSeconds() -> Double {
        // (a square of a uniform number, so that no logarithm is needed)
        let share = random.uniform()
        return 5 + 135 * share * share
    }

    private func loseLink() -> Double {
        let seconds = outageSeconds()
        // Half of the adapters keep what they say meanwhile, and send it in one burst.
        building.cutLink(of: index, for: seconds, losing: random.chance(0.5))
        return seconds
    }

    /// In a ride that ends as every other one.
    func loseLinkDuringRide() {
        guard isLinkWeak, !car.riders.isEmpty, let journey = car.journey else { return }
        isLinkWeak = false
        later(random.uniform(0, 0.9) * journey.ideal.duration) {
            let start = $0.now
            let seconds = $0.loseLink()
            $0.note("nuisance.\(Nuisance.linkOutageInRide.rawValue)", from: start, to: start + seconds)
        }
    }

    /// Off, then on with nothing known, until it has read its controller once.
    func rebootAdapter(blindFor range: ClosedRange<Double>) -> Double {
        guard voice.isSpeaking, senses.blindness == nil else { return 0 }
        let (off, blind) = (random.uniform(10, 60), random.uniform(range))
        fallSilent()
        later(off) {
            guard $0.senses.blindness == nil else { return }
            $0.senses.blindness = .adapterStarting
            $0.speakAgain()
            $0.later(blind) {
                if $0.senses.blindness == .adapterStarting { $0.senses.blindness = nil }
                $0.show()
            }
        }
        return off + blind
    }
}
