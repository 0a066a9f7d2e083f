import LiftModel
import Monitoring
import RuleLanguage

/// Every combination of a lift's signals that matters to entrapment, and the decision of the rules.
///
/// Each combination is a lift on a normal run that enters the row's state 10 s later: the mode it
/// had all along, stopped or running, in the zone or not, its doors, mains on or off. The button is
/// pressed 5 s after that, or not. Then the lift repeats its state every 5 s, or sends no further
/// message.
public struct DecisionTable: Sendable {
    public enum Door: String, CaseIterable, Sendable {
        case locked
        case notClosed = "not_closed"
        case fullyOpen = "fully_open"
        case unknown
    }
    public enum Claim: String, CaseIterable, Sendable { case yes, no, unknown }

    public struct Situation: Hashable, Sendable {
        /// nil: the controller does not know its mode.
        public var mode: ServiceMode?
        public var zone: Claim
        public var door: Door
        public var occupied: Claim
        public var isMoving: Bool
        public var hasMains: Bool
        public var isAlive: Bool
        public var buttonPressed: Bool

        public static let all: [Situation] = {
            var all: [Situation] = []
            for mode in ServiceMode.allCases.map(Optional.some) + [nil] {
                for zone in Claim.allCases {
                    for door in Door.allCases {
                        for occupied in Claim.allCases {
                            for bits in 0..<16 {
                                all.append(
                                    Situation(
                                        mode: mode, zone: zone, door: door, occupied: occupied,
                                        isMoving: bits & 1 != 0, hasMains: bits & 2 == 0,
                                        isAlive: bits & 4 == 0,
                                        buttonPressed: bits & 8 != 0))
                            }
                        }
                    }
                }
            }
            return all
        }()

        /// The values in the order of the table's columns.
        public var columns: [String] {
            [
                mode?.rawValue ?? "unknown", zone.rawValue, door.rawValue, occupied.rawValue,
                isMoving ? "running" : "stopped", hasMains ? "on" : "off",
                isAlive ? "alive" : "silent",
                buttonPressed ? "pressed" : "no",
            ]
        }
    }
    public static let columns = [
        "mode", "zone", "doors", "occupied", "motion", "mains", "link", "button",
    ]

    /// The alerts of a situation within six minutes, apart from the alarm call itself.
    public struct Outcome: Hashable, Sendable {
        /// An entrapment is raised or suppressed.
        public var isEntrapment = false
        /// Seconds after the event; nil: never.
        public var suspected: Int?
        public var confirmed: Int?
        /// A silence without an explanation: the centre is asked to call the building.
        public var unresolved: Int?
        /// The branch that raised it first, and the reason of the confirmation.
        public var reason = ""
        public var confirmedFor = ""
        /// The name of the suppressor; the alert may have been raised later all the same.
        public var suppressedBy: String?
        public var isRaised: Bool { suspected != nil || confirmed != nil }
        public var isEmergency = false
        /// No entrapment, but `controller_silent`.
        public var isOnlyControllerSilent = false
        /// The alarm call was raised.
        public var hasAlarmCall = false
    }
    /// Situations that differ in one column only and have the same outcome: each column holds its
    /// set of values.
    public struct Row: Sendable {
        public var values: [Set<String>]
        public var outcome: Outcome
    }

    private static let start = Instant(nanoseconds: 1_000_000_000_000_000_000)
    /// Detectors with one lift that has sent nothing: with an occupancy sensor, and without.
    private let fresh: [Bool: Detector]
    private let rules: RuleSet

    /// - Throws: `ExpressionError` when the rules cannot be compiled.
    public init(_ rules: RuleSet) throws(ExpressionError) {
        self.rules = rules
        var fresh: [Bool: Detector] = [:]
        for hasSensor in [true, false] {
            var detector = Detector(rules: rules, start: Self.start, isObserving: true)
            var provides: Set<Signal> = [
                .mode, .moving, .inDoorZone, .floor, .frontLocked, .frontFullyOpen, .codes,
            ]
            if hasSensor { provides.insert(.occupied) }
            let kind = LiftKind(provides: provides, staleAfter: .seconds(60), equipment: .traction)
            try detector.add(Lift(id: "lift"), kind: kind, at: Self.start)
            fresh[hasSensor] = detector
        }
        self.fresh = fresh
    }

    public func outcome(of situation: Situation) -> Outcome {
        let start = Self.start
        let event = start + .seconds(10)
        guard var detector = fresh[situation.occupied != .unknown] else { return Outcome() }
        var outcome = Outcome()
        func send(_ second: Int) {
            var reading = situation.reading(at: second)
            reading.deviceTime = start + .seconds(second)
            detector.advance(to: start + .seconds(second))
            detector.apply(
                reading, lift: 0, key: UInt64(second + 1), vendorCode: nil,
                arrival: start + .seconds(second))
        }
        // A car that runs passes a floor every five seconds, and reports it.
        for second in [0, 5, 10, 15, 17] where second < 12 || situation.isAlive || second == 15 {
            send(second)
        }
        let end = 10 + Self.watch
        if situation.isAlive {
            for second in stride(from: 20, through: end, by: 5) { send(second) }
        }
        detector.advance(to: start + .seconds(end))
        for alert in detector.takeAlerts() {
            outcome.add(alert, at: Int((alert.time - event).inSeconds.rounded()))
        }
        return outcome
    }
    /// Seconds of observation after the event: until a silence of five minutes is
    /// `silence_unresolved`.
    private static let watch = 360

