import Elevator

/// Every combination of what a lift can say that matters to entrapment, and what the rules make of it.
///
/// Each is a lift on a normal run that comes into the row's state 10 s later: with the mode it had all along, stopped or running,
/// in the zone or not, its doors so, mains on or off; the button is pressed 5 s after that, or not; then it repeats itself
/// every 10 s, or is never heard again.
public struct DecisionTable: Sendable {
    public enum Door: String, CaseIterable, Sendable {
        case locked
        case notClosed = "not_closed"
        case fullyOpen = "fully_open"
        case unknown
    }
    /// Yes, no, or not known.
    public enum Claim: String, CaseIterable, Sendable { case yes, no, unknown }

    /// One combination.
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
                                        isMoving: bits & 1 != 0, hasMains: bits & 2 == 0, isAlive: bits & 4 == 0,
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
                isMoving ? "running" : "stopped", hasMains ? "on" : "off", isAlive ? "alive" : "silent",
                buttonPressed ? "pressed" : "no",
            ]
        }
    }
    public static let columns = ["mode", "zone", "doors", "occupied", "motion", "mains", "link", "button"]

    /// What becomes of a situation within six minutes, without the alarm call itself.
    public struct Outcome: Hashable, Sendable {
        /// It is an entrapment, told or suppressed.
        public var isEntrapment = false
        /// Seconds after the event; nil: not.
        public var suspected: Int?
        public var confirmed: Int?
        /// A silence that nobody and nothing explains: a call to the building is asked for.
        public var unresolved: Int?
        /// The branch that told of it first, and the reason of the confirmation.
        public var reason = ""
        public var confirmedFor = ""
        /// The suppressor's name, and whether it was told in the end all the same.
        public var suppressedBy: String?
        public var isTold: Bool { suspected != nil || confirmed != nil }
        public var isEmergency = false
        /// No entrapment, but silent.
        public var isSilentOnly = false
        /// The alarm call was told.
        public var calls = false
    }
    /// Situations that differ in one way only and come to the same: each column holds the values it stands for.
    public struct Row: Sendable {
        public var values: [Set<String>]
        public var outcome: Outcome
    }

    private static let start = Instant(nanoseconds: 1_000_000_000_000_000_000)
    /// Detectors that follow one lift which was never heard: with an occupancy sensor, and without.
    private let fresh: [Bool: Detector]
    private let rules: RuleSet

    /// - Throws: `ExpressionError` when the rules cannot be compiled.
    public init(_ rules: RuleSet) throws(ExpressionError) {
        self.rules = rules
        var fresh: [Bool: Detector] = [:]
        for hasSensor in [true, false] {
            var detector = Detector(rules: rules, start: Self.start, isListening: true)
            var provides: Set<Signal> = [.mode, .moving, .inDoorZone, .floor, .frontLocked, .frontFullyOpen, .codes]
            if hasSensor { provides.insert(.occupied) }
            let kind = Detector.LiftKind(provides: provides, staleAfter: .seconds(60), equipment: .traction)
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
        func say(_ second: Int) {
            var reading = situation.reading(at: second)
            reading.deviceTime = start + .seconds(second)
            detector.advance(to: start + .seconds(second))
            detector.fold(
                reading, lift: 0, key: UInt64(second + 1), vendorCode: nil, arrival: start + .seconds(second))
        }
        // A car that runs passes a floor every five seconds, and says so.
        for second in [0, 5, 10, 15, 17] where second < 12 || situation.isAlive || second == 15 { say(second) }
        let end = 10 + Self.watch
        if situation.isAlive { for second in stride(from: 20, through: end, by: 5) { say(second) } }
        detector.advance(to: start + .seconds(end))
        for alert in detector.takeAlerts() {
            outcome.add(alert, at: Int((alert.time - event).inSeconds.rounded()))
        }
        return outcome
    }
    /// Seconds from the event on: until a silence of five minutes is told as unresolved.
    private static let watch = 360

    /// All situations with their outcomes, those alike put together.
    public func rows() -> [Row] {
        var rows: [Row] = []
        for situation in Situation.all {
            rows.append(
                Row(values: situation.columns.map { [$0] }, outcome: outcome(of: situation)))
        }
        // Column by column, from the one that decides least often.
        for column in [0, 5, 7, 4, 3, 2, 1, 6, 0, 5, 3] { rows = Self.merged(rows, column) }
        return rows
    }

    private static func merged(_ rows: [Row], _ column: Int) -> [Row] {
        struct Key: Hashable {
            var others: [Set<String>]
            var outcome: Outcome
        }
        var places: [Key: Int] = [:]
        var result: [Row] = []
        for row in rows {
            var others = row.values
            others[column] = []
            let key = Key(others: others, outcome: row.outcome)
            if let place = places[key] {
                result[place].values[column].formUnion(row.values[column])
            } else {
                places[key] = result.count
                result.append(row)
            }
        }
        return result
    }
}

extension DecisionTable.Outcome {
    fileprivate mutating func add(_ alert: Alert, at seconds: Int) {
        if alert.kind == Alert.carAlarmCall { calls = true }
        if alert.kind == "controller_silent", !isEntrapment { isSilentOnly = true }
        guard alert.isEntrapment else { return }
        (isEntrapment, isSilentOnly) = (true, false)
        if alert.state == .suppressed {
            // What was told before speaks for the event.
            if !isTold { suppressedBy = alert.reason }
            return
        }
        if !isTold { reason = alert.reason }
        if alert.state == .suspected, suspected == nil { suspected = seconds }
        if alert.state == .confirmed, confirmed == nil { (confirmed, confirmedFor) = (seconds, alert.reason) }
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
            if claim == .unknown { reading.setUnknown(signal.rawValue) } else { reading.set(signal, claim == .yes) }
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
        // Pressed from 15 s on, for two seconds; in a silent lift it is the last word.
        if buttonPressed, second == 15 { codes |= FaultCode.carAlarmButton.bit }
        reading.set(Signal.codes.rawValue, bits: codes)
        return reading
    }
}

