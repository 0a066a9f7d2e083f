import DeviceProfiles
import LiftModel
import Monitoring

extension Intake {
    /// The lifts whose messages are used, and in which nobody who is trapped may be found.
    package var liftsReadInPart: [PartlyReadLifts.Finding] {
        partlyReadLifts.found(
            mayTrap: { detector.lift($0).equipmentClass.mayTrapPeople },
            expected: { lift in
                let given = Self.bits(detector.kind(of: lift).provides)
                // A snapshot knows what came before a restart.
                return (
                    given,
                    given & ~Self.bits(
                        detector.view(lift).signals.compactMap { Signal(name: $0.signal) })
                )
            },
            field: { lift, signal in
                profile(of: lift)?.field(of: signal)
            })
    }

    private static func bits(_ signals: some Sequence<Signal>) -> UInt64 {
        signals.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
    }
}
