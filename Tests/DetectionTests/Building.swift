import LiftModel
import Monitoring
import PositionedYAML
import RuleLanguage
import Testing

/// A building for tests: lifts send readings, time is moved by hand, and alerts are collected.
struct Building {
    var detector: Detector
    private(set) var now: Instant
    private(set) var revisions: [String] = []
    private(set) var alerts: [Alert] = []
    private let kind: LiftKind
    private var readings: [Reading]
    /// Greater than the keys of the messages in the fixtures, which a restored lift remembers.
    private var key: UInt64 = 1_000
    static let start = Instant(nanoseconds: 1_000_000_000_000_000_000)

    /// - Parameters:
    ///   - rules: YAML.
    ///   - provides: the signals of every lift's profile.
    init(
        lifts: Int = 1, rules: String,
        provides: Set<Signal> = Set(Signal.allCases).subtracting([
            .lowerOccupied, .lowerLoad, .rearLocked, .rearFullyOpen,
        ])
    ) throws {
        let node = try YAMLNode(parsing: Array(rules.utf8), file: "rules.yaml")
        try self.init(lifts: lifts, rules: RuleSet([node]), provides: provides)
    }

    init(lifts: Int = 1, rules: RuleSet, provides: Set<Signal>) throws {
        detector = Detector(rules: rules, start: Self.start, isObserving: true)
        now = Self.start
        kind = LiftKind(provides: provides, staleAfter: .seconds(60), equipment: .traction)
        for number in 1...lifts {
            try detector.add(Lift(id: "\(number)"), kind: kind, at: Self.start)
        }
        readings = Array(repeating: Reading(), count: lifts)
    }

    /// A lift sends a change; signals that are not set keep their values. `arriving` moves time; by
    /// default the message arrives when it is sent.
    mutating func send(
        _ lift: Int = 1, at seconds: Double, arriving: Double? = nil, sequence: Int64 = 0,
        isRetained: Bool = false,
        repeating: Bool = false, _ change: (inout Reading) -> Void = { _ in }
    ) {
        change(&readings[lift - 1])
        var reading = readings[lift - 1]
        reading.deviceTime = Self.start + .nanoseconds(Int64(seconds * 1e9))
        reading.sequence = sequence
        reading.isBaseline = isRetained
        if !repeating { key += 1 }
        advance(to: arriving ?? max(seconds, (now - Self.start).inSeconds))
        detector.apply(reading, lift: LiftIndex(lift - 1), key: key, vendorCode: nil, arrival: now)
        collect()
    }

    /// A message that is no sign of life, such as a last will.
    mutating func sendNoSignOfLife(
        _ lift: Int = 1, at seconds: Double, _ change: (inout Reading) -> Void
    ) {
        var reading = Reading()
        change(&reading)
        reading.isSignOfLife = false
        advance(to: seconds)
        detector.apply(reading, lift: LiftIndex(lift - 1), key: 0, vendorCode: nil, arrival: now)
        collect()
    }

    mutating func advance(to seconds: Double) {
        now = max(now, Self.start + .nanoseconds(Int64(seconds * 1e9)))
        detector.advance(to: now)
        collect()
    }

    mutating func stopObserving() {
        detector.stopObserving(at: now)
        collect()
    }
    mutating func startObserving(at seconds: Double) {
        now = Self.start + .nanoseconds(Int64(seconds * 1e9))
        detector.startObserving(at: now)
        collect()
    }

    /// The gateway is killed and restarts from its snapshot.
    /// - Parameter seconds: when it starts; the readings that are replayed after the snapshot may
    ///   be older.
    mutating func restart(at seconds: Double = 0) throws {
        let start = Self.start + .nanoseconds(Int64(seconds * 1e9))
        var fresh = Detector(rules: detector.rules, start: start, isObserving: true)
        for index in detector.liftIndices {
            try fresh.add(detector.lift(index), kind: kind, at: start)
        }
        #expect(try fresh.restore(detector.snapshot()))
        detector = fresh
    }

