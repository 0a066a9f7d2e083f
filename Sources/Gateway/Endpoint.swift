import Delivery
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
    var formHash: UInt64?
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
