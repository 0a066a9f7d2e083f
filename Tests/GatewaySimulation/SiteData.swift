import DeviceProfiles
import FoundationEssentials
import GatewayCore
import PositionedYAML
import RuleLanguage

/// The shipped profiles and rules, read from the working directory.
struct SiteData {
    var device: DeviceData
    /// The same rules with longer holds.
    var otherRules: RuleSet

    private static let parameters = "off_level_hold: 14s\nsilence_hold: 24s\nconfirm_hold: 70s\n"

    static func shipped() throws -> SiteData {
        let diagnostics = Diagnostics()
        let profiles = try nodes("Devices/profiles").compactMap { Profile($0, diagnostics) }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        let rules = try nodes("Devices/rules")
        let other = try YAMLNode(parsing: Array(parameters.utf8), file: "parameters")
        guard case .mapping(let overrides) = other.content else {
            throw InvalidFiles([other.diagnostic("expected parameters")])
        }
        return SiteData(
            device: DeviceData(profiles: profiles, rules: try RuleSet(rules)),
            otherRules: try RuleSet(rules, overrides: overrides))
    }

    private static func nodes(_ folder: String) throws -> [YAMLNode] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            .filter { $0.hasSuffix(".yaml") }.map {
                let path = "\(folder)/\($0)"
                guard let bytes = FileManager.default.contents(atPath: path) else {
                    throw InvalidFiles([Diagnostic(file: path, message: "cannot be read")])
                }
                return try YAMLNode(parsing: Array(bytes), file: path)
            }
    }
}
