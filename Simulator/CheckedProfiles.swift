import City
import DeviceProfiles
import PositionedYAML

extension CityFiles {
    /// The profiles of a folder, read as the gateway reads them.
    static func checkedProfiles(_ folder: String) throws -> [Profile] {
        let diagnostics = Diagnostics()
        let profiles = try profiles(folder).compactMap { Profile($0, diagnostics) }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        return profiles
    }
}
