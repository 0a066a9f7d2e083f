import Contract
import Delivery
import GatewayCore
import Journal
import LiftModel
import PositionedYAML

/// The parts of a site's configuration that are more than a value of one key. Each reports its
/// mistakes.
extension Configuration {
    static func site(in reader: inout YAMLReader) -> AlertEvent.Site {
        guard let node = reader.required("site") else { return AlertEvent.Site(id: "") }
        let diagnostics = reader.diagnostics
        var members = YAMLReader(node, diagnostics)
        let site = AlertEvent.Site(id: members.requiredText("id") ?? "", name: members.text("name"))
        members.finish()
        if let stray = WrittenName.strayCharacter(in: site.id) {
            diagnostics.report(node, "the site's id '\(site.id)': \(stray)")
        } else if !site.id.isEmpty, !isTopicLevel(site.id) {
            diagnostics.report(
                node,
                "the site's id '\(site.id)' must be one level of a topic: no '/', '+', '#' or space"
            )
        }
        return site
    }

    /// The building's broker and a centre's may be one, and then need two names.
    static func reportSharedClientID(
        of routes: [Endpoint], and broker: Endpoint, _ diagnostics: Diagnostics
    ) {
        for route in routes where route.clientID != nil && route.clientID == broker.clientID {
            guard route.text == broker.text else { continue }
            diagnostics.report(
                route.node,
                "the client_id is also the building's: a broker lets in only one by a name. Give one another"
            )
        }
    }

    static func topicPrefix(in reader: inout YAMLReader) -> String {
        let prefix = reader.text("topic_prefix") ?? "hoistway/v1"
        let levels = prefix.split(separator: "/", omittingEmptySubsequences: false)
        let isWrong =
            prefix.isEmpty || prefix.hasPrefix("$") || prefix.count > 200
            || levels.contains(where: { !isTopicLevel(String($0)) })
        if isWrong, let node = reader.optional("topic_prefix") {
            reader.diagnostics.report(
                node,
                "found '\(prefix)', expected levels of a topic such as hoistway/v1, without '+' or '#', and no '/' at an end"
            )
        }
        return prefix
    }

    static func lifts(in reader: inout YAMLReader) -> [RegisteredLift] {
        let diagnostics = reader.diagnostics
        var lifts: [RegisteredLift] = []
        let liftsNode = reader.required("lifts")
        let defaultProfile = reader.text("profile") ?? "gbt24476-json"
        let defaultNode = reader.optional("profile")
        var names = LiftNames()
        for node in reader.items("lifts") {
            guard var lift = RegisteredLift(node, defaultProfile: defaultProfile, diagnostics)
            else { continue }
            if !node.hasKey("profile"), let defaultNode { lift.profileNode = defaultNode }
            if lift.lift.id == SelfTestLift.lift.id {
                diagnostics.report(
                    node, "'\(lift.lift.id)' is the self-test's lift; no real one may have its name"
                )
            }
            if names.byID[lift.lift.id] != nil {
                diagnostics.report(node, "the lift '\(lift.lift.id)' stands here twice")
            } else {
                names.report(lift, diagnostics)
            }
            names.add(lift)
            lifts.append(lift)
        }
        if let liftsNode, lifts.isEmpty, diagnostics.isEmpty {
            diagnostics.report(liftsNode, "no lift stands here; nothing would be watched")
        }
        return lifts
    }

    /// A list of files and folders; nil where none is given.
    static func paths(_ key: String, in reader: inout YAMLReader, resolve: (String) -> String)
        -> [String]?
    {
        let paths = reader.items(key).compactMap { $0.text }.map(resolve)
        return paths.isEmpty ? nil : paths
    }

    /// - Parameter node: the node that names the folder; nil for the standard one.
    static func reportBlank(_ node: YAMLNode?, standard: String, _ diagnostics: Diagnostics) {
        guard let node, node.text?.allSatisfy(\.isWhitespace) == true else { return }
        diagnostics.report(
            node, "found no folder, expected a path such as \(standard); or leave the key out")
    }

    static func quota(in reader: inout YAMLReader) -> Quota {
        Quota(
            readings: (reader.integer("readings_quota_mib", in: 1...1_000_000) ?? 2048) << 20,
            alerts: (reader.integer("alerts_quota_mib", in: 1...1_000_000) ?? 256) << 20,
            outbox: (reader.integer("outbox_quota_mib", in: 1...1_000_000) ?? 256) << 20)
    }

    static func reportSmallQuota(_ quota: Quota, in reader: inout YAMLReader) {
        guard quota.alerts < quota.outbox,
            let node = reader.optional("alerts_quota_mib") ?? reader.optional("outbox_quota_mib")
        else { return }
        reader.diagnostics.report(
            node,
            "alerts_quota_mib (\(quota.alerts >> 20)) may not be less than outbox_quota_mib (\(quota.outbox >> 20)): each undelivered alert is a stored alert, too"
        )
    }
}
