import Encoding
import Journal

/// The `data` of a heartbeat (docs/contract/heartbeat.v1.schema.json), in the order of its members.
struct HeartbeatContent: Encodable {
    var version: String
    var rulesVersion: String
    var upSeconds: Double
    var lifts: Int
    /// The backlog is read, and lifts are observed.
    var hearsLifts: Bool
    var messages: Int
    var badMessages: Int
    var commitFailures: Int
    var problems: [String]
    var clock: Clock
    var key: Key?
    var chain: Chain?
    var oldestUnsentSeconds: Double?
    var deadLetters: Int
    var lastSelfTest: LastSelfTest?
    var centres: [Centre]
    var routes: [Route]

    enum CodingKeys: String, CodingKey {
        case version
        case rulesVersion = "rules_version"
        case upSeconds = "up_s"
        case lifts
        case hearsLifts = "hears_lifts"
        case messages
        case badMessages = "bad_messages"
        case commitFailures = "commit_failures"
        case problems, clock, key, chain
        case oldestUnsentSeconds = "oldest_unsent_s"
        case deadLetters = "dead_letters"
        case lastSelfTest = "last_selftest"
        case centres, routes
    }

    struct Clock: Encodable {
        var quality: String
        var wallOffsetSeconds: Double

        enum CodingKeys: String, CodingKey {
            case quality
            case wallOffsetSeconds = "wall_offset_s"
        }
    }

    /// The public key of the alerts' signatures: a JSON Web Key.
    struct Key: Encodable {
        var kty = "OKP"
        var crv = "Ed25519"
        var kid: String
        var x: String
    }

    /// The end of the chain of stored alerts.
    struct Chain: Encodable {
        var alerts: Int
        /// In hexadecimal digits.
        var sha256: String

        init(_ link: AlertChain.Link) {
            alerts = Int(link.sequence)
            sha256 = link.hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }

    struct LastSelfTest: Encodable {
        /// RFC 3339, by the gateway's calendar.
        var time: String
        var passed: Bool
    }

    struct Centre: Encodable {
        var name: String
        /// The pending events of each lane.
        var queue: OrderedMembers<Int>
    }

    struct Route: Encodable {
        var name: String
        var isConnected: Bool
        var receipts: Int
        var lastReceiptAgeSeconds: Double?

        enum CodingKeys: String, CodingKey {
            case name
            case isConnected = "connected"
            case receipts
            case lastReceiptAgeSeconds = "last_receipt_age_s"
        }
    }
}