    mutating func perform(_ action: OperatorAction) throws {
        try detector.apply(action, at: now)
        collect()
    }
    mutating func adopt(_ rules: String) throws {
        try detector.adopt(
            RuleSet([YAMLNode(parsing: Array(rules.utf8), file: "rules.yaml")]), at: now)
        collect()
    }

    /// A car with an occupant stops between floors.
    mutating func stop(at second: Double, lift: Int = 1) {
        send(lift, at: second) {
            $0.stopsBetweenFloors()
            $0.set(.occupied, true)
        }
    }

    private mutating func collect() {
        for alert in detector.takeAlerts() {
            alerts.append(alert)
            let time = (alert.time - Self.start).inSeconds
            revisions.append("\(alert.lift) \(alert.kind) \(alert.state.rawValue) \(time)")
        }
    }
}

extension Building {
    /// The shipped rules, and lifts with the signals that most have: no load, no second door.
    static func shipped(lifts: Int = 1) throws -> Building {
        try Building(
            lifts: lifts, rules: ShippedRulesTests.load(),
            provides: [
                .mode, .moving, .inDoorZone, .frontLocked, .frontFullyOpen, .occupied, .codes,
                .floor,
            ])
    }

    /// One entrapment rule: suspected after 10 s, confirmed after 60 s.
    static let stuck = """
        rules:
          - rule: stuck
            kind: entrapment.off_level
            when: not moving and not in_door_zone and possibly(any(compartments.occupied))
            for: 10s
            escalates: { to: confirmed, for: 60s }
            clear: held(any(doors.fully_open) and in_door_zone, 3s)
            title: { en: stuck, zh: 困人 }
        """

    /// The rule of the alarm button, as shipped.
    static let called = """
        rules:
          - rule: called
            kind: car_alarm_call
            when: '"90" in codes'
            clear: held(not ("90" in codes), 10s)
            title: { en: called, zh: 报警 }
        """

    /// One rule of a lift that stands, with `more` of its keys.
    static func rule(
        _ more: String = "", when: String = "not moving", hold: String = "10s",
        kind: String = "stands"
    )
        -> String
    {
        """
        rules:
          - rule: stands
            kind: \(kind)
            when: \(when)
            for: \(hold)
            title: { en: stands, zh: 停 }
            \(more)
        """
    }
}

extension String {
    func replacingFirst(_ old: String, _ new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}

extension Reading {
    mutating func stopsBetweenFloors() {
        set(.mode, case: 1)
        set(.moving, false)
        set(.inDoorZone, false)
        set(.frontLocked, true)
        set(.frontFullyOpen, false)
        set(.codes, bits: 0)
    }
    mutating func setPressed(_ isPressed: Bool) {
        set(.codes, bits: isPressed ? FaultCode.carAlarmButton.bit : 0)
    }
    mutating func set(_ signal: Signal, bits: UInt64) { set(signal.rawValue, bits: bits) }
}

/// The shipped rules; the path follows from the path of this file.
enum Shipped {
    static let folder =
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/Devices"
}

extension Reading {
    mutating func setTrapped() {
        stopsBetweenFloors()
        set(.occupied, true)
    }
    /// The door is open at a landing, and the car is empty.
    mutating func setReleased() {
        stopsBetweenFloors()
        set(.inDoorZone, true)
        set(.frontLocked, false)
        set(.frontFullyOpen, true)
        set(.occupied, false)
    }
}

extension Building {
    /// Sends a reading; the same bytes can be sent again.
    mutating func message(at seconds: Double, _ change: (inout Reading) -> Void) -> (
        Reading, UInt64
    ) {
        var reading = Reading()
        change(&reading)
        reading.deviceTime = Self.start + .nanoseconds(Int64(seconds * 1e9))
        receive((reading, 77), at: seconds)
        return (reading, 77)
    }

    mutating func receive(_ message: (reading: Reading, key: UInt64), at seconds: Double) {
        advance(to: seconds)
        detector.apply(message.reading, lift: 0, key: message.key, vendorCode: nil, arrival: now)
        advance(to: seconds)
    }
}
