import DeviceProfiles
import RuleLanguage

/// The profiles and rules of a site: how its lifts' messages are read, and which alerts follow.
public struct DeviceData: Sendable {
    public var profiles: [Profile]
    public var rules: RuleSet

    public init(profiles: [Profile], rules: RuleSet) {
        self.profiles = profiles
        self.rules = rules
    }
}
