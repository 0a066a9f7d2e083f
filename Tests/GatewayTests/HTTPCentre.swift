import Foundation
import Synchronization

@testable import hoistway_sim

/// A centre over plain HTTP on a free loopback port, which answers as a test wants it to.
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
        /// Events that want a receipt; the site's state and the heartbeat do not.
        var isOwed: Bool {
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
        /// The length it speaks of, should it be another; what is missing never comes.
        var claims: Int?
    }

    let port: Int
    private let listener: Int32
    private let requests = Mutex<[Request]>([])
    private let answer: Mutex<@Sendable (Request) -> Answer>
    private let isClosed = Atomic(false)

    init(_ answer: @escaping @Sendable (Request) -> Answer = { _ in Answer() }) throws {
        self.answer = Mutex(answer)
        port = try FreePort.find()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(listener, 16) == 0 else { throw POSIXError(.EADDRINUSE) }
        Thread.detachNewThread { [self] in
            while !isClosed.load(ordering: .relaxed) {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { break }
                Thread.detachNewThread { [self] in serve(connection) }
            }
        }
    }

    deinit { close() }

    func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        Foundation.close(listener)
    }

    var url: String { "http://127.0.0.1:\(port)/hoistway" }
    var received: [Request] { requests.withLock { $0 } }
    var owed: [Request] { received.filter(\.isOwed) }
    /// Distinct events that want a receipt, as "kind state", in the order of arrival.
    var told: [String] {
        var seen: Set<String> = []
        return owed.flatMap { request in
            let json = try? JSONSerialization.jsonObject(with: request.body)
            return ((json as? [Any]) ?? [json as Any]).compactMap { $0 as? [String: Any] }
        }.compactMap { event in
            guard let data = event["data"] as? [String: Any], let kind = data["kind"], let state = data["state"],
                seen.insert(event["id"] as? String ?? "").inserted
            else { return nil }
            return "\(kind) \(state)"
        }
    }
    func now(answer: @escaping @Sendable (Request) -> Answer) { self.answer.withLock { $0 = answer } }

    private func serve(_ connection: Int32) {
        defer { Foundation.close(connection) }
        var buffer = Data()
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            while let end = buffer.range(of: Data("\r\n\r\n".utf8)) {
                let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                var headers: [String: String] = [:]
                for line in head.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
                    if parts.count == 2 { headers[parts[0].lowercased()] = parts[1] }
                }
                let length = Int(headers["content-length"] ?? "0") ?? 0
                guard buffer.distance(from: end.upperBound, to: buffer.endIndex) >= length else { break }
                let request = Request(
                    path: head[0].split(separator: " ").dropFirst().first.map(String.init) ?? "",
                    headers: headers, body: buffer[end.upperBound..<(end.upperBound + length)],
                    at: Date().timeIntervalSince1970)
                buffer = Data(buffer[(end.upperBound + length)...])
                requests.withLock { $0.append(request) }
                let answer = answer.withLock { $0 }(request)
                var text =
                    "HTTP/1.1 \(answer.status) X\r\nContent-Length: \(answer.claims ?? answer.body.utf8.count)\r\n"
                for (name, value) in answer.headers { text += "\(name): \(value)\r\n" }
                let reply = Array((text + "\r\n" + answer.body).utf8)
                _ = reply.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            }
            let count = recv(connection, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            buffer.append(contentsOf: bytes[..<count])
        }
    }
}
