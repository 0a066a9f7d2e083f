import Encoding
import GatewayCore
import LiftModel
import Monitoring
import PositionedYAML
import RuleLanguage
import RuleTools

/// The output of `hoistway check --format json`.
public enum CheckReport {
    /// The mistakes, one object each.
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

    /// The cost of the rules for one lift of a profile.
    public struct Cost: Sendable {
        public var profile: String
        public var equipment: EquipmentClass
        public var memory: RuleMemory
    }

    /// The doubtful points of the rules and their cost, for each profile, and for each equipment
    /// class where the site's lifts are known.
    public static func findings(
        _ data: DeviceData, kinds: [(profile: String, equipment: EquipmentClass)]?
    ) throws(ExpressionError) -> (warnings: [Diagnostic], costs: [Cost]) {
        var warnings = data.profiles.flatMap(\.warnings) + data.rules.findings()
        var costs: [Cost] = []
        for profile in data.profiles {
            let used = kinds?.filter { $0.profile == profile.name }.map(\.equipment) ?? [.traction]
            for equipment in Set(used).sorted(by: { $0.rawValue < $1.rawValue }) {
                let kind = Intake.kind(profile, equipment)
                warnings += data.rules.findings(
                    for: kind, named: "lifts of the profile '\(profile.name)'")
                costs.append(
                    Cost(
                        profile: profile.name, equipment: equipment,
                        memory: try data.rules.memory(for: kind)))
            }
        }
        return (warnings, costs)
    }

    public static func json(_ data: DeviceData, warnings: [String], costs: [Cost]) -> String {
        var json = JSONWriter()
        json.object {
            $0.put("profiles", data.profiles.count)
            $0.put("rules", data.rules.ruleNames.count)
            $0.put("rules_version", data.rules.version)
            $0.array("warnings") { for warning in warnings { $0.item(warning) } }
            $0.array("cost_per_lift") { array in
                for cost in costs {
                    array.object {
                        $0.put("profile", cost.profile)
                        $0.put("equipment", cost.equipment.rawValue)
                        $0.put("operators", cost.memory.nodes)
                        $0.put("state_bytes", cost.memory.state)
                        $0.put("lateness_bytes_at_most", cost.memory.lateness)
                    }
                }
            }
        }
        return json.text
    }
}
