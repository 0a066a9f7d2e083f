import Encoding

/// The building's broker with one client: the gateway, in a persistent session at QoS 1.
struct SimulatedBroker {
    struct Message: Equatable {
        var topic: String
        var payload: String
        /// It has a time of its own: equal bytes are the same message.
        var isDistinct: Bool
        var isRetained = false
    }
    struct Delivery {
        var mid: Int
        var message: Message
    }

    /// The Receive Maximum, small so that it is often reached.
    static let window = 20
    private static let longestQueue = 1000

    private(set) var isUp = true
    private var hasSession = false
    private(set) var isConnected = false
    /// With 0 it keeps nothing while the gateway is away, and awaits no acknowledgement.
    private(set) var grantedQoS = 1
    private var queue: [Message] = []
    /// Sent and not acknowledged, oldest first.
    private var inFlight: [Delivery] = []
    /// How many of those have been sent on this connection.
    private var sent = 0
    private var lastMid = 0
    private var retained: [String: Message] = [:]

    mutating func publish(_ message: Message) {
        guard isUp else { return }
        retained[message.topic] = message
        guard hasSession, queue.count < Self.longestQueue, grantedQoS > 0 || isConnected else {
            return
        }
        queue.append(message)
    }

    /// - Returns: whether the session is present; nil where no connection can be made.
    mutating func connect() -> Bool? {
        guard isUp else { return nil }
        let isPresent = hasSession
        hasSession = true
        isConnected = true
        sent = 0
        return isPresent
    }

    /// A subscription brings the retained messages.
    mutating func subscribe() {
        for message in retained.values.sorted(by: { $0.topic < $1.topic }) {
            var copy = message
            copy.isRetained = true
            queue.append(copy)
        }
    }

    /// The next message on the connection; an unacknowledged one of the connection before first.
    mutating func next() -> Delivery? {
        guard isConnected else { return nil }
        if grantedQoS == 0 {
            return queue.isEmpty ? nil : Delivery(mid: 0, message: queue.removeFirst())
        }
        if sent == inFlight.count {
            guard inFlight.count < Self.window, !queue.isEmpty else { return nil }
            lastMid = lastMid % 65_535 + 1
            inFlight.append(Delivery(mid: lastMid, message: queue.removeFirst()))
        }
        sent += 1
        return inFlight[sent - 1]
    }

    mutating func acknowledge(_ count: Int) {
        inFlight.removeFirst(count)
        sent -= count
    }

    mutating func dropConnection() {
        isConnected = false
        sent = 0
        if grantedQoS == 0 { queue.removeAll() }
    }

    /// Its next session has this QoS.
    mutating func grant(_ qos: Int) {
        goDown()
        comeUp(keepsQueue: false, keepsSession: false)
        grantedQoS = qos
    }

    mutating func goDown() {
        isUp = false
        dropConnection()
    }

    /// - keepsQueue: false where its unsaved state is gone, and the session is there all the same.
    mutating func comeUp(keepsQueue: Bool, keepsSession: Bool) {
        isUp = true
        if !keepsQueue {
            queue.removeAll()
            inFlight.removeAll()
            // Its last saved state is older: it uses packet ids again.
            lastMid -= min(lastMid, Self.window)
        }
        if !keepsSession {
            hasSession = false
            queue.removeAll()
            inFlight.removeAll()
        }
    }

    var isEmpty: Bool { queue.isEmpty && inFlight.isEmpty }
}
