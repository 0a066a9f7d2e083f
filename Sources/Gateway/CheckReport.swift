import Elevator
import Encoding
import PositionedYAML

/// What `hoistway check --format json` says.
public enum CheckReport {
    /// What is wrong, a mistake an object.
    public static func json(_ mistakes: [Diagnostic]) -> String {
        var json = JSONWriter()
        json.object {
            $0.array("mistakes") { array in
                for mistake in mistakes {
                    array.object {
                        $0.put("file", mistake.file)
                        $0.put("line", mistake.line)
                        $0.put("column", mistake.column)
                        $0.put("message", mistake.message)
                    }
                }
            }
        }
        return json.text
    }

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
