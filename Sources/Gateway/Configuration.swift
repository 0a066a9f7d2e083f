import Contract
import DeviceProfiles
import FoundationEssentials
import GatewayCore
import Journal
import LiftModel
import Monitoring
import PositionedYAML

/// A site's configuration: a dozen lines with the broker, the centre and the lifts.
public struct Configuration: Sendable {
    public struct RegisteredLift: Sendable {
        public var lift: Lift
        public var profile: String
        public var node: YAMLNode
        /// The node that names its profile; the lift's own node where none does.
        var profileNode: YAMLNode
    }

    public var file: String
    public var site: AlertEvent.Site
    public var broker: Endpoint
    /// The centres in the order of the file.
    public var centres: [Centre]
    /// The first levels of the topics at a centre's broker.
    public var topicPrefix: String
    public var lifts: [RegisteredLift]
    public var parameters: [(key: YAMLNode, value: YAMLNode)]
    public var rulePaths: [String]?
    public var profilePaths: [String]?
    /// A hash of the profiles' files when this was read.
    let profilesHash: UInt64?
    /// The folder of the journal.
    public var stateFolder: String
    /// The folder of the status file, in memory.
    public var runtimeFolder: String
    /// The nodes that name the folders; nil for the standard ones, which systemd creates.
    let stateFolderNode: YAMLNode?
    let runtimeFolderNode: YAMLNode?
    public static let standardStateFolder = "/var/lib/hoistway"
    public static let standardRuntimeFolder = "/run/hoistway"
    /// How long a batch without an alert may wait for its commit.
    public var commitWait: Duration
    /// Whether alerts carry a signature.
    public var signsAlerts: Bool
    /// The interval of self-tests; nil for never.
    public var selfTestEvery: Duration?
    /// The journal's limit for each class.
    public var quota: Quota

