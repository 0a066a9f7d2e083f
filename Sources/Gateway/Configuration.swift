import Detection
import DeviceProfiles
import Elevator
import FoundationEssentials
import Journal
import Mosquitto
import PositionedYAML
import Uplink

/// The one file a site needs: a dozen lines say where the broker and the centre are, and which lifts there are.
public struct Configuration: Sendable {
    public struct RegisteredLift: Sendable {
        public var lift: Lift
        public var profile: String
        public var node: YAMLNode
        /// Where its profile is named; the lift itself where nobody names one.
        var profileNode: YAMLNode
    }

    public var file: String
    public var site: AlertEvent.Site
    public var broker: Endpoint
    /// Who is told, in the order of the file.
    public var centres: [Centre]
    /// The first levels of a centre's topics.
    public var topicPrefix: String
    public var lifts: [RegisteredLift]
    public var parameters: [(key: YAMLNode, value: YAMLNode)]
    public var rulePaths: [String]?
    public var profilePaths: [String]?
    /// The journal lives here.
    public var stateFolder: String
    /// What `hoistway status` reads lives here; a file system in memory.
    public var runtimeFolder: String
    /// How long a batch without an alert may wait for its commit.
    public var commitWait: Duration
    /// Whether alerts carry a signature.
    public var signsAlerts: Bool
    /// How often the whole way is tried; nil for never.
    public var selfTestEvery: Duration?
    /// How much the journal may hold of each class.
    public var quota: Quota

    /// - Throws: `InvalidFiles` with every mistake.
    public init(file path: String) throws(InvalidFiles) {
        let root = try Files.yaml(path)
        let diagnostics = Diagnostics()
        var reader = YAMLReader(root, diagnostics)
        let folder = URL(filePath: path).deletingLastPathComponent().path
        func resolve(_ file: String) -> String {
            file.hasPrefix("/") ? file : folder + (folder.hasSuffix("/") ? "" : "/") + file
        }
        self.file = path
        site = AlertEvent.Site(id: "")
        if let node = reader.required("site") {
            var site = YAMLReader(node, diagnostics)
            self.site = AlertEvent.Site(id: site.requiredText("id") ?? "", name: site.text("name"))
            site.finish()
            if !self.site.id.isEmpty, !Self.isTopicLevel(self.site.id) {
                diagnostics.report(
                    node, "the site's id '\(self.site.id)' must be one level of a topic: no '/', '+', '#' or space")
            }
        }
        broker = Endpoint(reader.required("broker"), root, diagnostics, mayBeHTTPS: false, resolve: resolve)
        centres = Centre.all(in: &reader, root, diagnostics, resolve: resolve)
        for route in centres.flatMap(\.routes) where route.clientID != nil && route.clientID == broker.clientID {
            guard route.text == broker.text else { continue }
            diagnostics.report(
                route.node,
                "the client_id is also the building's: a broker lets in only one by a name. Give one another")
        }
        topicPrefix = reader.text("topic_prefix") ?? "hoistway/v1"
        if topicPrefix.isEmpty || topicPrefix.hasPrefix("$") || topicPrefix.count > 200
            || topicPrefix.split(separator: "/", omittingEmptySubsequences: false).contains(where: {
                !Self.isTopicLevel(String($0))
            }),
            let node = reader.optional("topic_prefix")
        {
            diagnostics.report(
                node,
                "found '\(topicPrefix)', expected levels of a topic such as hoistway/v1, without '+' or '#', and no '/' at an end"
            )
        }
        lifts = []
        let liftsNode = reader.required("lifts")
        let defaultProfile = reader.text("profile") ?? "gbt24476-json"
        let defaultNode = reader.optional("profile")
        for node in reader.items("lifts") {
            guard var lift = RegisteredLift(node, defaultProfile: defaultProfile, diagnostics) else { continue }
            if !node.hasKey("profile"), let defaultNode { lift.profileNode = defaultNode }
            if lift.lift.id == SelfTest.lift.id {
                diagnostics.report(node, "'\(lift.lift.id)' is the self-test's lift; no real one may have its name")
            }
            if lifts.contains(where: { $0.lift.id == lift.lift.id }) {
                diagnostics.report(node, "the lift '\(lift.lift.id)' stands here twice")
            } else {
                lift.reportNames(among: lifts, diagnostics)
            }
            lifts.append(lift)
        }
        if let liftsNode, lifts.isEmpty, diagnostics.isEmpty {
            diagnostics.report(liftsNode, "no lift stands here; nothing would be watched")
        }
        parameters = reader.entries("parameters")
        let rules = reader.items("rules").compactMap { $0.text }.map(resolve)
        rulePaths = rules.isEmpty ? nil : rules
        let profiles = reader.items("profiles").compactMap { $0.text }.map(resolve)
        profilePaths = profiles.isEmpty ? nil : profiles
        stateFolder = resolve(reader.text("state_folder") ?? "/var/lib/hoistway")
        runtimeFolder = resolve(reader.text("runtime_folder") ?? "/run/hoistway")
        commitWait = reader.duration("commit_wait") ?? .seconds(2)
        signsAlerts = reader.boolean("sign_alerts") ?? true
        selfTestEvery =
            reader.optional("selftest_every")?.text == "never"
            ? nil : reader.duration("selftest_every") ?? .seconds(72 * 3600)
        quota = Quota(
            readings: (reader.integer("readings_quota_mib", in: 1...1_000_000) ?? 2048) << 20,
            alerts: (reader.integer("alerts_quota_mib", in: 1...1_000_000) ?? 256) << 20,
            outbox: (reader.integer("outbox_quota_mib", in: 1...1_000_000) ?? 256) << 20)
        if let every = selfTestEvery, every < .seconds(600), let node = reader.optional("selftest_every") {
            diagnostics.report(node, "selftest_every must be at least 10m, or never")
        }
        if quota.alerts < quota.outbox,
            let node = reader.optional("alerts_quota_mib") ?? reader.optional("outbox_quota_mib")
        {
            diagnostics.report(
                node,
                "alerts_quota_mib (\(quota.alerts >> 20)) may not be less than outbox_quota_mib (\(quota.outbox >> 20)): what is owed was told"
            )
        }
        reader.finish()
        if commitWait > .seconds(4), let node = reader.optional("commit_wait") {
            diagnostics.report(node, "commit_wait may be at most 4s: the broker waits for the acknowledgement")
        }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
    }

