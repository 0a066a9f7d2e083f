import FoundationEssentials
import HTTP
import Mosquitto
import PositionedYAML
import Uplink

/// A place to connect to, with what it takes to be let in. Secrets stand in files of their own, never here.
public struct Endpoint: Sendable {
    public enum Address: Sendable {
        case mqtt(BrokerURL)
        /// `https://HOST[:PORT]/PATH`, or `http://` on a line that needs no TLS.
        case https(String)
    }
    struct OAuth: Sendable {
        var tokenURL: String
        var clientID: String
        var secretFile: String
        var scope: String?
    }

    public var address: Address
    /// The name under which the broker knows the gateway, where it asks for a certain one.
    var clientID: String?
    var username: String?
    var passwordFile: String?
    var caFile: String?
    var certificateFile: String?
    var keyFile: String?
    var tokenFile: String?
    var oauth: OAuth?
    /// Events in one request.
    var batch: Int?
    /// A form of the centre's own.
    var form: CentreForm?
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

    /// As it stands in a log: without anything secret.
    public var text: String {
        switch address {
        case .mqtt(let url): url.description
        // What follows a "?" may be a secret.
        case .https(let url): String(url.prefix { $0 != "?" })
        }
    }
}

extension Endpoint {
    /// - Parameters:
    ///   - node: nil where the key is missing, which is reported already.
    ///   - rest: keys that stand beside these and are not the endpoint's.
    init(
        _ node: YAMLNode?, _ root: YAMLNode, _ diagnostics: Diagnostics, mayBeHTTPS: Bool,
        resolve: (String) -> String, rest: (inout YAMLReader) -> Void = { _ in }
    ) {
        self.node = node ?? root
        address = .mqtt(BrokerURL.placeholder)
        guard let node else { return }
        var reader = YAMLReader(node, diagnostics)
        rest(&reader)
        if let text = reader.requiredText("url"), let place = reader.optional("url") {
            if let url = BrokerURL(text) {
                address = .mqtt(url)
            } else if mayBeHTTPS, Self.isHTTP(text) {
                address = .https(text)
            } else {
                diagnostics.report(
                    place,
                    text.contains("@")
                        ? "a url with a user or a password; they stand in username and password_file, or in a token"
                        : "found the url '\(text)', expected mqtt://HOST:PORT or mqtts://HOST:PORT"
                            + (mayBeHTTPS ? ", or https://HOST/PATH" : "") + Self.advice(on: text))
            }
        }
        var files: [(key: String, path: String?, isPEM: Bool)] = []
        func file(_ key: String, _ reader: inout YAMLReader, isPEM: Bool = false) -> String? {
            let path = reader.text(key).map(resolve)
            files.append((key, path, isPEM))
            return path
        }
        caFile = file("ca_file", &reader, isPEM: true)
        certificateFile = file("certificate_file", &reader, isPEM: true)
        keyFile = file("key_file", &reader, isPEM: true)
        if isMQTT {
            clientID = reader.text("client_id")
            if let clientID, let place = reader.optional("client_id"),
                clientID.isEmpty || clientID.utf8.count > 1000
                    || clientID.unicodeScalars.contains(where: { $0.value < 32 })
            {
                diagnostics.report(place, "client_id: expected 1 to 1000 bytes without control characters")
            }
            username = reader.text("username")
            if username == "", let place = reader.optional("username") {
                diagnostics.report(place, "username: found an empty one; leave the key out for none")
            }
            passwordFile = file("password_file", &reader)
        } else {
            tokenFile = file("token_file", &reader)
            batch = reader.integer("batch", in: 1...1000)
            if let name = reader.text("form"), let place = reader.optional("form") {
                form = CentreFormFile.read(name, place, diagnostics, resolve: resolve)
            }
            if let node = reader.optional("oauth") {
                var inner = YAMLReader(node, diagnostics)
                let url = inner.requiredText("token_url") ?? ""
                if !url.isEmpty, let place = inner.optional("token_url"), !Self.isHTTP(url) || !Self.keepsSecrets(url) {
                    diagnostics.report(
                        place, "found the url '\(url)', expected https://HOST/PATH: the client's secret goes there")
                }
                oauth = OAuth(
                    tokenURL: url, clientID: inner.requiredText("client_id") ?? "",
                    secretFile: inner.requiredText("client_secret_file").map(resolve) ?? "", scope: inner.text("scope"))
                inner.finish()
                if let oauth, !oauth.secretFile.isEmpty, let place = inner.optional("client_secret_file") {
                    Self.check(oauth.secretFile, "client_secret_file", isPEM: false, place, diagnostics)
                }
                if tokenFile != nil { diagnostics.report(node, "oauth and token_file exclude each other") }
            }
        }
        for (key, path, isPEM) in files {
            if let path, let place = reader.optional(key) { Self.check(path, key, isPEM: isPEM, place, diagnostics) }
        }
        reader.finish(hints: Self.foreignKeys)
        if passwordFile != nil, username == nil {
            diagnostics.report(node, "password_file without a username: MQTT has none without the other")
        }
        if (certificateFile == nil) != (keyFile == nil) {
            diagnostics.report(node, "certificate_file and key_file go together")
        }
    }

