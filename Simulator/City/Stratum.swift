extension Scenario {
    /// The scenario with one cause of breakdowns, one quality of the occupancy sensor and one
    /// network, without nuisances and events.
    package func narrowed(
        to cause: Cause, _ quality: String, network name: String, of catalogue: Catalogue
    )
        -> Scenario?
    {
        guard let network = catalogue.networks.first(where: { $0.name == name })?.item else {
            return nil
        }
        var narrow = self
        narrow.name = "\(cause.name) \(quality) \(name)"
        narrow.failures.causes = [cause]
        narrow.sensors.occupancy = OccupancySensor.allCases.filter { $0.quality == quality }.map {
            ($0, 1)
        }
        narrow.networks = [(network, 1)]
        narrow.nuisances = []
        narrow.events = []
        return narrow
    }

    /// The scenario with one kind of occupancy sensor in every lift.
    package func narrowed(to sensor: OccupancySensor) -> Scenario {
        var narrow = self
        narrow.name += ", \(sensor.rawValue)"
        narrow.sensors.occupancy = [(sensor, 1)]
        return narrow
    }

    /// The scenario with truthful occupancy sensors or none, over one network; nil where the
    /// catalogue does not have it.
    package func narrowed(toNetwork name: String, of catalogue: Catalogue) -> Scenario? {
        guard let network = catalogue.networks.first(where: { $0.name == name })?.item else {
            return nil
        }
        var narrow = self
        narrow.name += ", \(name)"
        narrow.sensors.occupancy = [(.truthful, 0.85), (.missing, 0.15)]
        narrow.networks = [(network, 1)]
        return narrow
    }
}

extension Catalogue {
    package var networkNames: [String] { networks.map(\.name) }
}
