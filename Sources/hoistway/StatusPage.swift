import Connectivity
import FoundationEssentials
import Gateway
import LiftModel

/// The content of the status file.
struct StatusPage: Decodable {
    struct Broker: Decodable {
        var connected: Bool
        var drained: Bool
    }
    struct Centre: Decodable {
        var connected: Bool
        var receipts: Int
        var backlog: Int
        var lastReceiptAgeS: Double?
    }
    struct Route: Decodable {
        var name: String
        var url: String
        var connected: Bool
    }
    struct BadInput: Decodable {
        struct Specimen: Decodable {
            var kind: String
            var topic: String
            var explanation: String
        }
        struct Value: Decodable {
            var kind: String
            var profile: String
            var field: String
            var value: String
            var count: Int
        }
        var counts: [String: Int]
        var refused: Int
        var values: [Value]
        var last: [Specimen]
    }
    struct Alert: Decodable {
        var kind: String
        var state: String
        var sinceS: Double
        var acceptedBy: String?
    }
    struct Lift: Decodable {
        var id: String
        var place: String?
        var lastWordS: Double?
        var maintenanceS: Double?
        /// Absent in a file that an earlier version wrote.
        var occupancy: String?
        var signals: [String: Signal]
        var alerts: [Alert]
    }
    enum Signal: Decodable {
        case flag(Bool)
        case number(Double)
        case text(String)
        case codes([String])
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Bool.self) {
                self = .flag(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else if let value = try? container.decode(String.self) {
                self = .text(value)
            } else {
                self = .codes(try container.decode([String].self))
            }
        }
    }
    /// - Throws: when the bytes are no status file.
    init(_ bytes: [UInt8]) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(StatusPage.self, from: Data(bytes))
    }

    /// The gateway's last status file; nil where there is none.
    init?(of configuration: Configuration) throws {
        guard let bytes = try Files.readGatewayFile(configuration.runtimeFolder + "/status.json") else { return nil }
        self = try StatusPage(bytes)
    }

    var pid: Int32
    var site: String
    var siteName: String?
    var upS: Double
    var monotonicS: Double
    var wallOffsetS: Double
    var broker: Broker
    var centre: Centre
    var routes: [Route]
    /// Absent in a file that an earlier version wrote.
    var checks: [CheckRow]?
    var badInput: BadInput
    var lifts: [Lift]
    /// Absent in a file that an earlier version wrote.
    var incidents: [Incident]?

    struct CheckRow: Decodable {
        var subject: String
        var verdict: String
        var found: String
        var advice: String?
    }

    var failedChecks: [CheckRow] { (checks ?? []).filter { $0.verdict == Gateway.Check.Verdict.failed.rawValue } }

    var ageSeconds: Double { max(0, MonotonicSeconds.now - monotonicS) }
    var isStale: Bool { ageSeconds > Status.staleAfter || !isProcessAlive(pid) }

    static func span(_ seconds: Double) -> String { Duration.seconds(seconds).spanText }
}
