import FoundationEssentials
import PositionedYAML

/// The location of the simulator's data, and the search for a scenario.
package enum CityFiles {
    /// Reads a scenario by its path, or by its name in the library.
    package static func scenario(_ name: String, library: String, profiles: String) throws
        -> Scenario
    {
        let path =
            name.contains("/") || name.hasSuffix(".yaml")
            ? name : "\(library)/scenarios/\(name).yaml"
        guard FileManager.default.fileExists(atPath: path) else {
            let none =
                "holds no scenarios. Expected the repository's folder Simulator, or the package hoistway-sim; --library names another folder"
            let folder = try names(in: "\(library)/scenarios", orIfMissing: none)
            let names = folder.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }
                .sorted()
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
            buildings: node("\(library)/catalogue/buildings.yaml"),
            causes: node("\(library)/catalogue/causes.yaml"),
            networks: node("\(library)/catalogue/networks.yaml"),
            nuisances: node("\(library)/catalogue/nuisances.yaml"),
            profiles: Self.profiles(profiles))
    }

    /// The profiles of a folder.
    package static func profiles(_ folder: String) throws -> [YAMLNode] {
        let none = "holds no profile; expected Devices/profiles"
        let files = try names(in: folder, orIfMissing: none).filter { $0.hasSuffix(".yaml") }
            .sorted()
        if files.isEmpty { throw InvalidFiles([Diagnostic(file: folder, message: none)]) }
        return try files.map { try node("\(folder)/\($0)") }
    }

    /// The names in a folder.
    /// - Parameter message: the mistake where there is no such folder, or nothing in it.
    private static func names(in folder: String, orIfMissing message: String) throws(InvalidFiles)
        -> [String]
    {
        var names: [String] = []
        do {
            if FileManager.default.fileExists(atPath: folder) {
                names = try FileManager.default.contentsOfDirectory(atPath: folder)
            }
        } catch {
            throw InvalidFiles([Diagnostic(file: folder, message: "cannot be read: \(error)")])
        }
        if names.isEmpty { throw InvalidFiles([Diagnostic(file: folder, message: message)]) }
        return names
    }

    private static func node(_ path: String) throws -> YAMLNode {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw InvalidFiles([Diagnostic(file: path, message: "cannot be read")])
        }
        return try YAMLNode(parsing: Array(data), file: path)
    }
}
