import DeviceProfiles
import FoundationEssentials
import GatewayCore
import PositionedYAML
import RuleLanguage

/// Reads profiles and rules.
extension DeviceData {
    /// The shipped `Devices` folder: in the working directory, or where `make install` puts it.
    public static func shippedFolder() -> String {
        let installed = "/usr/share/hoistway/Devices"
        if let chosen = ProcessInfo.processInfo.environment["HOISTWAY_DEVICES"] { return chosen }
        return FileManager.default.fileExists(atPath: "Devices/profiles") ? "Devices" : installed
    }

    /// Reads profiles and rules; nil paths mean the shipped ones.
    /// - Throws: `InvalidFiles` with every mistake of every file.
    public init(
        profiles profilePaths: [String]?, rules rulePaths: [String]?,
        parameters: [(key: YAMLNode, value: YAMLNode)] = []
    ) throws(InvalidFiles) {
        var mistakes: [Diagnostic] = []
        if profilePaths == nil || rulePaths == nil {
            let shipped = Self.shippedFolder()
            guard FileManager.default.fileExists(atPath: shipped) else {
                throw InvalidFiles([
                    Diagnostic(
                        file: shipped,
                        message:
                            "does not exist: expected the shipped profiles and rules there, or as Devices in the working "
                            + "folder, or where HOISTWAY_DEVICES says, or files named by --profiles and --rules"
                    )
                ])
            }
        }
        var profiles: [Profile] = []
        do throws(InvalidFiles) {
            profiles = try Self.profiles(profilePaths ?? [Self.shippedFolder() + "/profiles"])
        } catch { mistakes += error.diagnostics }
        let rules: RuleSet
        do throws(InvalidFiles) {
            rules = try Self.rules(
                rulePaths ?? [Self.shippedFolder() + "/rules"], parameters: parameters)
        } catch { throw InvalidFiles(mistakes + error.diagnostics) }
        if !mistakes.isEmpty { throw InvalidFiles(mistakes) }
        self.init(profiles: profiles, rules: rules)
    }

    public static func rules(
        _ paths: [String], parameters: [(key: YAMLNode, value: YAMLNode)] = []
    ) throws(InvalidFiles) -> RuleSet {
        try RuleSet(try Files.yamlNodes(in: paths), overrides: parameters)
    }

    /// The YAML documents of files and folders.
    public static func nodes(_ paths: [String]) throws(InvalidFiles) -> [YAMLNode] {
        try Files.yamlNodes(in: paths)
    }

    /// The rules of `paths`, where rules of the same name are replaced by those of `newer`.
    public static func rules(_ paths: [String], replacing newer: [String]) throws(InvalidFiles)
        -> RuleSet
    {
        try RuleSet(try Files.yamlNodes(in: paths), replacing: try Files.yamlNodes(in: newer))
    }

    public static func profiles(_ paths: [String]) throws(InvalidFiles) -> [Profile] {
        let diagnostics = Diagnostics()
        let profiles = try Files.yamlNodes(in: paths).compactMap { Profile($0, diagnostics) }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        return profiles
    }
}
