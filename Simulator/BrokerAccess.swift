import ArgumentParser
import MQTT
import Trace

/// The account and the certificates of a command at a broker: the same options for each command
/// that connects.
struct BrokerAccess: ParsableArguments {
    @Option(help: "The account's user name at the broker.")
    var username: String?

    @Option(help: "A file that holds the password, so that no list of processes shows it.")
    var passwordFile: String?

    @Option(help: "With mqtts: the certificate of the authority that signed the broker's.")
    var caFile: String?

    @Option(help: "With mqtts: the command's own certificate, with --key-file.")
    var certificateFile: String?

    @Option(help: "With mqtts: its private key.")
    var keyFile: String?

    /// - Throws: `ValidationError` for a text that is not the URL of a broker.
    static func url(_ text: String) throws -> BrokerURL {
        guard let url = BrokerURL(text) else {
            throw ValidationError(
                "--broker: found '\(text)', expected mqtt://HOST:PORT or mqtts://HOST:PORT")
        }
        return url
    }

    /// - Throws: `ValidationError` for options that exclude each other; an error for a password
    ///   file that cannot be read.
    func options(_ url: BrokerURL, clientID: String) throws -> MQTTClient.Options {
        if !url.usesTLS,
            let option = given([("ca", caFile), ("certificate", certificateFile), ("key", keyFile)])
        {
            throw ValidationError("--\(option)-file goes with mqtts://, and --broker is \(url)")
        }
        if (certificateFile == nil) != (keyFile == nil) {
            throw ValidationError("--certificate-file and --key-file go together")
        }
        if passwordFile != nil, username == nil {
            throw ValidationError("--password-file goes with --username")
        }
        var options = MQTTClient.Options(url: url, clientID: clientID)
        options.username = username
        options.password = try passwordFile.map(Self.secret)
        (options.caFile, options.certificateFile, options.keyFile) = (
            caFile, certificateFile, keyFile
        )
        return options
    }

    private func given(_ options: [(name: String, value: String?)]) -> String? {
        options.first { $0.value != nil }?.name
    }

    private static func secret(_ path: String) throws -> String {
        var text = ""
        try LineReader(path).visitLines { line, number in
            if number == 1 { text = String(decoding: line.array, as: UTF8.self) }
        }
        guard !text.isEmpty else {
            throw OutputError(path: path, reason: "is empty, expected a password in its first line")
        }
        return text
    }
}

/// A command could not work with a broker.
struct BrokerFailure: Error, CustomStringConvertible {
    var url: BrokerURL
    var reason: String
    /// The causes name settings of the gateway's configuration.
    var description: String {
        "broker \(url): \(reason.hasSuffix(".") ? reason : reason + ".") Here such settings are options: --username, --password-file, --ca-file, --certificate-file, --key-file."
    }
}