    static func isTopicLevel(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 200
            && !text.unicodeScalars.contains(where: {
                "/+#".unicodeScalars.contains($0) || $0.properties.isWhitespace || $0.value < 32
            })
    }

    /// The profiles and rules this site uses, with its own parameters.
    public func deviceData() throws(InvalidFiles) -> DeviceData {
        let data = try DeviceData(profiles: profilePaths, rules: rulePaths, parameters: parameters)
        let diagnostics = Diagnostics()
        let names = data.profiles.map(\.name)
        for lift in lifts where !names.contains(lift.profile) {
            let mistake = lift.profileNode.diagnostic(
                "'\(lift.profile)' is not a profile.\(suggestion(for: lift.profile, among: names))")
            // The profile of all lifts is one mistake.
            if !diagnostics.all.contains(mistake) { diagnostics.report(mistake) }
        }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        return data
    }

    /// Whether a reload takes up all that has changed.
    func differsOnlyInRules(from other: Configuration) -> Bool {
        func centres(_ configuration: Configuration) -> [String] {
            configuration.centres.map { centre in
                let fallback = centre.fallbackAfter.sorted { $0.key.rawValue < $1.key.rawValue }
                return
                    "\(centre.name) \(centre.lanes.map(\.rawValue).sorted()) \(fallback) \(centre.backlogRate) \(centre.routes.map { "\($0.text) \($0.clientID ?? "")" })"
            }
        }
        return lifts.map(\.lift) == other.lifts.map(\.lift) && lifts.map(\.profile) == other.lifts.map(\.profile)
            && centres(self) == centres(other) && quota == other.quota && site == other.site
            && broker.text == other.broker.text && broker.clientID == other.broker.clientID
            && topicPrefix == other.topicPrefix && commitWait == other.commitWait
            && signsAlerts == other.signsAlerts && selfTestEvery == other.selfTestEvery
            && profilePaths == other.profilePaths && stateFolder == other.stateFolder
            && runtimeFolder == other.runtimeFolder
    }

