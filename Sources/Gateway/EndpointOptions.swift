import Contract
import Delivery
import Encoding
import HTTP
import MQTT
import PositionedYAML

/// The options of the client that connects to a server, with its present secrets.
extension Endpoint {
    /// A hash of its present secrets, certificates and keys; nil where one of them cannot be read.
    /// The values that were last read are then used on.
    var secretsHash: UInt64? {
        var hash = ByteHash(seed: 4)
        for path in [caFile, certificateFile, keyFile, passwordFile, tokenFile, oauth?.secretFile]
            .compactMap({ $0 })
        {
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
            // Where it cannot be read, the last one stays in use.
            options.currentPassword = { try? endpoint.secret(passwordFile) }
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
                tokenURL: oauth.tokenURL, id: oauth.clientID, secret: try secret(oauth.secretFile),
                scope: oauth.scope)
        }
        var options = HTTPSRoute.Options(url: url, client: client, authorization: authorization)
        if let file = tokenFile ?? oauth?.secretFile {
            let endpoint = self
            // As above.
            options.currentSecret = { try? endpoint.secret(file) }
        }
        if let batch { options.batch = batch }
        options.form = form
        return options
    }
}
