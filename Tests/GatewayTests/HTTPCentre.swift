import Foundation
import Synchronization

/// A centre over plain HTTP on a free loopback port, with answers that the test chooses.
final class HTTPCentre: Sendable {
    struct Request: Sendable {
        var path: String
        var headers: [String: String]
        var body: Data
        /// The events of the request, one or a batch.
        var events: [[String: Sendable]] {
            let json = try? JSONSerialization.jsonObject(with: body)
            let all = (json as? [Any]) ?? [json as Any]
            return all.compactMap { $0 as? [String: Any] }.map { $0.mapValues { "\($0)" } }
        }
        var ids: [String] { events.compactMap { $0["id"] as? String } }
        var isBatch: Bool { headers["content-type"]?.contains("batch") == true }
        /// Whether the request has events that need a receipt; the site's state and the heartbeat
        /// need none.
        var needsReceipt: Bool {
            events.contains { event in
                let type = event["type"] as? String ?? ""
                return !type.hasSuffix("site.v1") && !type.hasSuffix("heartbeat.v1")
            }
        }
        var at: Double
    }
    struct Answer: Sendable {
        var status = 204
        var headers: [String: String] = [:]
        var body = ""
        /// A wrong Content-Length; the missing bytes never come.
        var claimedLength: Int?
        /// The centre closes the connection instead of answering.
        var hangsUp = false
    }

    var port: Int { listener.port }
    private let listener: LoopbackListener
    private let requests = Mutex<[Request]>([])
    private let answer: Mutex<@Sendable (Request) -> Answer>

    init(_ answer: @escaping @Sendable (Request) -> Answer = { _ in Answer() }) throws {
        self.answer = Mutex(answer)
        listener = try LoopbackListener()
        listener.serve { [self] connection in
            Thread.detachNewThread { [self] in serve(connection) }
        }
    }

    deinit { close() }

    func close() { listener.close() }

    var url: String { "http://127.0.0.1:\(port)/hoistway" }
    var received: [Request] { requests.withLock { $0 } }
    var eventRequests: [Request] { received.filter(\.needsReceipt) }
    /// Distinct alerts as "kind state", in the order of arrival.
    var alertStates: [String] {
        var seen: Set<String> = []
        return eventRequests.flatMap { request in
            let json = try? JSONSerialization.jsonObject(with: request.body)
            return ((json as? [Any]) ?? [json as Any]).compactMap { $0 as? [String: Any] }
        }.compactMap { event in
            guard let data = event["data"] as? [String: Any], let kind = data["kind"],
                let state = data["state"],
                seen.insert(event["id"] as? String ?? "").inserted
            else { return nil }
            return "\(kind) \(state)"
        }
    }
    func now(answer: @escaping @Sendable (Request) -> Answer) {
        self.answer.withLock { $0 = answer }
    }

    private func serve(_ connection: Int32) {
        defer { Foundation.close(connection) }
        var buffer = Data()
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            while let end = buffer.range(of: Data("\r\n\r\n".utf8)) {
                let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(
                    separatedBy: "\r\n")
                var headers: [String: String] = [:]
                for line in head.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1).map {
                        $0.trimmingCharacters(in: .whitespaces)
                    }
                    if parts.count == 2 { headers[parts[0].lowercased()] = parts[1] }
                }
                let length = Int(headers["content-length"] ?? "0") ?? 0
                guard buffer.distance(from: end.upperBound, to: buffer.endIndex) >= length else {
                    break
                }
                let request = Request(
                    path: head[0].split(separator: " ").dropFirst().first.map(String.init) ?? "",
                    headers: headers, body: buffer[end.upperBound..<(end.upperBound + length)],
                    at: Date().timeIntervalSince1970)
                buffer = Data(buffer[(end.upperBound + length)...])
                requests.withLock { $0.append(request) }
                let answer = answer.withLock { $0 }(request)
                if answer.hangsUp { return }
                var text =
                    "HTTP/1.1 \(answer.status) X\r\nContent-Length: \(answer.claimedLength ?? answer.body.utf8.count)\r\n"
                for (name, value) in answer.headers { text += "\(name): \(value)\r\n" }
                let reply = Array((text + "\r\n" + answer.body).utf8)
                _ = reply.withUnsafeBytes {
                    send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
            }
            let count = recv(connection, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            buffer.append(contentsOf: bytes[..<count])
        }
    }
}
