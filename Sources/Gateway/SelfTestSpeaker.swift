import Mosquitto
import Synchronization

/// The virtual lift of a self-test: connects to the building's broker as any controller does, stops between floors with a passenger, and
/// opens its doors at a landing when it is told to.
///
/// It can publish on the self-test's topic and on no other.
final class SelfTestSpeaker: Sendable {
    private let doorsMayOpen = Atomic(false)
    private let isLeaving = Atomic(false)
    private let left = Atomic(false)
    private let failure = Mutex<String?>(nil)

    /// Says its state this often.
    private static let rhythm: Int64 = 1_000_000_000
    /// The standard rules want the way out open for 3 s.
    private static let openFor: Int64 = 6_000_000_000

    init(_ client: MQTTClient.Options, topic: String) {
        var client = client
        client.clientID += "-selftest"
        client.sessionExpiry = .zero
        let options = client
        LoopThread { [self] in
            speak(options, topic)
            left.store(true, ordering: .releasing)
        }.detach()
    }

    func openDoors() { doorsMayOpen.store(true, ordering: .relaxed) }
    func leave() { isLeaving.store(true, ordering: .relaxed) }
    var hasLeft: Bool { left.load(ordering: .acquiring) }
    var problem: String? { failure.withLock { $0 } }

    private func speak(_ options: MQTTClient.Options, _ topic: String) {
        let link = Link()
        do throws(MQTTError) {
            let client = try MQTTClient(options, delegate: link)
            try client.connect()
            var sequence = 0
            var nextWord: Int64 = 0
            var opened: Int64?
            while !isLeaving.load(ordering: .relaxed), link.problem == nil {
                if Poll.wait([client.socket], writer: client.wantsWrite ? client.socket : -1, for: .milliseconds(100))[
                    0]
                {
                    try client.read()
                }
                let now = MonotonicClock.nanoseconds
                if opened == nil, doorsMayOpen.load(ordering: .relaxed) { (opened, nextWord) = (now, now) }
                if link.isConnected, now >= nextWord {
                    sequence += 1
                    nextWord = now + Self.rhythm
                    let word = Self.word(sequence, isMoving: sequence == 1, isOpen: opened != nil)
                    _ = try client.publish(word, to: topic)
                }
                try client.keepAlive()
                try client.write()
                if let opened, now - opened > Self.openFor { break }
            }
            client.disconnect()
            try client.write()
        } catch { link.problem = link.problem ?? error.description }
        failure.withLock { $0 = link.problem }
    }

    /// A word in the form of the profile gbt24476-json, without a time: the gateway's counts.
    private static func word(_ sequence: Int, isMoving: Bool, isOpen: Bool) -> [UInt8] {
        Array(
            """
            {"Sequence":\(sequence),"Service_Mode":1,"Car_Status":\(isMoving ? 1 : 0),"Car_Direction":\(isMoving ? 1 : 0),\
            "Door_Zone":\(isOpen),"Car_Position":3,"Door_Status":\(!isOpen),"Door_Open_Limit":\(isOpen),\
            "Passenger_Status":\(!isOpen),"Message_Code":[]}
            """.utf8)
    }

    /// Confined to the speaker's thread.
    private final class Link: MQTTClientDelegate {
        var isConnected = false
        var problem: String?
        func connected(sessionPresent: Bool) { isConnected = true }
        func refused(_ reason: String) { problem = "the building's broker refuses the self-test: \(reason)" }
        func disconnected(_ reason: String) { problem = "the building's broker ended the self-test: \(reason)" }
        func subscribed(_ mid: Int32, accepted: Bool) {}
        func published(_ mid: Int32) {}
        func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {}
    }
}
