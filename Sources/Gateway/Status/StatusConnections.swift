import Contract
import Delivery
import GatewayCore

extension StatusSnapshot {
    /// The connection to the building's broker.
    package struct Broker: Codable, Sendable {
        package var isConnected: Bool
        /// The backlog is read.
        package var isDrained: Bool
        /// Since the start.
        package var connects: Int
        package var failures: Int
        /// Why it cannot be reached, as far as it is known; may be empty.
        package var lastError: String
        /// What is wrong while it is connected; whole sentences.
        package var problems: [String]

        enum CodingKeys: String, CodingKey {
            case isConnected = "connected"
            case isDrained = "drained"
            case connects, failures
            case lastError = "last_error"
            case problems
        }
    }

    /// All centres together.
    package struct Centre: Codable, Sendable {
        /// Every centre is connected by at least one route.
        package var isConnected: Bool
        package var receipts: Int
        package var unmatchedReceipts: Int
        package var sent: Int
        package var resent: Int
        package var lastReceiptAgeSeconds: Double?
        /// That of the first route that is down; may be empty.
        package var lastError: String
        /// Events that wait for a receipt.
        package var backlog: Int
        /// The age of the oldest of them.
        package var oldestUnsentSeconds: Double?

        enum CodingKeys: String, CodingKey {
            case isConnected = "connected"
            case receipts
            case unmatchedReceipts = "unmatched_receipts"
            case sent, resent
            case lastReceiptAgeSeconds = "last_receipt_age_s"
            case lastError = "last_error"
            case backlog
            case oldestUnsentSeconds = "oldest_unsent_s"
        }
    }

    package struct Route: Codable, Sendable {
        package var name: String
        package var url: String
        package var isConnected: Bool
        package var receipts: Int
        /// Events that the centre refused for good.
        package var refused: Int
        package var sent: Int
        package var resent: Int
        package var lastError: String
        package var problems: [String]

        enum CodingKeys: String, CodingKey {
            case name, url
            case isConnected = "connected"
            case receipts, refused, sent, resent
            case lastError = "last_error"
            case problems
        }
    }
}

extension StatusSnapshot.Broker {
    init(_ loop: TelemetryLoop) {
        isConnected = loop.connection.isSubscribed
        isDrained = loop.core.isLive
        connects = loop.core.counters.connects
        failures = loop.core.counters.connectFailures
        lastError = loop.connection.trouble
        problems = loop.connection.problems
    }
}

extension StatusSnapshot.Route {
    init(_ route: DeliveryState.RouteStatus) {
        name = route.name
        url = route.url
        isConnected = route.isConnected
        receipts = route.receipts
        refused = route.refused
        sent = route.sent
        resent = route.resent
        lastError = route.lastError
        problems = route.problems
    }
}