    /// All situations with their outcomes; rows with the same outcome are merged.
    public func rows() -> [Row] {
        var rows: [Row] = []
        for situation in Situation.all {
            rows.append(
                Row(values: situation.columns.map { [$0] }, outcome: outcome(of: situation)))
        }
        // The columns are merged in this order, the one that decides least often first.
        for column in [0, 5, 7, 4, 3, 2, 1, 6, 0, 5, 3] { rows = Self.merged(rows, column) }
        return rows
    }

    private static func merged(_ rows: [Row], _ column: Int) -> [Row] {
        struct Key: Hashable {
            var others: [Set<String>]
            var outcome: Outcome
        }
        var rowIndices: [Key: Int] = [:]
        var result: [Row] = []
        for row in rows {
            var others = row.values
            others[column] = []
            let key = Key(others: others, outcome: row.outcome)
            if let index = rowIndices[key] {
                result[index].values[column].formUnion(row.values[column])
            } else {
                rowIndices[key] = result.count
                result.append(row)
            }
        }
        return result
    }
}

extension DecisionTable.Outcome {
    fileprivate mutating func add(_ alert: Alert, at seconds: Int) {
        if alert.kind == Alert.carAlarmCall { hasAlarmCall = true }
        if alert.kind == "controller_silent", !isEntrapment { isOnlyControllerSilent = true }
        guard alert.isEntrapment else { return }
        (isEntrapment, isOnlyControllerSilent) = (true, false)
        if alert.state == .suppressed {
            // A suppression after the alert was raised does not count.
            if !isRaised { suppressedBy = alert.reason }
            return
        }
        if !isRaised { reason = alert.reason }
        if alert.state == .suspected, suspected == nil { suspected = seconds }
        if alert.state == .confirmed, confirmed == nil {
            (confirmed, confirmedFor) = (seconds, alert.reason)
        }
        if alert.reason == "silence_unresolved", unresolved == nil { unresolved = seconds }
        if alert.severity == .emergency { isEmergency = true }
    }
}

extension DecisionTable.Situation {
    fileprivate func reading(at second: Int) -> Reading {
        var reading = Reading()
        if let mode {
            reading.set(.mode, case: ServiceMode.allCases.firstIndex(of: mode) ?? 0)
        } else {
            reading.setUnknown(Signal.mode.rawValue)
        }
        let isBefore = second < 10
        reading.set(.floor, number: Double(isBefore || isMoving ? 3 + second / 5 % 2 : 3))
        reading.set(.moving, isBefore || isMoving)
        func set(_ signal: Signal, _ claim: DecisionTable.Claim) {
            if claim == .unknown {
                reading.setUnknown(signal.rawValue)
            } else {
                reading.set(signal, claim == .yes)
            }
        }
        set(.occupied, occupied)
        set(.inDoorZone, isBefore ? .no : zone)
        switch isBefore ? .locked : door {
        case .locked:
            reading.set(.frontLocked, true)
            reading.set(.frontFullyOpen, false)
        case .notClosed:
            reading.set(.frontLocked, false)
            reading.set(.frontFullyOpen, false)
        case .fullyOpen:
            reading.set(.frontLocked, false)
            reading.set(.frontFullyOpen, true)
        case .unknown:
            reading.setUnknown(Signal.frontLocked.rawValue)
            reading.setUnknown(Signal.frontFullyOpen.rawValue)
        }
        var codes: UInt64 = 0
        if !isBefore, !hasMains { codes |= FaultCode.mainPowerLost.bit }
        // Pressed from 15 s on, for two seconds. In a silent lift this is the last message.
        if buttonPressed, second == 15 { codes |= FaultCode.carAlarmButton.bit }
        reading.set(Signal.codes.rawValue, bits: codes)
        return reading
    }
}

