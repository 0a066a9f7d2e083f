import Encoding
import Foundation
import LiftModel
import PositionedYAML

@testable import City

/// A city for tests: a scenario in a few lines of YAML, with the shipped catalogue and profiles.
struct SmallCity {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().path
    var scenario: Scenario
    var seed: UInt64

    init(_ text: String, seed: UInt64 = 1) throws {
        self.seed = seed
        scenario = try Scenario(
            YAMLNode(parsing: Array("scenario: test\n\(text)\n".utf8), file: "scenario.yaml"),
            Self.catalogue())
    }

    static func catalogue() throws -> Catalogue {
        try Catalogue(
            buildings: file("Simulator/catalogue/buildings.yaml"),
            causes: file("Simulator/catalogue/causes.yaml"),
            networks: file("Simulator/catalogue/networks.yaml"),
            nuisances: file("Simulator/catalogue/nuisances.yaml"),
            profiles: ["gbt24476-json", "interval-json"].map {
                try file("Devices/profiles/\($0).yaml")
            })
    }

    static func file(_ path: String) throws -> YAMLNode {
        try YAMLNode(
            parsing: Array(Data(contentsOf: URL(fileURLWithPath: "\(root)/\(path)"))), file: path)
    }

    /// Simulates the city, and hands over the messages that arrive.
    @discardableResult
    func simulate(only buildings: Range<Int>? = nil, _ see: (City.Arrival) -> Void = { _ in })
        -> City
    {
        let city = City(scenario, seed: seed, only: buildings)
        while city.advance(see) {}
        return city
    }

    func entrapments() -> [TruthRow] { simulate().truth.filter { $0.kind == "entrapment" } }
}
