import Encoding
import FoundationEssentials
import HTTP
import MQTT
import PositionedYAML

/// Reads a server's keys from the configuration, and reports their mistakes.
extension Endpoint {
    /// - Parameters:
    /// - node: nil where the key is missing, which is reported already.
    /// - rest: reads the keys beside these that are not the endpoint's.
    init(
        _ node: YAMLNode?, _ root: YAMLNode, _ diagnostics: Diagnostics, mayBeHTTPS: Bool,
        resolve: (String) -> String, rest: (inout YAMLReader) -> Void = { _ in }
    ) {
        self.node = node ?? root
        address = .mqtt(BrokerURL.placeholder)
        guard let node else { return }
        var reader = YAMLReader(node, diagnostics)
        rest(&reader)
        let isKnown = readURL(&reader, mayBeHTTPS: mayBeHTTPS)
        caFile = reader.text("ca_file").map(resolve)
        certificateFile = reader.text("certificate_file").map(resolve)
        keyFile = reader.text("key_file").map(resolve)
        if isMQTT {
            readNames(&reader, resolve: resolve)
        } else {
            readRequests(&reader, resolve: resolve)
        }
        checkFiles(&reader)
        // Of a server with an unknown kind of url any key may be right.
        if !isKnown { for key in Self.keysOfOneTransport { _ = reader.optional(key) } }
        reader.finish(hints: Self.foreignKeys)
        if passwordFile != nil, username == nil {
            diagnostics.report(
                node, "password_file without a username: MQTT has none without the other")
        }
        if (certificateFile == nil) != (keyFile == nil) {
            diagnostics.report(node, "certificate_file and key_file go together")
        }
    }

    /// - Returns: whether it is a url of one of the gateway's kinds.
    private mutating func readURL(_ reader: inout YAMLReader, mayBeHTTPS: Bool) -> Bool {
        guard let text = reader.requiredText("url"), let keyNode = reader.optional("url") else {
            return false
        }
        if let url = BrokerURL(text) {
            address = .mqtt(url)
            return true
        }
        if mayBeHTTPS, Self.isHTTP(text) {
            address = .https(text)
            return true
        }
        reader.diagnostics.report(
            keyNode,
            text.contains("@")
                ? "a url with a user or a password; they stand in username and password_file, or in a token"
                : "found the url '\(masked(url: text))', expected mqtt://HOST:PORT or mqtts://HOST:PORT"
                    + (mayBeHTTPS ? ", or https://HOST/PATH" : "")
                    + Self.advice(on: text, mayBeHTTPS: mayBeHTTPS))
        return false
    }

    /// Reads the keys of MQTT only.
    private mutating func readNames(_ reader: inout YAMLReader, resolve: (String) -> String) {
        clientID = reader.text("client_id")
        if let clientID, let keyNode = reader.optional("client_id"),
            clientID.isEmpty || clientID.utf8.count > 1000
                || clientID.unicodeScalars.contains(where: { $0.value < 32 })
        {
            reader.diagnostics.report(
                keyNode, "client_id: expected 1 to 1000 bytes without control characters")
        }
        username = reader.text("username")
        if username == "", let keyNode = reader.optional("username") {
            reader.diagnostics.report(
                keyNode, "username: found an empty one; leave the key out for none")
        }
        passwordFile = reader.text("password_file").map(resolve)
    }

    /// Reads the keys of HTTPS only.
    private mutating func readRequests(_ reader: inout YAMLReader, resolve: (String) -> String) {
        tokenFile = reader.text("token_file").map(resolve)
        batch = reader.integer("batch", in: 1...1000)
        if let name = reader.text("form"), let keyNode = reader.optional("form") {
            form = CentreFormFile.read(name, keyNode, reader.diagnostics, resolve: resolve)
            let path = CentreFormFile.path(of: name, resolve: resolve)
            formFile = path
            // A form that cannot be read was reported just now.
            if form != nil {
                var hash = ByteHash(seed: 7)
                do throws(InvalidFiles) {
                    try hash.add(file: path)
                    formHash = hash.value
                } catch {
                    for diagnostic in error.diagnostics { reader.diagnostics.report(diagnostic) }
                }
            }
        }
        if let node = reader.optional("oauth") {
            oauth = OAuth(node, reader.diagnostics, resolve: resolve)
            if tokenFile != nil {
                reader.diagnostics.report(node, "oauth and token_file exclude each other")
            }
        }
    }

    private func checkFiles(_ reader: inout YAMLReader) {
        let files: [(key: String, path: String?, secret: SecretFile.Kind?)] = [
            ("ca_file", caFile, nil), ("certificate_file", certificateFile, nil),
            ("key_file", keyFile, nil),
            ("password_file", passwordFile, .password), ("token_file", tokenFile, .token),
        ]
        for (key, path, secret) in files {
            guard let path, let keyNode = reader.optional(key) else { continue }
            Self.check(path, key, secret, keyNode, reader.diagnostics)
        }
    }

    /// Keys of MQTT only, or of HTTPS only.
    private static let keysOfOneTransport = [
        "client_id", "username", "password_file", "token_file", "batch", "form", "oauth",
    ]

