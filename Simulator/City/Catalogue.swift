import LiftModel
import PositionedYAML

/// The data that scenarios choose from: types of building, causes of breakdowns, networks, and the
/// profiles by which lifts publish.
package struct Catalogue: Sendable {
    var buildings: [(name: String, item: BuildingType)]
    package var causes: [Cause]
    var networks: [(name: String, item: NetworkProfile)]
    var dialects: [(name: String, item: Dialect)]
    /// Each with its rate per lift and year.
    var nuisances: [(Nuisance, Double)]

    /// - Parameters: the files of `Simulator/catalogue` by name, and those of `Devices/profiles`.
    package init(
        buildings: YAMLNode, causes: YAMLNode, networks: YAMLNode, nuisances: YAMLNode? = nil,
        profiles: [YAMLNode]
    ) throws(InvalidFiles) {
        let diagnostics = Diagnostics()
        var reader = YAMLReader(buildings, diagnostics)
        self.buildings = reader.entries("buildings").compactMap { key, node in
            BuildingType(key, node, diagnostics).map { ($0.name, $0) }
        }
        reader.finish()
        self.causes = Cause.read(causes, diagnostics)
        reader = YAMLReader(networks, diagnostics)
        self.networks = reader.entries("networks").map { key, node in
            (key.text ?? "", NetworkProfile(key.text ?? "", node, diagnostics))
        }
        reader.finish()
        self.nuisances = nuisances.map { Self.nuisances($0, diagnostics) } ?? []
        dialects = []
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        for profile in profiles {
            let dialect = try Dialect(profile)
            dialects.append((dialect.name, dialect))
        }
    }

    /// Each entry names the origin of its figure: a source, or an assumption.
    private static func nuisances(_ root: YAMLNode, _ diagnostics: Diagnostics) -> [(
        Nuisance, Double
    )] {
        var reader = YAMLReader(root, diagnostics)
        let rates = reader.entries("nuisances").compactMap { key, node -> (Nuisance, Double)? in
            var reader = YAMLReader(node, diagnostics)
            let nuisance = reader.choice(of: key, Nuisance.self)
            let rate = reader.number("per_lift_year", in: Scenario.perYear)
            if (reader.text("source") == nil) == (reader.text("assumed") == nil) {
                diagnostics.report(
                    node, "expected either 'source' or 'assumed': where the figure comes from")
            }
            reader.finish()
            return nuisance.flatMap { nuisance in rate.map { (nuisance, $0) } }
        }
        reader.finish()
        return rates
    }
}
