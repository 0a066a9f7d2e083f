import Foundation
import Testing

/// A simulator that shared code with the gateway would share its mistakes.
@Suite struct IndependenceTests {
    private static let judged: Set = [
        "RuleEngine", "RuleLanguage", "Monitoring", "RuleTools", "Contract", "Gateway", "Journal",
        "DeliveryCore", "GatewayCore",
        "Delivery", "hoistway",
    ]

    /// The modules that each Swift file below a folder imports.
    private func imports(below folder: String) throws -> [(file: String, module: String)] {
        let files = try #require(
            FileManager.default.enumerator(atPath: SmallCity.root + "/" + folder))
        return try files.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.flatMap {
            file in
            try String(contentsOfFile: "\(SmallCity.root)/\(folder)/\(file)", encoding: .utf8)
                .split(separator: "\n")
                .compactMap {
                    $0.firstMatch(of: /^\s*(?:@?\w+\s+)*?import\s+(?:[a-z]+\s+)?([A-Za-z_]\w*)/)?
                        .output.1
                }
                .map { (file, String($0)) }
        }
    }

    @Test func theSimulatorKnowsNothingOfWhatItJudges() throws {
        let found = try imports(below: "Simulator")
        #expect(Set(found.map(\.file)).count > 50)
        #expect(found.filter { Self.judged.contains($0.module) }.isEmpty)
    }

    /// The physics that make the truth, and the score, do not even read profiles as the gateway
    /// does.
    @Test(arguments: ["Simulator/City", "Simulator/Scoring"])
    func theTruthComesFromThePhysics(_ folder: String) throws {
        let found = try imports(below: folder)
        #expect(
            !found.isEmpty
                && !found.contains {
                    Self.judged.contains($0.module) || $0.module == "DeviceProfiles"
                })
    }
}
