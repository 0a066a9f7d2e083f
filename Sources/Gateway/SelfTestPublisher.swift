import LiftModel
import MQTT
import Platform
import Synchronization

/// The virtual lift of a self-test: connects to the building's broker like a controller, stops
/// between floors with a passenger, and opens its doors at a landing when the test says so.
///
/// It can publish on the self-test's topic and on no other.
final class SelfTestPublisher: Sendable {
    private let doorsMayOpen = Atomic(false)
    private let isStopping = Atomic(false)
    private let stopped = Atomic(false)
    private let acknowledged = Atomic(false)
    private let failure = Mutex<String?>(nil)

    /// The interval between two messages.
    private static let interval = Duration.seconds(1)
    /// The standard rules require a way out that is open for 3 s.
    private static let doorsOpenFor = Duration.seconds(6)

    init(_ client: MQTTClient.Options, topic: String) {
        var client = client
        client.clientID += "-selftest"
        client.sessionExpiry = .zero
        let options = client
        LoopThread { [self] in
            run(options, topic)
            stopped.store(true, ordering: .releasing)
        }.detach()
    }

    func openDoors() { doorsMayOpen.store(true, ordering: .relaxed) }
    func stop() { isStopping.store(true, ordering: .relaxed) }
    var hasStopped: Bool { stopped.load(ordering: .acquiring) }
    /// The broker has acknowledged a published message.
    var isAcknowledged: Bool { acknowledged.load(ordering: .relaxed) }
    var problem: String? { failure.withLock { $0 } }

    private func run(_ options: MQTTClient.Options, _ topic: String) {
        let link = Link()
        do throws(MQTTError) {
            let client = try MQTTClient(options, delegate: link)
            try client.connect()
            var sequence = 0
            var nextMessage: MonotonicTime = .boot
            var opened: MonotonicTime?
            while !isStopping.load(ordering: .relaxed), link.problem == nil {
                if Poll.wait(
                    [client.socket], writer: client.wantsWrite ? client.socket : -1,
                    for: .milliseconds(100))[
                        0]
                {
                    try client.read()
                }
                if link.isAcknowledged { acknowledged.store(true, ordering: .relaxed) }
                let now = MonotonicClock.now
                if opened == nil, doorsMayOpen.load(ordering: .relaxed) {
                    (opened, nextMessage) = (now, now)
                }
                if link.isConnected, now >= nextMessage {
                    sequence += 1
                    nextMessage = now + Self.interval
                    let message = Self.message(
                        sequence, isMoving: sequence == 1, isOpen: opened != nil)
                    _ = try client.publish(message, to: topic)
                }
                try client.keepAlive()
                try client.write()
                if let opened, now - opened > Self.doorsOpenFor { break }
            }
            client.disconnect()
            try client.write()
        } catch { link.problem = link.problem ?? error.description }
        failure.withLock { $0 = link.problem }
    }

    /// A message of the profile gbt24476-json, without a time: the gateway uses the time of
    /// arrival.
    private static func message(_ sequence: Int, isMoving: Bool, isOpen: Bool) -> [UInt8] {
        Array(
            """
            {"Sequence":\(sequence),"Service_Mode":1,"Car_Status":\(isMoving ? 1 : 0),"Car_Direction":\(isMoving ? 1 : 0),\
            "Door_Zone":\(isOpen),"Car_Position":3,"Door_Status":\(!isOpen),"Door_Open_Limit":\(isOpen),\
            "Passenger_Status":\(!isOpen),"Message_Code":[]}
            """.utf8)
    }

    /// Confined to the publisher's thread.
    private final class Link: MQTTClientDelegate {
        var isConnected = false
        var isAcknowledged = false
        var problem: String?
        func connected(_ broker: MQTTSession) { isConnected = true }
        func refused(_ reason: MQTTReason) {
            problem = "the building's broker refuses the self-test: \(reason)"
        }
        func disconnected(_ reason: MQTTReason?) {
            problem =
                problem
                ?? "the building's broker ended the self-test\(reason.map { ": \($0)" } ?? "")"
        }
        func subscribed(_ mid: Int32, _ grant: MQTTGrant) {}
        func published(_ mid: Int32, _ answer: MQTTPublicationAnswer) {
            guard let refusal = answer.refusal else {
                isAcknowledged = true
                return
            }
            problem = "the building's broker does not let the self-test publish: \(refusal)"
        }
        func received(
            topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int
        ) {}
    }
}
