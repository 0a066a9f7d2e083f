import FoundationEssentials
import PositionedYAML

/// The location of the simulator's data, and the search for a scenario.
package enum CityFiles {
    /// Reads a scenario by its path, or by its name in the library.
    package static func scenario(_ name: String, library: String, profiles: String) throws -> Scenario {
        let path = name.contains("/") || name.hasSuffix(".yaml") ? name : "\(library)/scenarios/\(name).yaml"
        guard FileManager.default.fileExists(atPath: path) else {
            let folder = (try? FileManager.default.contentsOfDirectory(atPath: "\(library)/scenarios")) ?? []
            if folder.isEmpty {
                throw InvalidFiles([
                    Diagnostic(
                        file: "\(library)/scenarios",
                        message:
                            "holds no scenarios. Expected the repository's folder Simulator: run this there, or name it by --library"
                    )
                ])
            }
            let names = folder.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
            throw InvalidFiles([
                Diagnostic(
                    file: path,
                    message:
                        "no such scenario.\(suggestion(for: name, among: names)) The library has: \(names.joined(separator: ", "))"
                )
            ])
        }
        return try Scenario(node(path), catalogue(library: library, profiles: profiles))
    }

    package static func catalogue(library: String, profiles: String) throws -> Catalogue {
        try Catalogue(
            buildings: node("\(library)/catalogue/buildings.yaml"), causes: node("\(library)/catalogue/causes.yaml"),
            networks: node("\(library)/catalogue/networks.yaml"),
            nuisances: node("\(library)/catalogue/nuisances.yaml"),
            profiles: Self.profiles(profiles))
    }

    /// The profiles of a folder.
    package static func profiles(_ folder: String) throws -> [YAMLNode] {
        let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { $0.hasSuffix(".yaml") }.sorted()
        if files.isEmpty {
            throw InvalidFiles([Diagnostic(file: folder, message: "holds no profile; expected Devices/profiles")])
        }
        return try files.map { try node("\(folder)/\($0)") }
    }

    private static func node(_ path: String) throws -> YAMLNode {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw InvalidFiles([Diagnostic(file: path, message: "cannot be read")])
        }
        return try YAMLNode(parsing: Array(data), file: path)
    }
}
