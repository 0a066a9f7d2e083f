import LiftModel

/// The checks of the connection to the building's broker.
extension Condition {
    struct Broker {
        var url = ""
        var isConnected = false
        /// How long the gateway has observed since the backlog was drained; nil while it does not.
        var observedFor: Duration?
        /// Why it cannot be reached, as far as it is known; may be empty.
        var trouble = ""
        var problems: [String] = []
        /// The topics that the gateway must be allowed to read there.
        var topics: [String] = []
    }

    var brokerCheck: Check {
        if !broker.isConnected {
            return .failed(
                .broker,
                broker.trouble.isEmpty ? "\(broker.url) is not connected yet" : broker.trouble)
        }
        return broker.observedFor == nil
            ? .unknown(.broker, "connected to \(broker.url); the backlog is being read")
            : .ok(.broker, "connected to \(broker.url)")
    }

    var subscriptions: Check {
        if !broker.problems.isEmpty {
            return .failed(.subscriptions, broker.problems.joined(separator: "\n"))
        }
        return broker.isConnected
            ? .ok(.subscriptions, "granted with QoS 1")
            : .unknown(.subscriptions, "not asked for yet")
    }
}
