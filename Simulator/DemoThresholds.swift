import City

/// The rules' holds in the demo, shortened so that minutes become seconds; the rules are the
/// shipped ones.
enum DemoThresholds {
    /// Seconds by parameter, in the order of their names.
    static let all = [
        "off_level_hold": 2, "at_level_hold": 3, "report_overdue": 3, "silence_hold": 2,
        "confirm_hold": 4,
        "call_hold": 5, "rescue_limit": 30, "controller_silent_after": 6,
    ].sorted { $0.key < $1.key }

    /// The holds of entrapments that follow from these thresholds.
    static let holds: EntrapmentHolds = {
        func seconds(_ name: String) -> Double { Double(all.first { $0.key == name }?.value ?? 0) }
        var holds = EntrapmentHolds()
        (holds.offLevel, holds.atLevel) = (seconds("off_level_hold"), seconds("at_level_hold"))
        (holds.silence, holds.confirmation) = (seconds("silence_hold"), seconds("confirm_hold"))
        holds.call = seconds("call_hold")
        return holds
    }()
}