    /// What is allowed and still unwise.
    public func warnings(_ data: DeviceData) -> [String] {
        var warnings: [String] = []
        for (name, endpoint) in [("the broker", broker)]
            + centres.flatMap({ centre in centre.routes.map { ("centre '\(centre.name)'", $0) } })
        where !endpoint.usesTLS && !endpoint.isLoopback {
            warnings.append(
                "\(endpoint.node.file):\(endpoint.node.line): \(name) is reached without TLS; use \(endpoint.isMQTT ? "mqtts" : "https")://"
            )
        }
        if !broker.isLoopback {
            warnings.append(
                "\(broker.node.file):\(broker.node.line): the broker is on another machine. Give it the settings of "
                    + "systemd/mosquitto-hoistway.conf: a default mosquitto drops what it has acknowledged beyond 1000 messages."
            )
        }
        if !centres.contains(where: { $0.lanes.contains(.entrapment) }) {
            warnings.append("\(file): no centre is told of entrapments: give one of them the lane 'entrapment'")
        }
        for centre in centres where centre.lanes.contains(.entrapment) && !centre.isTestable {
            warnings.append(
                "\(file): the self-test leaves out centre '\(centre.name)': its own form has no word for a test")
        }
        if case .duration(let overdue)? = data.rules.parameters["report_overdue"] {
            for profile in data.profiles where lifts.contains(where: { $0.profile == profile.name }) {
                guard profile.reportsEvery >= overdue else { continue }
                warnings.append(
                    "\(file): lifts of the profile '\(profile.name)' report every \(profile.reportsEvery.written), and report_overdue is "
                        + "\(overdue.written): every pause would count as silence. Set it under parameters:, well above the former."
                )
            }
        }
        return warnings
    }
}

extension Configuration.RegisteredLift {
    /// `[-2, 18]`: the lowest and the highest floor, as the controller counts them.
    private static func floors(_ node: YAMLNode?, _ diagnostics: Diagnostics) -> ClosedRange<Int>? {
        guard let node else { return nil }
        guard case .sequence(let ends) = node.content, ends.count == 2, let low = ends[0].text.flatMap({ Int($0) }),
            let high = ends[1].text.flatMap({ Int($0) }), low < high, -100...400 ~= low, -100...400 ~= high
        else {
            diagnostics.report(
                node, "found \(node.summary), expected the lowest and the highest floor, such as [-1, 18]")
            return nil
        }
        return low...high
    }

    /// A code by which a centre or a rescuer knows a lift is one lift's alone.
    fileprivate func reportNames(among others: [Self], _ diagnostics: Diagnostics) {
        if let code = lift.registrationCode {
            let same = others.first { $0.lift.registrationCode == code || $0.lift.id == code }
            if let same {
                diagnostics.report(
                    node,
                    "the registration code '\(code)' is also that of lift '\(same.lift.id)' (line \(same.node.line))")
            }
        }
        if let same = others.first(where: { $0.lift.registrationCode == lift.id && lift.registrationCode != lift.id }) {
            diagnostics.report(
                node, "the id '\(lift.id)' is the registration code of lift '\(same.lift.id)' (line \(same.node.line))")
        }
        if let code = lift.rescueCode, let same = others.first(where: { $0.lift.rescueCode == code }) {
            diagnostics.report(
                node, "the rescue code '\(code)' is also that of lift '\(same.lift.id)' (line \(same.node.line))")
        }
    }

    fileprivate init?(_ node: YAMLNode, defaultProfile: String, _ diagnostics: Diagnostics) {
        self.node = node
        profileNode = node
        // A bare word is a lift of which only the id is known.
        if let id = node.text, case .scalar = node.content {
            lift = Lift(id: id, registrationCode: id)
            profile = defaultProfile
        } else {
            var reader = YAMLReader(node, diagnostics, expected: "a lift's id, or a mapping with 'id:'")
            guard let id = reader.requiredText("id") else { return nil }
            lift = Lift(
                id: id, registrationCode: reader.text("registration_code"), rescueCode: reader.text("rescue_code"),
                place: reader.text("place"),
                equipmentClass: reader.choice("equipment", EquipmentClass.self) ?? .traction,
                ratedSpeed: reader.number("rated_speed"), floors: Self.floors(reader.optional("floors"), diagnostics))
            let travelTime = reader.duration("travel_time")
            lift.runTimeLimit = reader.duration("run_time_limit") ?? travelTime.map(Lift.runTimeLimit(travelTime:))
            profile = reader.text("profile") ?? defaultProfile
            if let place = reader.optional("profile") { profileNode = place }
            reader.finish()
        }
        if let limit = lift.runTimeLimit, !(.seconds(5) ... .seconds(600) ~= limit) {
            diagnostics.report(node, "run_time_limit: found \(limit.written), expected 5s to 600s")
        }
        if let speed = lift.ratedSpeed, !(0.05...30 ~= speed) {
            diagnostics.report(node, "rated_speed: found \(speed), expected metres per second between 0.05 and 30")
        }
        if !Configuration.isTopicLevel(lift.id) {
            diagnostics.report(
                node, "the lift's id '\(lift.id)' must be one level of a topic: no '/', '+', '#' or space")
            return nil
        }
    }
}
