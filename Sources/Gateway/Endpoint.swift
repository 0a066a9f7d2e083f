import Delivery
import Encoding
import FoundationEssentials
import HTTP
import MQTT
import PositionedYAML

/// A server to connect to, with its credentials. Secrets are in files of their own, never here.
public struct Endpoint: Sendable {
    public enum Address: Sendable {
        case mqtt(BrokerURL)
        /// `https://HOST[:PORT]/PATH`, or `http://` on a connection that needs no TLS.
        case https(String)
    }
    struct OAuth: Sendable {
        var tokenURL: String
        var clientID: String
        var secretFile: String
        var scope: String?
    }

    public var address: Address
    /// The client id, where the broker requires a certain one.
    var clientID: String?
    var username: String?
    var passwordFile: String?
    var caFile: String?
    var certificateFile: String?
    var keyFile: String?
    var tokenFile: String?
    var oauth: OAuth?
    /// The number of events in one request.
    var batch: Int?
    /// The centre's own form.
    var form: CentreForm?
    var formFile: String?
    /// A hash of the form's file when this was read.
    var formHash: UInt64 = 0
    public var node: YAMLNode

    var isMQTT: Bool { if case .mqtt = address { true } else { false } }

    var usesTLS: Bool {
        switch address {
        case .mqtt(let url): url.usesTLS
        case .https(let url): url.hasPrefix("https://")
        }
    }

    var isLoopback: Bool {
        switch address {
        case .mqtt(let url): url.isLoopback
        case .https(let url): Self.isOnLoopback(url)
        }
    }