    /// Keys that people bring along from other programs.
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
        "tls": "TLS is said by the url: mqtts://HOST:PORT.",
    ]

    /// What a url of another program would be here.
    private static func advice(on text: String) -> String {
        let split = text.firstRange(of: "://")
        let scheme = split.map { text[..<$0.lowerBound].lowercased() } ?? ""
        let rest = split.map { text[$0.upperBound...] } ?? text[...]
        switch scheme {
        case "", "tcp": return BrokerURL("mqtt://" + rest) == nil ? "" : ". Did you mean 'mqtt://\(rest)'?"
        case "ssl", "tls": return BrokerURL("mqtts://" + rest) == nil ? "" : ". Did you mean 'mqtts://\(rest)'?"
        case "ws", "wss": return ". MQTT over WebSocket is not spoken; give the broker a listener for MQTT"
        default: return ""
        }
    }

    private static func isHTTP(_ text: String) -> Bool {
        guard text.hasPrefix("https://") || text.hasPrefix("http://") else { return false }
        let host = text.drop { $0 != ":" }.dropFirst(3).prefix { $0 != "/" }
        return !host.isEmpty && !host.contains("@") && !text.contains { $0.isWhitespace } && text.utf8.count < 2000
    }

    /// Nobody on the way can read what is sent there.
    private static func keepsSecrets(_ url: String) -> Bool { url.hasPrefix("https://") || isOnLoopback(url) }

    private static func isOnLoopback(_ url: String) -> Bool {
        let host = url.split(separator: "/").dropFirst().first ?? ""
        return ["localhost", "127.", "[::1]"].contains { host.hasPrefix($0) }
    }

    private static func check(
        _ path: String, _ key: String, isPEM: Bool, _ place: YAMLNode, _ diagnostics: Diagnostics
    ) {
        var isFolder = false
        if !FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
            diagnostics.report(place, "\(key): '\(path)' does not exist")
        } else if isFolder {
            diagnostics.report(place, "\(key): '\(path)' is a folder, expected a file")
        } else if !FileManager.default.isReadableFile(atPath: path) {
            diagnostics.report(place, "\(key): '\(path)' may not be read by this user")
        } else {
            let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
            if isPEM, !text.contains("-----BEGIN ") { diagnostics.report(place, "\(key): '\(path)' holds no PEM") }
            if !isPEM, text.allSatisfy(\.isWhitespace) { diagnostics.report(place, "\(key): '\(path)' is empty") }
        }
    }

    // MARK: What the clients need

    /// A secret of one line.
    private func secret(_ path: String) throws(InvalidFiles) -> String {
        var bytes = try Files.bytes(path)
        while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// - Throws: `InvalidFiles` when a secret's file cannot be read.
    /// - Parameter id: the client's, where the configuration names none.
    func clientOptions(_ url: BrokerURL, id: String) throws(InvalidFiles) -> MQTTClient.Options {
        var options = MQTTClient.Options(url: url, clientID: clientID ?? id)
        options.username = username
        if let passwordFile { options.password = try secret(passwordFile) }
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
        if let batch { options.batch = batch }
        options.form = form
        return options
    }
}
