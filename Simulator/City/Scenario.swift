import LiftModel
import PositionedYAML

/// A simulated fleet and what happens to it. Data, in `Simulator/scenarios`; the names in it are
/// those of `Simulator/catalogue`.
package struct Scenario: Sendable {
    /// A share of the lifts with one kind of adapter.
    struct Device: Sendable {
        var share: Double
        var dialect: Dialect
        /// Seconds.
        var heartbeat: Double
        var reportsChanges: Bool
    }
    struct Sensors: Sendable {
        var occupancy: [(sensor: OccupancySensor, share: Double)]
        /// Seconds by which a lagging sensor is late.
        var lag: ClosedRange<Double>
        var openLimitMissing: Double
        var doorZoneMissing: Double
        var loadMissing: Double
        /// The share of adapters that report motion later than the zone.
        var motionLags = 0.0
    }
    struct Clocks: Sendable {
        /// The share of devices whose clock is wrong by a constant, and how fast each drifts
        /// (seconds per second).
        var wrong: Double
        var drift: Double
        /// Jumps of a device's clock per lift and year.
        var jumps = 0.0
    }
    struct Failures: Sendable {
        var perLiftYear: Double
        /// Of the Gamma distribution of the lifts' frailty.
        var frailtyShape: Double
        /// Of the Gamma distribution by which a lift's own causes differ from the catalogue's
        /// shares.
        var weaknessShape: Double
        var causes: [Cause]
    }
    /// Mean times in seconds.
    struct Rescue: Sendable {
        /// Until help is there for people; until they are out; until help is there for an empty
        /// lift; until the lift runs again.
        var arrival: Double
        var release: Double
        var callOut: Double
        var repair: Double
    }

    package var name: String
    package var startSeconds: Double
    /// Seconds since Beijing's midnight at the start. It decides the hour of the traffic, also in a
    /// live run, whose messages have the present time.
    var timeOfDay: Double
    /// Seconds.
    package var duration: Double
    package var lifts: Int
    /// A factor on the catalogue's traffic.
    var traffic: Double
    var buildings: [(type: BuildingType, share: Double)]
    var devices: [Device]
    var sensors: Sensors
    var rescueDevices: Double
    var batteries: Double
    var networks: [(network: NetworkProfile, share: Double)]
    var clocks: Clocks
    var failures: Failures
    /// Each with its rate per lift and year.
    var nuisances: [(Nuisance, Double)]
    /// The share of such lifts.
    var switchedOffAtNight: Double
    /// Seconds at the beginning in which nothing but traffic happens: a gateway learns its lifts'
    /// sensors.
    var settling: Double
    package var events: [ScheduledEvent]
    var rescue: Rescue

    /// The vendor codes of all causes of the catalogue.
    let vendorCodes: [String]

    package init(_ root: YAMLNode, _ catalogue: Catalogue) throws(InvalidFiles) {
        vendorCodes = Array(Set(catalogue.causes.flatMap(\.vendorCodes))).sorted()
        let diagnostics = Diagnostics()
        var reader = YAMLReader(root, diagnostics)
        name = reader.requiredText("scenario") ?? ""
        _ = reader.text("about")
        startSeconds = reader.number("start_s", in: 0...3.9e9) ?? 1_772_380_800
        timeOfDay = (startSeconds + 8 * 3600).truncatingRemainder(dividingBy: 86_400)
        duration = reader.longer("duration") ?? 86_400
        lifts = reader.integer("lifts", in: 1...200_000) ?? 200
        traffic = reader.number("traffic", in: 0...1000) ?? 1
        rescueDevices = reader.share("rescue_devices") ?? 0.4
        batteries = reader.share("batteries") ?? 0.5
        buildings = Self.shares(
            "buildings", &reader, among: catalogue.buildings, otherwise: catalogue.buildings.first
        )
        .map { ($0.0, $0.1) }
        networks = Self.shares(
            "networks", &reader, among: catalogue.networks, otherwise: catalogue.networks.first
        )
        .map { ($0.0, $0.1) }
        devices = Self.devices(&reader, catalogue, diagnostics)
        sensors = Self.sensors(&reader, diagnostics)
        clocks = Self.clocks(&reader, diagnostics)
        failures = Self.failures(&reader, catalogue, diagnostics)
        events = Self.events(&reader, catalogue, before: duration, diagnostics)
        switchedOffAtNight = reader.share("switched_off_at_night") ?? 0
        settling = reader.longer("settling") ?? 0
        nuisances = Self.nuisances(&reader, catalogue)
        rescue = Self.rescue(&reader, diagnostics)
        reader.finish()
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
    }

    /// At most one every 30 s per lift.
    static let perYear = 0...1e6

    /// `{ name: share, … }`, or one name alone.
    private static func shares<Item>(
        _ key: String, _ reader: inout YAMLReader, among known: [(name: String, item: Item)],
        otherwise usual: (name: String, item: Item)?
    ) -> [(Item, Double)] {
        guard let node = reader.optional(key) else { return usual.map { [($0.item, 1)] } ?? [] }
        func find(_ node: YAMLNode) -> Item? {
            if let found = known.first(where: { $0.name == node.text }) { return found.item }
            reader.diagnostics.report(
                node,
                "'\(node.text ?? node.summary)' is not in the catalogue.\(suggestion(for: node.text ?? "", among: known.map(\.name)))"
            )
            return nil
        }
        if node.text != nil { return find(node).map { [($0, 1)] } ?? [] }
        let items = reader.entries(key).compactMap { name, share -> (Item, Double)? in
            guard let item = find(name), let share = reader.weight(of: share) else { return nil }
            return (item, share)
        }
        reader.expectWeight(items.map(\.1), at: node)
        return items
    }

    private static func devices(
        _ reader: inout YAMLReader, _ catalogue: Catalogue, _ diagnostics: Diagnostics
    ) -> [Device] {
        func device(_ dialect: Dialect) -> Device {
            Device(
                share: 1, dialect: dialect, heartbeat: dialect.reportsEvery,
                reportsChanges: dialect.reportsChanges)
        }
        let items = reader.items("devices")
        if items.isEmpty, let node = reader.optional("devices") {
            diagnostics.report(
                node,
                "expected a list such as [{ profile: \(catalogue.dialects.first?.name ?? "") }]")
        }
        guard !items.isEmpty else { return catalogue.dialects.prefix(1).map { device($0.item) } }
        let devices = items.compactMap { node -> Device? in
            var reader = YAMLReader(node, diagnostics)
            defer { reader.finish() }
            let name = reader.requiredText("profile") ?? ""
            guard let dialect = catalogue.dialects.first(where: { $0.name == name })?.item else {
                diagnostics.report(
                    node,
                    "no profile is named '\(name)'.\(suggestion(for: name, among: catalogue.dialects.map(\.name)))"
                )
                return nil
            }
            var device = device(dialect)
            device.share = reader.optional("share").flatMap { reader.weight(of: $0) } ?? 1
            if let heartbeat = reader.duration("heartbeat")?.inSeconds {
                device.heartbeat = heartbeat
                if heartbeat < 0.05 {
                    diagnostics.report(node, "a heartbeat must be at least 50ms")
                }
            }
            if let changes = reader.boolean("reports_changes") { device.reportsChanges = changes }
            return device
        }
        reader.expectWeight(devices.map(\.share), at: items[0])
        return devices
    }

    private static func sensors(_ reader: inout YAMLReader, _ diagnostics: Diagnostics) -> Sensors {
        var sensors = Sensors(
            occupancy: [(.truthful, 1)], lag: 5...20, openLimitMissing: 0, doorZoneMissing: 0,
            loadMissing: 0)
        guard let node = reader.optional("sensors") else { return sensors }
        var reader = YAMLReader(node, diagnostics)
        let shares = reader.entries("occupancy").compactMap {
            key, share -> (OccupancySensor, Double)? in
            guard let sensor = reader.choice(of: key, OccupancySensor.self),
                let share = reader.weight(of: share)
            else {
                return nil
            }
            return (sensor, share)
        }
        if let node = reader.optional("occupancy") {
            reader.expectWeight(shares.map(\.1), at: node)
        }
        if !shares.isEmpty { sensors.occupancy = shares.map { ($0.0, $0.1) } }
        if let lag = reader.durations("lag") { sensors.lag = lag }
        sensors.openLimitMissing = reader.share("open_limit_missing") ?? 0
        sensors.doorZoneMissing = reader.share("door_zone_missing") ?? 0
        sensors.loadMissing = reader.share("load_missing") ?? 0
        sensors.motionLags = reader.share("motion_lags") ?? 0
        reader.finish()
        return sensors
    }

    private static func failures(
        _ reader: inout YAMLReader, _ catalogue: Catalogue, _ diagnostics: Diagnostics
    ) -> Failures {
        var failures = Failures(
            perLiftYear: 0, frailtyShape: 1.4, weaknessShape: 0.8, causes: catalogue.causes)
        guard let node = reader.optional("failures") else { return failures }
        var reader = YAMLReader(node, diagnostics)
        failures.perLiftYear = reader.number("per_lift_year", in: perYear) ?? 0
        failures.frailtyShape = reader.number("frailty_shape") ?? 1.4
        failures.weaknessShape = reader.number("weakness_shape") ?? 0.8
        if failures.weaknessShape < 0.1 {
            diagnostics.report(node, "weakness_shape must be at least 0.1")
        }
        if failures.frailtyShape < 0.1 {
            diagnostics.report(node, "frailty_shape must be at least 0.1")
        }
        if let node = reader.optional("only") {
            let only = reader.items("only")
            if only.isEmpty { diagnostics.report(node, "only: expected names of causes") }
            let names = catalogue.causes.map(\.name)
            for name in only where !names.contains(name.text ?? "") {
                diagnostics.report(
                    name,
                    "no cause is named '\(name.text ?? "")'.\(suggestion(for: name.text ?? "", among: names))"
                )
            }
            let wanted = Set(only.compactMap(\.text))
            failures.causes = catalogue.causes.filter { wanted.contains($0.name) }
        }
        if reader.boolean("evenly") == true {
            for index in failures.causes.indices { failures.causes[index].share = 1 }
        }
        if failures.perLiftYear > 0 { reader.expectWeight(failures.causes.map(\.share), at: node) }
        reader.finish()
        return failures
    }

    private static func clocks(_ reader: inout YAMLReader, _ diagnostics: Diagnostics) -> Clocks {
        guard let node = reader.optional("clocks") else { return Clocks(wrong: 0, drift: 0) }
        var reader = YAMLReader(node, diagnostics)
        defer { reader.finish() }
        return Clocks(
            wrong: reader.share("wrong") ?? 0, drift: reader.number("drift", in: 0...0.1) ?? 0,
            jumps: reader.number("jumps", in: perYear) ?? 0)
    }

    private static func events(
        _ reader: inout YAMLReader, _ catalogue: Catalogue, before end: Double,
        _ diagnostics: Diagnostics
    ) -> [ScheduledEvent] {
        reader.items("events").compactMap { node in
            let event = ScheduledEvent(node, catalogue.causes, diagnostics)
            if let event, event.at >= end {
                diagnostics.report(
                    node, "happens after the run, which takes \(Duration.seconds(end).written)")
            }
            return event
        }
    }

    /// `life` is the catalogue's; otherwise each with its rate.
    private static func nuisances(_ reader: inout YAMLReader, _ catalogue: Catalogue) -> [(
        Nuisance, Double
    )] {
        if reader.optional("nuisances")?.text == "life" { return catalogue.nuisances }
        var nuisances: [(Nuisance, Double)] = []
        for (key, value) in reader.entries("nuisances") {
            if let nuisance = reader.choice(of: key, Nuisance.self),
                let rate = reader.number(of: value)
            {
                nuisances.append((nuisance, reader.check(rate, in: perYear, at: value)))
            }
        }
        return nuisances
    }

    private static func rescue(_ reader: inout YAMLReader, _ diagnostics: Diagnostics) -> Rescue {
        let usual = Rescue(arrival: 738, release: 378, callOut: 5400, repair: 7200)
        guard let node = reader.optional("rescue") else { return usual }
        var reader = YAMLReader(node, diagnostics)
        defer { reader.finish() }
        return Rescue(
            arrival: reader.longer("arrival") ?? usual.arrival,
            release: reader.longer("release") ?? usual.release,
            callOut: reader.longer("call_out") ?? usual.callOut,
            repair: reader.longer("repair") ?? usual.repair)
    }
}

extension Scenario {
    /// The hour of the day, 0 to 23, in Beijing; seconds since the run's start.
    func hour(at seconds: Double) -> Int { Int(timeOfDay + seconds) / 3600 % 24 }
}
