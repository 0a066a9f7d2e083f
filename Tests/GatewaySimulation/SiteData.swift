import DeviceProfiles
import FoundationEssentials
import GatewayCore
import PositionedYAML
import RuleLanguage

/// The shipped profiles and rules, read from the working directory.
enum SiteData {
    static func shipped() throws -> DeviceData {
        let diagnostics = Diagnostics()
        let profiles = try nodes("Devices/profiles").compactMap { Profile($0, diagnostics) }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        return DeviceData(
            profiles: profiles, rules: try RuleSet(try nodes("Devices/rules"), overrides: []))
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
