import PositionedYAML

/// The ids and codes of the lifts so far: a code by which a centre or a rescuer knows a lift must
/// be one lift's alone. Each name is looked up, so that a long list takes no quadratic time.
struct LiftNames {
    private(set) var byID: [String: Configuration.RegisteredLift] = [:]
    private var byCode: [String: Configuration.RegisteredLift] = [:]
    private var byRescueCode: [String: Configuration.RegisteredLift] = [:]

    mutating func add(_ registered: Configuration.RegisteredLift) {
        func note(_ name: String?, in names: inout [String: Configuration.RegisteredLift]) {
            if let name, names[name] == nil { names[name] = registered }
        }
        note(registered.lift.id, in: &byID)
        note(registered.lift.registrationCode, in: &byCode)
        note(registered.lift.rescueCode, in: &byRescueCode)
    }

    /// Reports names that another lift has, too.
    func report(_ registered: Configuration.RegisteredLift, _ diagnostics: Diagnostics) {
        let (lift, node) = (registered.lift, registered.node)
        if let code = lift.registrationCode, let same = byCode[code] ?? byID[code] {
            diagnostics.report(
                node,
                "the registration code '\(code)' is also that of lift '\(same.lift.id)' (line \(same.node.line))"
            )
        }
        if lift.registrationCode != lift.id, let same = byCode[lift.id] {
            diagnostics.report(
                node,
                "the id '\(lift.id)' is the registration code of lift '\(same.lift.id)' (line \(same.node.line))"
            )
        }
        if let code = lift.rescueCode, let same = byRescueCode[code] {
            diagnostics.report(
                node,
                "the rescue code '\(code)' is also that of lift '\(same.lift.id)' (line \(same.node.line))"
            )
        }
    }
}