    /// Whether its gateway runs now.
    public var isRunning: Bool {
        GatewayPresence(stateFolder: stateFolder, runtimeFolder: runtimeFolder) == .running
    }

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
        site = Self.site(in: &reader)
        broker = Endpoint(
            reader.required("broker"), root, diagnostics, mayBeHTTPS: false, resolve: resolve)
        centres = Centre.all(in: &reader, root, diagnostics, resolve: resolve)
        Self.reportSharedClientID(of: centres.flatMap(\.routes), and: broker, diagnostics)
        topicPrefix = Self.topicPrefix(in: &reader)
        lifts = Self.lifts(in: &reader)
        parameters = reader.entries("parameters")
        rulePaths = Self.paths("rules", in: &reader, resolve: resolve)
        profilePaths = Self.paths("profiles", in: &reader, resolve: resolve)
        profilesHash = Self.profilesHash(profilePaths)
        stateFolderNode = reader.optional("state_folder")
        runtimeFolderNode = reader.optional("runtime_folder")
        stateFolder = resolve(reader.text("state_folder") ?? Self.standardStateFolder)
        runtimeFolder = resolve(reader.text("runtime_folder") ?? Self.standardRuntimeFolder)
        Self.reportBlank(stateFolderNode, standard: Self.standardStateFolder, diagnostics)
        Self.reportBlank(runtimeFolderNode, standard: Self.standardRuntimeFolder, diagnostics)
        commitWait = reader.duration("commit_wait") ?? .seconds(2)
        signsAlerts = reader.boolean("sign_alerts") ?? true
        selfTestEvery =
            reader.optional("selftest_every")?.text == "never"
            ? nil : reader.duration("selftest_every") ?? .seconds(72 * 3600)
        quota = Self.quota(in: &reader)
        if let every = selfTestEvery, every < .seconds(600),
            let node = reader.optional("selftest_every")
        {
            diagnostics.report(node, "selftest_every must be at least 10m, or never")
        }
        Self.reportSmallQuota(quota, in: &reader)
        reader.finish()
        if commitWait > .seconds(4), let node = reader.optional("commit_wait") {
            diagnostics.report(
                node, "commit_wait may be at most 4s: the broker waits for the acknowledgement")
        }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
    }

    static func isTopicLevel(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 200
            && !text.unicodeScalars.contains(where: {
                "/+#".unicodeScalars.contains($0) || $0.properties.isWhitespace || $0.value < 32
            })
    }

    /// The site's profiles and rules, with its own parameters.
    public func deviceData() throws(InvalidFiles) -> DeviceData {
        let data: DeviceData
        do throws(InvalidFiles) {
            data = try DeviceData(profiles: profilePaths, rules: rulePaths, parameters: parameters)
        } catch { throw namingParameterFiles(error) }
        let diagnostics = Diagnostics()
        let names = data.profiles.map(\.name)
        for lift in lifts where !names.contains(lift.profile) {
            let mistake = lift.profileNode.diagnostic(
                "'\(lift.profile)' is not a profile.\(suggestion(for: lift.profile, among: names))\(shippedProfiles)"
            )
            // A wrong profile of all lifts is one mistake.
            if !diagnostics.all.contains(mistake) { diagnostics.report(mistake) }
        }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        return data
    }

    /// Where a missing profile would be, and how it comes back; empty where the site names its own.
    private var shippedProfiles: String {
        guard profilePaths == nil else { return "" }
        return
            " The shipped profiles are looked for in \(DeviceData.shippedFolder())/profiles; make install puts them back"
    }

    /// All endpoints with their names; the building's broker first.
    private var endpointsByName: [(name: String, endpoint: Endpoint)] {
        [("the broker", broker)]
            + centres.flatMap { centre in centre.routes.map { ("centre '\(centre.name)'", $0) } }
    }

    private func isSameServer(_ one: Endpoint, _ other: Endpoint) -> Bool {
        guard case .mqtt(let a) = one.address, case .mqtt(let b) = other.address else {
            return false
        }
        return a.port == b.port && (a.host == b.host || a.isLoopback && b.isLoopback)
    }

    /// Adds to each mistake in a parameter's name the files in which the parameters stand.
    private func namingParameterFiles(_ error: InvalidFiles) -> InvalidFiles {
        let files = (rulePaths ?? [DeviceData.shippedFolder() + "/rules"]).joined(separator: ", ")
        return InvalidFiles(
            error.diagnostics.map { mistake in
                guard parameters.contains(where: { $0.key.diagnostic(mistake.message) == mistake })
                else {
                    return mistake
                }
                var mistake = mistake
                mistake.message +=
                    " They stand under 'parameters:' in \(files), each with its bounds."
                return mistake
            })
    }

    /// Settings that are allowed and unwise.
    public func warnings(_ data: DeviceData) -> [String] {
        var warnings: [String] = []
        for (name, endpoint) in endpointsByName
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
        for (name, endpoint) in endpointsByName
        where endpoint.username != nil && endpoint.passwordFile == nil {
            warnings.append(
                "\(endpoint.node.file):\(endpoint.node.line): \(name) is given a username and no password_file: most brokers refuse that"
            )
        }
        for (name, endpoint) in endpointsByName.dropFirst()
        where endpoint.isMQTT && isSameServer(endpoint, broker) {
            warnings.append(
                "\(endpoint.node.file):\(endpoint.node.line): \(name) has the address of the building's broker: alerts go no further than the building, unless that broker passes them on (a bridge)"
            )
        }
        if !centres.contains(where: { $0.lanes.contains(.entrapment) }) {
            warnings.append(
                "\(file): no centre receives entrapments: give one of them the lane 'entrapment'")
        }
        for centre in centres where centre.lanes.contains(.entrapment) && !centre.isTestable {
            warnings.append(
                "\(file): the self-test leaves out centre '\(centre.name)': its own form cannot express a test"
            )
        }
        for doubt in MistypedID.doubtful(lifts.map(\.lift.id)) {
            let line = lifts.first { $0.lift.id == doubt.id }?.node.line ?? 1
            warnings.append("\(file):\(line): look at the lift's id '\(doubt.id)': \(doubt.why)")
        }
        if case .duration(let overdue)? = data.rules.parameters["report_overdue"] {
            for profile in data.profiles where lifts.contains(where: { $0.profile == profile.name })
            {
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
