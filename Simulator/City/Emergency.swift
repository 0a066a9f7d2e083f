import LiftModel

/// A mode into which the building puts its lifts: they drive where the mode demands, let people
/// out, and stay.
enum Emergency: String, CaseIterable, Sendable {
    case fireRecall = "fire_recall"
    case firefighter
    case earthquake

    var mode: ServiceMode {
        switch self {
        case .fireRecall: .fireRecall
        case .firefighter: .firefighter
        case .earthquake: .earthquake
        }
    }
    var code: FaultCode {
        switch self {
        case .fireRecall: .fireRecallEntered
        case .firefighter: .firefighterOperation
        case .earthquake: .earthquakeMode
        }
    }
}

extension SimulatedLift {
    /// A run in progress is finished first. A lift that is out of order stays as it is.
    func enter(_ emergency: Emergency, for seconds: Double) {
        guard breakdown == nil, building.isPowered, seconds > 0 else { return }
        guard phase == .idle, !isReserved else {
            return later(1) { $0.enter(emergency, for: seconds - 1) }
        }
        leaveService()
        isReserved = true
        mode = emergency.mode
        raise(emergency.code)
        publishChanges()
        // A recall drives to the ground floor. An earthquake opens the doors at the nearest
        // landing.
        ride(to: emergency == .earthquake ? floor : 0) {
            $0.swing(open: true) {
                $0.letOut()
                $0.drive(emergency, for: seconds)
            }
        }
    }

    /// Firefighters ride up and down. In other modes the car stands open.
    private func drive(_ emergency: Emergency, for seconds: Double) {
        guard emergency == .firefighter, seconds > 120 else {
            return proceed(seconds) { $0.leave(emergency) }
        }
        proceed(20) {
            $0.swing(open: false) {
                $0.ride(to: $0.random.integer(0...$0.building.shaft.floors - 1)) {
                    $0.swing(open: true) { $0.drive(emergency, for: seconds - 60) }
                }
            }
        }
    }

    private func leave(_ emergency: Emergency) {
        swing(open: false) {
            $0.lower(emergency.code)
            $0.returnToService()
        }
    }
}