    /// Keys that people know from other programs.
    private static let foreignKeys = [
        "keepalive":
            "The gateway keeps the connection alive by itself, and notices in seconds when it is dead.",
        "keep_alive":
            "The gateway keeps the connection alive by itself, and notices in seconds when it is dead.",
        "version":
            "The gateway speaks MQTT 5, and no other; the broker has to know it (mosquitto from 1.6 on).",
        "protocol":
            "The gateway speaks MQTT 5, and no other; the broker has to know it (mosquitto from 1.6 on).",
        "topic":
            "Topics are those of the contract; 'topic_prefix' at the top of the file sets their first levels.",
        "proxy":
            "The gateway connects directly; let the network route it there, or give the centre another route.",
        "password": "A secret stands in a file of its own: password_file.",
        "clientid": "Did you mean 'client_id'?",
        "clientId": "Did you mean 'client_id'?",
        "host": "Host and port stand in the url: mqtt://HOST:PORT.",
        "port": "Host and port stand in the url: mqtt://HOST:PORT.",
        "tls": "The url sets TLS: mqtts://HOST:PORT.",
    ]

    /// The url that a foreign one probably means, or what is wrong with one of the gateway's own
    /// kinds.
    private static func advice(on text: String, mayBeHTTPS: Bool) -> String {
        let split = text.firstRange(of: "://")
        let scheme = split.map { text[..<$0.lowerBound].lowercased() } ?? ""
        let rest = split.map { text[$0.upperBound...] } ?? text[...]
        switch scheme {
        case "", "tcp":
            return BrokerURL("mqtt://" + rest) == nil ? "" : ". Did you mean 'mqtt://\(rest)'?"
        case "ssl", "tls":
            return BrokerURL("mqtts://" + rest) == nil ? "" : ". Did you mean 'mqtts://\(rest)'?"
        case "ws", "wss":
            return ". MQTT over WebSocket is not supported; give the broker a listener for MQTT"
        case "mqtt", "mqtts", "http", "https":
            return hasPort(rest) ? "" : ". A port is a number from 1 to 65535"
        default:
            let known = ["mqtt", "mqtts"] + (mayBeHTTPS ? ["https"] : [])
            let meant = suggestion(for: scheme, among: known)
            return meant.hasPrefix(" Did") ? "." + meant : ""
        }
    }

    fileprivate static func isHTTP(_ text: String) -> Bool {
        guard text.hasPrefix("https://") || text.hasPrefix("http://") else { return false }
        let rest = text.drop { $0 != ":" }.dropFirst(3)
        let host = rest.prefix { !"/?#".contains($0) }
        return !host.isEmpty && !host.contains("@") && !text.contains { $0.isWhitespace }
            && text.utf8.count < 2000
            && hasPort(rest)
    }

    /// Whether the port of `HOST:PORT/PATH` is valid, or absent.
    private static func hasPort(_ rest: Substring) -> Bool {
        let host = rest.prefix { !"/?#".contains($0) }
        guard let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") else {
            return true
        }
        return Int(host[host.index(after: colon)...]).map { 1...65535 ~= $0 } ?? false
    }

    /// Whether a secret may be sent there: nobody on the way can read it.
    fileprivate static func keepsSecrets(_ url: String) -> Bool {
        url.hasPrefix("https://") || isOnLoopback(url)
    }

    static func isOnLoopback(_ url: String) -> Bool {
        let host = url.split(separator: "/").dropFirst().first ?? ""
        return ["localhost", "127.", "[::1]"].contains { host.hasPrefix($0) }
    }

    /// - Parameter secret: nil for a file in PEM form.
    fileprivate static func check(
        _ path: String, _ key: String, _ secret: SecretFile.Kind?, _ node: YAMLNode,
        _ diagnostics: Diagnostics
    ) {
        var isFolder = false
        if !FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
            diagnostics.report(node, "\(key): '\(path)' does not exist")
        } else if isFolder {
            diagnostics.report(node, "\(key): '\(path)' is a folder, expected a file")
        } else if !FileManager.default.isReadableFile(atPath: path) {
            diagnostics.report(node, "\(key): '\(path)' may not be read by this user")
        } else {
            let bytes: [UInt8]
            do throws(InvalidFiles) { bytes = try Files.bytes(path) } catch {
                let problem = error.diagnostics.first?.message ?? "cannot be read"
                return diagnostics.report(node, "\(key): '\(path)' \(problem)")
            }
            if let secret {
                if let mistake = SecretFile.mistake(bytes, secret) {
                    diagnostics.report(node, "\(key): '\(path)' \(mistake)")
                }
            } else if !String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ") {
                diagnostics.report(node, "\(key): '\(path)' holds no PEM")
            }
        }
    }
}

extension Endpoint.OAuth {
    fileprivate init(_ node: YAMLNode, _ diagnostics: Diagnostics, resolve: (String) -> String) {
        var reader = YAMLReader(node, diagnostics)
        let url = reader.requiredText("token_url") ?? ""
        if !url.isEmpty, let keyNode = reader.optional("token_url"),
            !Endpoint.isHTTP(url) || !Endpoint.keepsSecrets(url)
        {
            diagnostics.report(
                keyNode,
                "found the url '\(masked(url: url))', expected https://HOST/PATH: the client's secret goes there"
            )
        }
        tokenURL = url
        clientID = reader.requiredText("client_id") ?? ""
        secretFile = reader.requiredText("client_secret_file").map(resolve) ?? ""
        scope = reader.text("scope")
        reader.finish()
        if !secretFile.isEmpty, let keyNode = reader.optional("client_secret_file") {
            Endpoint.check(secretFile, "client_secret_file", .password, keyNode, diagnostics)
        }
    }
}