extension DecisionTable {
    /// The whole page `docs/entrapment.md`.
    // Over 60 lines: the page's text from top to end.
    public func markdown() -> String {
        var text = """
            # Entrapment: the decision in every situation

            For engineers: which situations of a lift the rules report as an entrapment, and when. Generated
            by `hoistway rules decisions` from `Devices/rules`. Tests hold this page to the rules and to an
            independent definition of an entrapment.

            - A lift on a normal run enters a situation. Then it repeats its state every 5 s, or sends no
              further message. It is observed for six minutes.
            - The last column gives the stages of the kind `entrapment`, with the branch as the reason.
            - `pressed`: the button was pressed 5 s after the event and released. The alarm call itself
              (`car_alarm_call`) is raised at once in every row with `pressed`.
            - *any* stands for every value of its column. A comma joins several values.
            - Times are seconds after the event, with the shipped thresholds. The last message of a silent lift
              comes 5 s after the event.
            - `mains off` is code 41. It is a reason at a landing, and it explains a silence.
            - In `emergency_power` a rescue device may work for its longest time, which is added to the times.
            - The inspection of the table began long before the event, and the car has moved in it.

            Not in the table, because they need a history or another signal: fault codes 01 to 08 and 42, a car
            that has been parked, a neighbour's power cut, a dead controller behind its adapter, a measured
            load, a rescue device that stops, a door that was open before, an inspection that begins at the stop
            or after it, stuck sensors. The rules' own examples test them.

            A test plays 1,040 situations on the simulator's physical car, with and without a passenger where
            the sensor is missing, and asks the car who is trapped. A car cannot be in the others: a panel
            always knows its zone and its door contact, nobody presses in an empty car, and a run that lasts is
            one between floors with shut doors, in a mode that runs, on mains or emergency power.

            - Of 640 cases with a trapped passenger, 464 are confirmed in time.
            - 82 are suspected in time and never confirmed: a lift that falls silent with its mains on looks
              like a lost link. After five minutes the centre is asked to call the building.
            - 78 are suppressed by inspection, as the rows below show.
            - In 16 no signal differs from those of an empty car: at a landing without mains, without an
              occupancy sensor, and without a press.
            - An empty car that is disabled and has no sensor is reported with `occupancy: unknown` (119 cases,
              41 of them suspected only).
            - In one case a passenger stays in a car whose doors would open but have not moved since its run.
              The passenger is suspected to be shut in. No other alert was false.


            """
        let columns = Self.columns
        let all = columns.indices.map { column in Set(Situation.all.map { $0.columns[column] }) }
        let rows = rows()
        text += "\(rows.count) rows for \(Situation.all.count) situations.\n\n"
        for (title, isWanted) in Self.sections {
            let chosen = rows.filter { isWanted($0.outcome) }
            if chosen.isEmpty { continue }
            text += "## \(title)\n\n| \(columns.joined(separator: " | ")) | decision |\n"
            text += "|" + String(repeating: "---|", count: columns.count + 1) + "\n"
            for row in chosen {
                let cells = row.values.enumerated().map { column, values in
                    values == all[column]
                        ? "*any*" : Self.order(values, column).joined(separator: ", ")
                }
                text += "| \(cells.joined(separator: " | ")) | \(summary(row.outcome)) |\n"
            }
            text += "\n"
        }
        return text
    }

    private static let sections: [(String, @Sendable (Outcome) -> Bool)] = [
        ("Confirmed", { $0.confirmed != nil }),
        ("Suspected only", { $0.confirmed == nil && $0.suspected != nil }),
        ("Suppressed", { $0.isEntrapment && !$0.isRaised }),
        ("No entrapment", { !$0.isEntrapment }),
    ]

    private static func order(_ values: Set<String>, _ column: Int) -> [String] {
        let known = ["locked", "not_closed", "fully_open", "yes", "no"]
        return values.sorted {
            (known.firstIndex(of: $0) ?? 9, $0) < (known.firstIndex(of: $1) ?? 9, $1)
        }
    }

    private func summary(_ outcome: Outcome) -> String {
        guard outcome.isEntrapment else {
            let alone = outcome.isOnlyControllerSilent ? "`controller_silent`" : nil
            if outcome.hasAlarmCall {
                return "the alarm call" + (alone.map { " and \($0)" } ?? " alone")
            }
            return alone.map { "\($0) alone" } ?? "nothing"
        }
        guard outcome.isRaised else { return suppression(outcome) }
        var parts: [String] = []
        if let suspected = outcome.suspected { parts.append("suspected \(suspected) s") }
        parts.append("`\(outcome.reason)`")
        if let confirmed = outcome.confirmed {
            if outcome.suspected == nil {
                parts.insert("confirmed \(confirmed) s", at: 0)
            } else {
                parts.append("confirmed \(confirmed) s")
                if outcome.confirmedFor != outcome.reason {
                    parts.append("`\(outcome.confirmedFor)`")
                }
            }
        }
        if let unresolved = outcome.unresolved {
            parts.append("then \(unresolved) s `silence_unresolved`")
        }
        if outcome.isEmergency { parts.append("**119**") }
        if outcome.suppressedBy != nil { parts.append("until then \(suppression(outcome))") }
        return parts.joined(separator: ", ")
    }

    private func suppression(_ outcome: Outcome) -> String {
        let name = outcome.suppressedBy ?? ""
        let suppressor = rules.rules.lazy.filter { Alert.isEntrapment($0.kind) }.flatMap(
            \.suppressors
        ).first {
            $0.name == name
        }
        let source = suppressor?.source.map { " (\($0))" } ?? ""
        return "suppressed by `\(name)`, for \(suppressor?.cap.written ?? "12h") at most\(source)"
    }
}