extension DecisionTable {
    /// The whole page `docs/entrapment.md`.
    public func markdown() -> String {
        var text = """
            # Entrapment: what becomes of every situation

            Generated by `hoistway rules decisions` from `Devices/rules`; a test holds it to the rules and to an independent reading of
            what counts as an entrapment. A lift on a normal run comes into a situation, repeats itself every 5 s or is never heard
            again, and is watched for six minutes. What it becomes is the kind `entrapment`, in the stages named here, with the branch
            as its reason. `pressed` means that the button was pressed 5 s after the event and let go; the alarm call itself
            (`car_alarm_call`) is told in every row with `pressed`, at once. *any* stands for every value of its column; several
            values are joined by a comma. Times are seconds after the event, with the shipped thresholds; a silent lift's last word comes
            5 s after the event. `mains off` is code 41, which is a reason at a landing and explains a silence. In `emergency_power` a
            rescue device is taken to work for as long as it may, and its time comes on top. The inspection of the table began long
            before the event, and the car has moved in it.

            Not in the table, since they need a history or another signal: fault codes 01 to 08 and 42, a car that has been parked, a
            neighbour's power cut, a dead controller behind its adapter, a measured load, a rescue device that stops, an earlier open
            door, an inspection that begins at the stop or after it, stuck sensors. They stand in the rules' own examples.

            A test enacts on the simulator's physical car every situation that one can be in (1,040: a panel always knows its zone and its
            door contact, nobody presses in an empty car, and a run that lasts is one between floors with shut doors, in a mode that runs,
            on mains or emergency power), with and without a passenger where the sensor is missing, and asks the car who is trapped.
            Of 640 cases with somebody trapped 464 are confirmed in time, 82 are suspected in time and never confirmed (a lift that falls
            silent with its mains on looks like a lost link, and after five minutes a call to the building is asked for), and 78 are
            suppressed by inspection as the rows below say. In 16 no signal differs from an empty car's: at a landing without mains,
            no occupancy sensor, and nobody presses. An empty car that stands disabled, and whose sensor is missing, is told with
            `occupancy: unknown` (119 cases, 41 of them suspected only). In one case somebody stays in a car whose doors would open
            but have not moved since its run, and is suspected to be shut in. Nothing else was false.


            """
        let columns = Self.columns
        let all = columns.indices.map { column in Set(Situation.all.map { $0.columns[column] }) }
        let rows = rows()
        text += "\(rows.count) rows for \(Situation.all.count) situations.\n\n"
        for (title, isWanted) in Self.sections {
            let chosen = rows.filter { isWanted($0.outcome) }
            if chosen.isEmpty { continue }
            text += "## \(title)\n\n| \(columns.joined(separator: " | ")) | becomes |\n"
            text += "|" + String(repeating: "---|", count: columns.count + 1) + "\n"
            for row in chosen {
                let cells = row.values.enumerated().map { column, values in
                    values == all[column] ? "*any*" : Self.order(values, column).joined(separator: ", ")
                }
                text += "| \(cells.joined(separator: " | ")) | \(words(row.outcome)) |\n"
            }
            text += "\n"
        }
        return text
    }

    private static let sections: [(String, @Sendable (Outcome) -> Bool)] = [
        ("Confirmed", { $0.confirmed != nil }),
        ("Suspected only", { $0.confirmed == nil && $0.suspected != nil }),
        ("Suppressed", { $0.isEntrapment && !$0.isTold }),
        ("No entrapment", { !$0.isEntrapment }),
    ]

    private static func order(_ values: Set<String>, _ column: Int) -> [String] {
        let known = ["locked", "not_closed", "fully_open", "yes", "no"]
        return values.sorted { (known.firstIndex(of: $0) ?? 9, $0) < (known.firstIndex(of: $1) ?? 9, $1) }
    }

    private func words(_ outcome: Outcome) -> String {
        guard outcome.isEntrapment else {
            let alone = outcome.isSilentOnly ? "`controller_silent`" : nil
            if outcome.calls { return "the alarm call" + (alone.map { " and \($0)" } ?? " alone") }
            return alone.map { "\($0) alone" } ?? "nothing"
        }
        guard outcome.isTold else { return suppression(outcome) }
        var parts: [String] = []
        if let suspected = outcome.suspected { parts.append("suspected \(suspected) s") }
        parts.append("`\(outcome.reason)`")
        if let confirmed = outcome.confirmed {
            if outcome.suspected == nil {
                parts.insert("confirmed \(confirmed) s", at: 0)
            } else {
                parts.append("confirmed \(confirmed) s")
                if outcome.confirmedFor != outcome.reason { parts.append("`\(outcome.confirmedFor)`") }
            }
        }
        if let unresolved = outcome.unresolved { parts.append("then \(unresolved) s `silence_unresolved`") }
        if outcome.isEmergency { parts.append("**119**") }
        if outcome.suppressedBy != nil { parts.append("until then \(suppression(outcome))") }
        return parts.joined(separator: ", ")
    }

    private func suppression(_ outcome: Outcome) -> String {
        let name = outcome.suppressedBy ?? ""
        let mute = rules.rules.lazy.filter { Alert.isEntrapment($0.kind) }.flatMap(\.mutes).first { $0.name == name }
        let source = mute?.source.map { " (\($0))" } ?? ""
        return "suppressed by `\(name)`, for \(mute?.cap.written ?? "12h") at most\(source)"
    }
}
