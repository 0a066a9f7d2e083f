import Connectivity
import LiftModel

/// The check of this box's clock.
extension Condition {
    struct Clock {
        /// The kernel reports that the wall clock is synchronised.
        var isSynchronised = false
        /// The wall clock minus the gateway's calendar: the corrections since the start.
        var wallOffset = Duration.zero
        /// The wall clock minus the gateway's time line, on which devices' clocks are measured.
        var lineOffset = Duration.zero
        /// The clock of a centre's server minus this box's, where a server sends the time.
        var centreOffset: Duration?
        /// By the wall clock.
        var now = Instant(nanoseconds: 0)
    }

    /// Clocks that differ by less count as equal: networks and devices take their time.
    static let clockTolerance = Duration.seconds(60)
    /// No gateway of this product was started before this time.
    private static let earliest =
        Instant(rfc3339: "2025-01-01T00:00:00Z") ?? Instant(nanoseconds: 0)

    var clockCheck: Check {
        if clock.now < Self.earliest {
            return .failed(
                .clock, "this box thinks it is \(clock.now.rfc3339)",
                "Set the clock, and switch on NTP (timedatectl).")
        }
        if let difference = clock.centreOffset, difference.magnitude > Self.clockTolerance {
            return .failed(
                .clock,
                "this box is \(difference.magnitude.spanText) \(difference > .zero ? "behind" : "ahead of") the centre's server",
                "Set the clock, and switch on NTP (timedatectl).")
        }
        if clock.isSynchronised {
            if clock.wallOffset.magnitude > Self.clockTolerance {
                return .failed(
                    .clock,
                    "the clock was set by \(clock.wallOffset.magnitude.spanText) since the gateway started, and the gateway continues with the old time",
                    "Restart the gateway when no incident is open: systemctl restart hoistway.")
            }
            return .ok(.clock, "synchronised")
        }
        if clock.centreOffset != nil { return .ok(.clock, "agrees with the centre's server") }
        if let difference = liftDifference, difference.magnitude > Self.clockTolerance {
            return .failed(
                .clock,
                "this box's clock is not synchronised, and it is \(difference.magnitude.spanText) \(difference > .zero ? "behind" : "ahead of") its lifts'",
                "Set the clock, and switch on NTP (timedatectl).")
        }
        if liftDifference != nil { return .ok(.clock, "agrees with the lifts") }
        return .unknown(
            .clock, "it is not synchronised (no NTP), and there is nothing to compare it with")
    }

    /// Most lifts' clocks minus this box's; nil where they do not agree.
    private var liftDifference: Duration? {
        let offsets = lifts.compactMap(\.clockOffset).sorted()
        guard !offsets.isEmpty else { return nil }
        let median = offsets[offsets.count / 2] - clock.lineOffset
        let agreeing = offsets.count {
            ($0 - clock.lineOffset - median).magnitude < Self.clockTolerance
        }
        return agreeing * 2 > offsets.count ? median : nil
    }
}
