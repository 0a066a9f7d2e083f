import Foundation
import PositionedYAML
import Testing

@testable import City

@Suite struct CatalogueTests {
    /// People write catalogues of their own. An impossible value is reported with its location.
    @Test(arguments: [
        ("buildings", "floors: [12, 33]", "floors: [12, 1e300]"),
        ("buildings", "floor_height_m: 2.9", "floor_height_m: 0"),
        ("buildings", "rated_loads_kg: [800, 1000, 1050]", "rated_loads_kg: [0]"),
        ("buildings", "in_out_between: [85, 10, 5]", "in_out_between: [0, 0, 0]"),
        ("buildings", "journeys_per_lift_day: 180", "journeys_per_lift_day: -1"),
        ("networks", "wired: { delay: [3ms, 30ms] }", "wired: { delay: [30ms, 3ms] }"),
        ("networks", "outage_every: 30m", "outage_every: 0s"),
        ("networks", "redelivery_every: 1h", "redelivery_every: 0s"),
        ("causes", "share: 11.4", "share: -8"), ("causes", "recovers: 0.9", "recovers: 7"),
        ("causes", "after: [5m, 90m]", "after: [90m, 5m]"),
    ])
    func impossibleSettingsAreRefusedWithTheirLocation(
        _ name: String, _ right: String, _ wrong: String
    ) throws {
        func node(_ file: String) throws -> YAMLNode {
            let path = "Simulator/catalogue/\(file).yaml"
            let text = try String(contentsOfFile: "\(SmallCity.root)/\(path)", encoding: .utf8)
            guard file == name else { return try YAMLNode(parsing: Array(text.utf8), file: path) }
            let found = try #require(text.range(of: right))
            return try YAMLNode(
                parsing: Array(text.replacingCharacters(in: found, with: wrong).utf8), file: path)
        }
        let error = #expect(throws: InvalidFiles.self) {
            try Catalogue(
                buildings: node("buildings"), causes: node("causes"), networks: node("networks"),
                profiles: [])
        }
        #expect(
            error?.diagnostics.first?.description.contains("Simulator/catalogue/\(name).yaml:")
                == true
                && error?.diagnostics.first?.line ?? 0 > 1, "\(error?.description ?? "")")
    }
}
