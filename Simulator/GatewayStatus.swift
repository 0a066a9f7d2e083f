import FoundationEssentials

/// The members of the gateway's status file that the simulator needs. It reads the file as any
/// other program would, with nothing of the gateway's code.
struct GatewayStatus: Decodable {
    struct Broker: Decodable {
        var connected: Bool
        var drained: Bool
    }
    struct Centre: Decodable {
        var connected: Bool
        /// Events that wait for a receipt.
        var backlog: Int
    }
    /// Over all starts of the gateway.
    struct Counters: Decodable {
        var messages: Int
        var redelivered: Int
    }
    struct Alert: Decodable {
        var kind: String
        var state: String
        var sinceS: Double
    }
    struct Lift: Decodable {
        var id: String
        var alerts: [Alert]
    }
    var pid: Int32
    /// When it was written, by the monotonic clock.
    var monotonicS: Double
    var broker: Broker
    var centre: Centre
    var counters: Counters
    var lifts: [Lift]

    /// nil before the file is written.
    init?(file: String) {
        guard let data = FileManager.default.contents(atPath: file),
            // A file without these members tells nothing, like one that is missing.
            let status = try? decodeJSON(GatewayStatus.self, data)
        else { return nil }
        self = status
    }
}
