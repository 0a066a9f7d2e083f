import Contract
import Journal
import LiftModel
import PositionedYAML

extension Configuration {
    /// A centre: its lanes, and the routes to it.
    ///
    ///     centre: { url: "mqtts://…" }                      one centre, one route
    ///     centre: { url: "mqtts://…", command_key: a.pub }  whose commands are signed
    ///     centres:
    ///       - name: city
    ///         routes: [{ url: "mqtts://…" }, { url: "https://…" }]
    ///         fallback: { entrapment: 30s, fault: 10m }
    ///       - { name: maintenance, url: "https://…", lanes: [entrapment, fault] }
    public struct Centre: Sendable {
        public var name: String
        public var lanes: Set<Lane> = Set(Lane.allCases)
        /// The routes in the order in which they are tried.
        public var routes: [Endpoint] = []
        /// How long an event waits for its receipt before each later route sends it, too.
        public var fallbackAfter: [Lane: Duration] = [
            .entrapment: .seconds(30), .fault: .seconds(600),
        ]
        /// The rate of backlog events, per second.
        public var backlogRate = 500
        /// nil where the centre need not sign its commands.
        var commandKey: CommandKey?
        var commandKeyFile: String?

        /// Whether a self-test's alert may go to this centre: a centre's own form cannot express a
        /// test.
        var isTestable: Bool { lanes.contains(.entrapment) && routes.allSatisfy { $0.form == nil } }

        var recipient: Recipient { Recipient(name, lanes: lanes) }
    }
}

extension Configuration.Centre {
    static func all(
        in reader: inout YAMLReader, _ root: YAMLNode, _ diagnostics: Diagnostics,
        resolve: (String) -> String
    ) -> [Configuration.Centre] {
        let list = reader.optional("centres")
        let nodes = reader.items("centres")
        if let only = reader.optional("centre") {
            if let list { diagnostics.report(list, "'centre' and 'centres' exclude each other") }
            return [
                Configuration.Centre(
                    only, root, diagnostics, defaultName: Recipient.theOnly.name, resolve: resolve)
            ]
        }
        guard let list else {
            _ = reader.required("centre")
            return []
        }
        if nodes.isEmpty, diagnostics.isEmpty {
            diagnostics.report(list, "no centre stands here; nobody would receive the alerts")
        }
        var centres: [Configuration.Centre] = []
        for node in nodes {
            let centre = Configuration.Centre(
                node, root, diagnostics, defaultName: nil, resolve: resolve)
            if centres.contains(where: { $0.name == centre.name }) {
                diagnostics.report(node, "the centre '\(centre.name)' stands here twice")
            }
            centres.append(centre)
        }
        // Topics do not name the centre: two centres on one broker would read each other's
        // receipts.
        var brokers: [String: String] = [:]
        for centre in centres {
            for route in centre.routes where route.isMQTT {
                if let other = brokers[route.text] {
                    diagnostics.report(
                        route.node,
                        "\(route.text) is also a route to '\(other)': one broker serves one centre by one route"
                    )
                }
                brokers[route.text] = centre.name
            }
        }
        return centres
    }

    private init(
        _ node: YAMLNode, _ root: YAMLNode, _ diagnostics: Diagnostics, defaultName: String?,
        resolve: (String) -> String
    ) {
        name = defaultName ?? ""
        var own = self
        var reader = YAMLReader(node, diagnostics)
        if reader.optional("routes") == nil {
            // The keys of a centre's only route stand beside the centre's own keys.
            let only = Endpoint(node, root, diagnostics, mayBeHTTPS: true, resolve: resolve) {
                own.readOwnKeys(&$0, hasName: defaultName != nil, resolve: resolve)
            }
            own.routes = [only]
        } else {
            own.readOwnKeys(&reader, hasName: defaultName != nil, resolve: resolve)
            own.routes = reader.items("routes").map {
                Endpoint($0, root, diagnostics, mayBeHTTPS: true, resolve: resolve)
            }
            if own.routes.isEmpty {
                diagnostics.report(node, "no route stands here; this centre would receive nothing")
            }
            reader.finish()
        }
        if !own.name.isEmpty, !Configuration.isTopicLevel(own.name) {
            diagnostics.report(
                node,
                "the centre's name '\(own.name)' must be one word without '/', '+', '#' or space")
        }
        self = own
    }

    /// Reads the keys that are not those of a route.
    /// - Parameter hasName: it has a name without the key.
    private mutating func readOwnKeys(
        _ reader: inout YAMLReader, hasName: Bool, resolve: (String) -> String
    ) {
        if !hasName {
            name = reader.requiredText("name") ?? ""
        } else if let name = reader.text("name") {
            self.name = name
        }
        readLanes(&reader)
        for (key, value) in reader.entries("fallback") {
            guard let lane = Lane(named: key, reader.diagnostics) else { continue }
            fallbackAfter[lane] = value.text == "never" ? nil : reader.duration(of: value)
        }
        readCommandKey(&reader, resolve: resolve)
        if let rate = reader.integer("backlog_rate", in: 1...1_000_000) { backlogRate = rate }
    }

    private mutating func readLanes(_ reader: inout YAMLReader) {
        guard let list = reader.optional("lanes") else { return }
        let diagnostics = reader.diagnostics
        let names = reader.items("lanes")
        let found = names.compactMap { Lane(named: $0, diagnostics) }
        lanes = Set(found)
        if lanes.count < found.count { diagnostics.report(list, "a lane stands here twice") }
        if names.isEmpty {
            diagnostics.report(
                list, "no lane stands here: expected some of entrapment, fault and info")
        }
    }

    private mutating func readCommandKey(_ reader: inout YAMLReader, resolve: (String) -> String) {
        guard let path = reader.text("command_key").map(resolve),
            let node = reader.optional("command_key")
        else {
            return
        }
        commandKeyFile = path
        do throws(InvalidFiles) {
            let pem = try Files.bytes(path)
            do throws(CommandKey.Problem) { commandKey = try CommandKey(pem: pem) } catch {
                reader.diagnostics.report(node, "command_key: '\(path)' \(error)")
            }
        } catch {
            reader.diagnostics.report(
                node, "command_key: '\(path)' does not exist, or may not be read by this user")
        }
    }
}

extension Lane {
    fileprivate init?(named node: YAMLNode, _ diagnostics: Diagnostics) {
        guard let lane = Lane.allCases.first(where: { "\($0)" == node.text }) else {
            diagnostics.report(node, "found \(node.summary), expected entrapment, fault or info")
            return nil
        }
        self = lane
    }
}
