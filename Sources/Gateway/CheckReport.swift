import Elevator
import Encoding

/// What `hoistway check --format json` says when nothing is wrong.
public enum CheckReport {
    public static func json(_ data: DeviceData, warnings: [String]) -> String {
        var json = JSONWriter()
        json.object {
            $0.put("profiles", data.profiles.count)
            $0.put("rules", data.rules.ruleNames.count)
            $0.put("rules_version", data.rules.version)
            $0.array("warnings") { for warning in warnings { $0.item(warning) } }
        }
        return json.text
    }
}
