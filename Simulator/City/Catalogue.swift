import Elevator
import PositionedYAML

/// What scenarios choose from: types of building, causes of breakdowns, networks, and the profiles that lifts speak by.
package struct Catalogue: Sendable {
    var buildings: [(name: String, item: BuildingType)]
    package var causes: [Cause]
    var networks: [(name: String, item: NetworkProfile)]
    var dialects: [(name: String, item: Dialect)]

    /// - Parameters: the files of `Simulator/catalogue` by their names, and those of `Devices/profiles`.
    package init(buildings: YAMLNode, causes: YAMLNode, networks: YAMLNode, profiles: [YAMLNode]) throws(InvalidFiles) {
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
        dialects = []
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        for profile in profiles {
            let dialect = try Dialect(profile)
            dialects.append((dialect.name, dialect))
        }
    }
}
