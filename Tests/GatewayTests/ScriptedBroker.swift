import Foundation
import Synchronization

/// A broker with scripted answers, which mosquitto never gives and other brokers do. MQTT 5 on a
/// loopback port.
final class ScriptedBroker: Sendable {
    /// The broker's answers.
    struct Script: Sendable {
        /// Reason code and properties of CONNACK; nil for the answer of a broker of MQTT 3.1.1,
        /// which has no properties.
        var connect: (reason: UInt8, properties: [UInt8])? = (0, [])
        /// The granted QoS or a reason code, by filter.
        var subscribe: @Sendable (String) -> UInt8 = { _ in 1 }
        var publish: @Sendable (String) -> UInt8 = { _ in 0 }
        /// CONNACK claims a present session, whether there is one or not.
        var keepsSession = false
        /// The size of one packet that the first connection receives, as fast as possible, once it
        /// has subscribed.
        var giant = 0
        /// The messages of a connection, counted from 0, once it has subscribed: topics and
        /// payloads, at QoS 1, with packet ids from 1 on.
        var messages: @Sendable (_ connection: Int) -> [(topic: String, payload: String)] = { _ in
            []
        }
    }

    var port: Int { listener.port }
    private let listener: LoopbackListener
    private let script: Script
    /// Open ones only: the number of a closed one soon belongs to a connection of another test.
    private let connections = Mutex<[Int32]>([])
    private let connectionCount = Atomic(0)
    private let received = Mutex<[(topic: String, retain: Bool)]>([])

    init(port: Int, _ script: Script) throws {
        self.script = script
        listener = try LoopbackListener(port: port)
        listener.serve { [self] connection in
            connections.withLock { $0.append(connection) }
            let number = connectionCount.add(1, ordering: .relaxed).oldValue
            Thread.detachNewThread { [self] in serve(connection, number: number) }
        }
    }

    deinit { stop() }

    func stop() {
        listener.close()
        connections.withLock { for connection in $0 { shutdown(connection, Int32(SHUT_RDWR)) } }
    }

    /// The topics of received publishes, in their order.
    var published: [(topic: String, retain: Bool)] { received.withLock { $0 } }

    /// Ends every connection with a reason (DISCONNECT, MQTT 5, 3.14).
    func disconnect(_ reason: UInt8) {
        connections.withLock { for connection in $0 { send([0xE0, 2, reason, 0], connection) } }
    }

    private func send(_ bytes: [UInt8], _ connection: Int32) {
        _ = bytes.withUnsafeBytes {
            Foundation.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }

    /// A PUBLISH whose header announces more bytes than a client should take.
    private func sendGiant(_ bytes: Int, _ connection: Int32) {
        var head: [UInt8] = [0x30]
        var left = bytes
        repeat {
            head.append(UInt8(left & 0x7F) | (left > 0x7F ? 0x80 : 0))
            left >>= 7
        } while left > 0
        let topic = Array("lifts/1/state".utf8)
        head += [0, UInt8(topic.count)] + topic + [0]
        let chunk = [UInt8](repeating: 0x20, count: 1 << 16)
        var sent = head.withUnsafeBytes {
            Foundation.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        while sent > 0, sent < bytes {
            let count = chunk.withUnsafeBytes {
                Foundation.send(
                    connection, $0.baseAddress, min($0.count, bytes - sent), Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }

    private func sendMessages(_ connection: Int32, number: Int) {
        for (index, message) in script.messages(number).enumerated() {
            let (topic, payload) = (Array(message.topic.utf8), Array(message.payload.utf8))
            let body = [0, UInt8(topic.count)] + topic + [0, UInt8(index + 1), 0] + payload
            let length = [UInt8(body.count & 0x7F) | 0x80, UInt8(body.count >> 7)]
            send([0x32] + length + body, connection)
        }
    }

    private func serve(_ connection: Int32, number: Int) {
        defer {
            connections.withLock { open in
                open.removeAll { $0 == connection }
                close(connection)
            }
        }
        var asksAgain = false
        while let (type, flags, body) = packet(connection) {
            switch type {
            case 1:
                guard let answer = script.connect else { return send([0x20, 2, 0, 1], connection) }
                let count = UInt8(answer.properties.count)
                send(
                    [0x20, 3 + count, script.keepsSession ? 1 : 0, answer.reason, count]
                        + answer.properties, connection
                )
                if answer.reason >= 0x80 { return }
            case 8:
                let filter = text(body, at: 3 + Int(body[2]))
                send([0x90, 4, body[0], body[1], 0, script.subscribe(filter)], connection)
                if asksAgain { continue }
                asksAgain = true
                if script.giant > 0, number == 0 { sendGiant(script.giant, connection) }
                sendMessages(connection, number: number)
            case 3:
                let topic = text(body, at: 0)
                received.withLock { $0.append((topic, flags & 1 != 0)) }
                guard flags & 6 != 0 else { continue }
                let mid = 2 + topic.utf8.count
                send([0x40, 4, body[mid], body[mid + 1], script.publish(topic), 0], connection)
            case 12: send([0xD0, 0], connection)
            case 14: return
            default: continue
            }
        }
    }

    private func text(_ body: [UInt8], at start: Int) -> String {
        let count = Int(body[start]) << 8 | Int(body[start + 1])
        return String(decoding: body[(start + 2)..<(start + 2 + count)], as: UTF8.self)
    }

    private func packet(_ connection: Int32) -> (type: UInt8, flags: UInt8, body: [UInt8])? {
        guard let head = bytes(1, connection)?[0] else { return nil }
        var (length, shift) = (0, 0)
        while true {
            guard let byte = bytes(1, connection)?[0] else { return nil }
            length |= Int(byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 { break }
        }
        guard let body = bytes(length, connection) else { return nil }
        return (head >> 4, head & 15, body)
    }

    private func bytes(_ count: Int, _ connection: Int32) -> [UInt8]? {
        var found: [UInt8] = []
        while found.count < count {
            var chunk = [UInt8](repeating: 0, count: count - found.count)
            let got = recv(connection, &chunk, chunk.count, 0)
            if got <= 0 { return nil }
            found += chunk.prefix(got)
        }
        return found
    }
}

extension Site {
    /// The daemon on a building's broker that follows a script.
    convenience init(on broker: ScriptedBroker, rules: String? = nil) throws {
        try self.init(rules: rules, parameters: rules == nil ? quick : "")
        try rewriteConfiguration {
            $0.replacingOccurrences(
                of: "broker: { url: \"mqtt://127.0.0.1:\(port)\" }",
                with: "broker: { url: \"mqtt://127.0.0.1:\(broker.port)\" }")
        }
    }
}