    /// The address as a log shows it, without secrets.
    public var text: String {
        switch address {
        case .mqtt(let url): url.description
        case .https(let url): masked(url: url)
        }
    }
}

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
        // Of a server with an unknown kind of url any key may be right.
        var isKnown = false
        if let text = reader.requiredText("url"), let keyNode = reader.optional("url") {
            if let url = BrokerURL(text) {
                address = .mqtt(url)
                isKnown = true
            } else if mayBeHTTPS, Self.isHTTP(text) {
                address = .https(text)
                isKnown = true
            } else {
                diagnostics.report(
                    keyNode,
                    text.contains("@")
                        ? "a url with a user or a password; they stand in username and password_file, or in a token"
                        : "found the url '\(masked(url: text))', expected mqtt://HOST:PORT or mqtts://HOST:PORT"
                            + (mayBeHTTPS ? ", or https://HOST/PATH" : "")
                            + Self.advice(on: text, mayBeHTTPS: mayBeHTTPS))
            }
        }
        var files: [(key: String, path: String?, secret: SecretFile.Kind?)] = []
        func file(_ key: String, _ reader: inout YAMLReader, _ secret: SecretFile.Kind? = nil) -> String? {
            let path = reader.text(key).map(resolve)
            files.append((key, path, secret))
            return path
        }
        caFile = file("ca_file", &reader)
        certificateFile = file("certificate_file", &reader)
        keyFile = file("key_file", &reader)
        if isMQTT {
            clientID = reader.text("client_id")
            if let clientID, let keyNode = reader.optional("client_id"),
                clientID.isEmpty || clientID.utf8.count > 1000
                    || clientID.unicodeScalars.contains(where: { $0.value < 32 })
            {
                diagnostics.report(keyNode, "client_id: expected 1 to 1000 bytes without control characters")
            }
            username = reader.text("username")
            if username == "", let keyNode = reader.optional("username") {
                diagnostics.report(keyNode, "username: found an empty one; leave the key out for none")
            }
            passwordFile = file("password_file", &reader, .password)
        } else {
            tokenFile = file("token_file", &reader, .token)
            batch = reader.integer("batch", in: 1...1000)
            if let name = reader.text("form"), let keyNode = reader.optional("form") {
                form = CentreFormFile.read(name, keyNode, diagnostics, resolve: resolve)
                let path = CentreFormFile.path(of: name, resolve: resolve)
                formFile = path
                var hash = ByteHash(seed: 7)
                hash.add(fileOrNothing: path)
                formHash = hash.value
            }
            if let node = reader.optional("oauth") {
                var inner = YAMLReader(node, diagnostics)
                let url = inner.requiredText("token_url") ?? ""
                if !url.isEmpty, let keyNode = inner.optional("token_url"), !Self.isHTTP(url) || !Self.keepsSecrets(url)
                {
                    diagnostics.report(
                        keyNode,
                        "found the url '\(masked(url: url))', expected https://HOST/PATH: the client's secret goes there"
                    )
                }
                oauth = OAuth(
                    tokenURL: url, clientID: inner.requiredText("client_id") ?? "",
                    secretFile: inner.requiredText("client_secret_file").map(resolve) ?? "", scope: inner.text("scope"))
                inner.finish()
                if let oauth, !oauth.secretFile.isEmpty, let keyNode = inner.optional("client_secret_file") {
                    Self.check(oauth.secretFile, "client_secret_file", .password, keyNode, diagnostics)
                }
                if tokenFile != nil { diagnostics.report(node, "oauth and token_file exclude each other") }
            }
        }
        for (key, path, secret) in files {
            if let path, let keyNode = reader.optional(key) { Self.check(path, key, secret, keyNode, diagnostics) }
        }
        if !isKnown { for key in Self.keysOfOneTransport { _ = reader.optional(key) } }
        reader.finish(hints: Self.foreignKeys)
        if passwordFile != nil, username == nil {
            diagnostics.report(node, "password_file without a username: MQTT has none without the other")
        }
        if (certificateFile == nil) != (keyFile == nil) {
            diagnostics.report(node, "certificate_file and key_file go together")
        }
    }

    /// Keys of MQTT only, or of HTTPS only.
    private static let keysOfOneTransport = [
        "client_id", "username", "password_file", "token_file", "batch", "form", "oauth",
    ]

    /// Keys that people know from other programs.
    private static let foreignKeys = [
        "keepalive": "The gateway keeps the connection alive by itself, and notices in seconds when it is dead.",
        "keep_alive": "The gateway keeps the connection alive by itself, and notices in seconds when it is dead.",
        "version": "The gateway speaks MQTT 5, and no other; the broker has to know it (mosquitto from 1.6 on).",
        "protocol": "The gateway speaks MQTT 5, and no other; the broker has to know it (mosquitto from 1.6 on).",
        "topic": "Topics are those of the contract; 'topic_prefix' at the top of the file sets their first levels.",
        "proxy": "The gateway connects directly; let the network route it there, or give the centre another route.",
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
        case "", "tcp": return BrokerURL("mqtt://" + rest) == nil ? "" : ". Did you mean 'mqtt://\(rest)'?"
        case "ssl", "tls": return BrokerURL("mqtts://" + rest) == nil ? "" : ". Did you mean 'mqtts://\(rest)'?"
        case "ws", "wss": return ". MQTT over WebSocket is not supported; give the broker a listener for MQTT"
        case "mqtt", "mqtts", "http", "https":
            return hasPort(rest) ? "" : ". A port is a number from 1 to 65535"
        default:
            let known = ["mqtt", "mqtts"] + (mayBeHTTPS ? ["https"] : [])
            let meant = suggestion(for: scheme, among: known)
            return meant.hasPrefix(" Did") ? "." + meant : ""
        }
    }

    private static func isHTTP(_ text: String) -> Bool {
        guard text.hasPrefix("https://") || text.hasPrefix("http://") else { return false }
        let rest = text.drop { $0 != ":" }.dropFirst(3)
        let host = rest.prefix { !"/?#".contains($0) }
        return !host.isEmpty && !host.contains("@") && !text.contains { $0.isWhitespace } && text.utf8.count < 2000
            && hasPort(rest)
    }

    /// Whether the port of `HOST:PORT/PATH` is valid, or absent.
    private static func hasPort(_ rest: Substring) -> Bool {
        let host = rest.prefix { !"/?#".contains($0) }
        guard let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") else { return true }
        return Int(host[host.index(after: colon)...]).map { 1...65535 ~= $0 } ?? false
    }

    /// Whether a secret may be sent there: nobody on the way can read it.
    private static func keepsSecrets(_ url: String) -> Bool { url.hasPrefix("https://") || isOnLoopback(url) }

    private static func isOnLoopback(_ url: String) -> Bool {
        let host = url.split(separator: "/").dropFirst().first ?? ""
        return ["localhost", "127.", "[::1]"].contains { host.hasPrefix($0) }
    }

    /// - Parameter secret: nil for a file in PEM form.
    private static func check(
        _ path: String, _ key: String, _ secret: SecretFile.Kind?, _ node: YAMLNode, _ diagnostics: Diagnostics
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

    // MARK: Options of the clients

    /// A hash of its present secrets, certificates and keys; nil where one of them cannot be read.
    /// The values that were last read are then used on.
    var secretsHash: UInt64? {
        var hash = ByteHash(seed: 4)
        for path in [caFile, certificateFile, keyFile, passwordFile, tokenFile, oauth?.secretFile].compactMap({ $0 }) {
            // The connection reports an unreadable file when it needs it, and so does a reload.
            guard let bytes = try? Files.bytes(path) else { return nil }
            hash.add(bytes.span, 0, bytes.count)
        }
        return hash.value
    }

    /// A secret of one line.
    private func secret(_ path: String) throws(InvalidFiles) -> String {
        var bytes = try Files.bytes(path)
        while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// - Throws: `InvalidFiles` when a secret's file cannot be read.
    /// - Parameter id: the client id, where the configuration has none.
    func clientOptions(_ url: BrokerURL, id: String) throws(InvalidFiles) -> MQTTClient.Options {
        var options = MQTTClient.Options(url: url, clientID: clientID ?? id)
        options.username = username
        if let passwordFile {
            options.password = try secret(passwordFile)
            let endpoint = self
            options.currentPassword = { try? endpoint.secret(passwordFile) }  // the last one stays in use meanwhile
        }
        options.caFile = caFile
        options.certificateFile = certificateFile
        options.keyFile = keyFile
        return options
    }

    /// - Throws: `InvalidFiles` when a secret's file cannot be read.
    func routeOptions(_ url: String) throws(InvalidFiles) -> HTTPSRoute.Options {
        var client = HTTPClient.Options()
        client.caFile = caFile
        client.certificateFile = certificateFile
        client.keyFile = keyFile
        var authorization = HTTPAuthorization.Method.none
        if let tokenFile {
            authorization = .bearer(try secret(tokenFile))
        } else if let oauth {
            authorization = .clientCredentials(
                tokenURL: oauth.tokenURL, id: oauth.clientID, secret: try secret(oauth.secretFile), scope: oauth.scope)
        }
        var options = HTTPSRoute.Options(url: url, client: client, authorization: authorization)
        if let file = tokenFile ?? oauth?.secretFile {
            let endpoint = self
            options.currentSecret = { try? endpoint.secret(file) }  // the last one stays in use meanwhile
        }
        if let batch { options.batch = batch }
        options.form = form
        return options
    }
}
