import CCurl
import Elevator

/// HTTP over the system's libcurl: several requests under way at once, driven by its owner's own loop.
///
/// Redirections are not followed: where an alert goes is written in the configuration, not in an answer.
///
/// Confined to one thread.
public final class HTTPClient {
    public struct Options: Sendable {
        public var caFile: String?
        public var certificateFile: String?
        public var keyFile: String?
        /// Until a connection stands, name look-up and TLS included.
        public var connectTimeout = Duration.seconds(10)
        /// Until the whole answer is there.
        public var timeout = Duration.seconds(20)
        public init() {}
    }

    public struct Request: Sendable {
        public var url: String
        public var headers: [(name: String, value: String)]
        public var body: [UInt8]
        /// Until the whole answer is there; nil for the client's own.
        public var timeout: Duration?
        /// A POST.
        public init(
            url: String, headers: [(name: String, value: String)], body: [UInt8], timeout: Duration? = nil
        ) {
            self.url = url
            self.headers = headers
            self.body = body
            self.timeout = timeout
        }
    }

    public struct Response: Sendable, Equatable {
        public var status: Int
        /// Names in lower case.
        public var headers: [String: String] = [:]
        public var body: [UInt8] = []
        public init(status: Int) { self.status = status }
    }

    /// No answer came, in libcurl's words and ours.
    public struct Failure: Error, CustomStringConvertible, Equatable {
        public var code: UInt32
        public var url: String
        public var message: String
        /// What follows a "?" may be a secret.
        public var description: String { "POST \(url.prefix { $0 != "?" }): \(message)" }
    }

    /// Names a request while it is under way.
    public typealias Ticket = Int

    /// An answer longer than this is cut off: what a centre has to say is short.
    static let longestAnswer = 1 << 20

    /// One request under way. libcurl holds its address as the callbacks' user data for as long as it stands in `transfers`.
    private final class Transfer {
        let ticket: Ticket
        let url: String
        let handle: OpaquePointer
        var headers: UnsafeMutablePointer<curl_slist>?
        var response = Response(status: 0)
        /// Where libcurl writes what went wrong, in its own words; it holds the address as long as the transfer lives.
        let words: UnsafeMutablePointer<CChar>
        init(_ ticket: Ticket, _ url: String, _ handle: OpaquePointer) {
            self.ticket = ticket
            self.url = url
            self.handle = handle
            words = .allocate(capacity: Int(CURL_ERROR_SIZE))
            words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        }
        deinit {
            defer { words.deallocate() }
            curl_slist_free_all(headers)
            curl_easy_cleanup(UnsafeMutableRawPointer(handle))
        }
    }

    private let options: Options
    /// libcurl's handle of all transfers; owned, freed in deinit.
    private let multi: OpaquePointer
    private var transfers: [OpaquePointer: Transfer] = [:]
    private var nextTicket = 1

    private static let libraryIsReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// - Returns: nil when libcurl cannot be started, for want of memory.
    public init?(_ options: Options) {
        guard Self.libraryIsReady, let multi = curl_multi_init() else { return nil }
        self.options = options
        self.multi = OpaquePointer(multi)
    }

    deinit {
        for transfer in transfers.values { remove(transfer) }
        curl_multi_cleanup(UnsafeMutableRawPointer(multi))
    }

    /// Sends a request off.
    public func start(_ request: Request) throws(Failure) -> Ticket {
        guard let raw = curl_easy_init() else {
            throw Failure(code: CURLE_OUT_OF_MEMORY.rawValue, url: request.url, message: "out of memory")
        }
        let transfer = Transfer(nextTicket, request.url, OpaquePointer(raw))
        nextTicket += 1
        func set(_ result: CURLcode) throws(Failure) {
            if result != CURLE_OK { throw Self.failure(result, request.url) }
        }
        try set(hoistway_curl_set_pointer(raw, CURLOPT_ERRORBUFFER, transfer.words))
        try set(hoistway_curl_set_text(raw, CURLOPT_URL, request.url))
        try set(hoistway_curl_set_text(raw, CURLOPT_PROTOCOLS_STR, "http,https"))
        try set(hoistway_curl_set_long(raw, CURLOPT_POST, 1))
        try set(
            request.body.withUnsafeBytes {
                hoistway_curl_copy_body(raw, $0.baseAddress ?? UnsafeRawPointer(raw), $0.count)
            })
        // Threads and signals do not mix.
        try set(hoistway_curl_set_long(raw, CURLOPT_NOSIGNAL, 1))
        try set(hoistway_curl_set_long(raw, CURLOPT_CONNECTTIMEOUT_MS, options.connectTimeout.milliseconds))
        try set(hoistway_curl_set_long(raw, CURLOPT_TIMEOUT_MS, (request.timeout ?? options.timeout).milliseconds))
        try set(hoistway_curl_set_long(raw, CURLOPT_TCP_KEEPALIVE, 1))
        try set(hoistway_curl_set_long(raw, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2)))
        for (option, file) in [
            (CURLOPT_CAINFO, options.caFile), (CURLOPT_SSLCERT, options.certificateFile),
            (CURLOPT_SSLKEY, options.keyFile),
        ] where file != nil { try set(hoistway_curl_set_text(raw, option, file)) }
        // "Expect: 100-continue" would cost a round trip for each batch.
        for (name, value) in request.headers + [("Expect", "")] {
            transfer.headers = curl_slist_append(transfer.headers, value.isEmpty ? "\(name):" : "\(name): \(value)")
        }
        try set(hoistway_curl_set_list(raw, CURLOPT_HTTPHEADER, transfer.headers))
        let user = Unmanaged.passUnretained(transfer).toOpaque()
        try set(hoistway_curl_set_pointer(raw, CURLOPT_WRITEDATA, user))
        try set(hoistway_curl_set_pointer(raw, CURLOPT_HEADERDATA, user))
        try set(hoistway_curl_set_sink(raw, CURLOPT_WRITEFUNCTION, takeBody))
        try set(hoistway_curl_set_sink(raw, CURLOPT_HEADERFUNCTION, takeHeader))
        guard curl_multi_add_handle(UnsafeMutableRawPointer(multi), raw) == CURLM_OK else {
            throw Failure(code: CURLE_OUT_OF_MEMORY.rawValue, url: request.url, message: "out of memory")
        }
        transfers[transfer.handle] = transfer
        return transfer.ticket
    }

    /// Waits for answers, a wake-up, or the end of a time, and carries all transfers on.
    /// - Returns: whether the descriptor can be read.
    public func wait(alsoFor descriptor: Int32, atMost time: Duration) -> Bool {
        var entry = curl_waitfd(fd: descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
        curl_multi_poll(UnsafeMutableRawPointer(multi), &entry, 1, Int32(clamping: time.milliseconds), nil)
        var running: Int32 = 0
        curl_multi_perform(UnsafeMutableRawPointer(multi), &running)
        return entry.revents != 0
    }

    /// What has ended since the last call.
    public func finished() -> [(ticket: Ticket, result: Result<Response, Failure>)] {
        var found: [(Ticket, Result<Response, Failure>)] = []
        var result = CURLE_OK
        while let raw = hoistway_curl_next_done(UnsafeMutableRawPointer(multi), &result) {
            guard let transfer = transfers.removeValue(forKey: OpaquePointer(raw)) else { continue }
            transfer.response.status = hoistway_curl_status(raw)
            found.append(
                (
                    transfer.ticket,
                    result == CURLE_OK
                        || result == CURLE_WRITE_ERROR && transfer.response.body.count >= Self.longestAnswer
                        ? .success(transfer.response)
                        : .failure(Self.failure(result, transfer.url, String(cString: transfer.words)))
                ))
            remove(transfer)
        }
        return found
    }

    private func remove(_ transfer: Transfer) {
        curl_multi_remove_handle(UnsafeMutableRawPointer(multi), UnsafeMutableRawPointer(transfer.handle))
    }

    /// - Parameter words: libcurl's own, which say more than the code, or nothing.
    private static func failure(_ code: CURLcode, _ url: String, _ words: String = "") -> Failure {
        let concernsTLS = [
            CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR,
        ].contains(code)
        let hint =
            concernsTLS
            ? ". Check the certificates, and this box's clock: a box that thinks it is 1970 finds no certificate valid yet"
            : ""
        let text = words.isEmpty ? String(cString: curl_easy_strerror(code)) : words
        return Failure(code: code.rawValue, url: url, message: text + hint)
    }

    fileprivate static func take(
        _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ user: UnsafeMutableRawPointer?,
        _ body: (inout Response, UnsafeRawBufferPointer) -> Void
    ) -> Int {
        guard let bytes, let user else { return 0 }
        // The transfer stands in `transfers` while libcurl may call: it is removed from libcurl before it is released.
        let transfer = Unmanaged<Transfer>.fromOpaque(user).takeUnretainedValue()
        body(&transfer.response, UnsafeRawBufferPointer(start: bytes, count: count))
        // Taking less than it brought ends the transfer: what goes on without end is not paid for.
        return transfer.response.body.count < longestAnswer ? count : 0
    }
}

/// libcurl's callbacks. Written as free functions: a closure could inherit an actor from where it stands.
private func takeBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ user: UnsafeMutableRawPointer?
) -> Int {
    HTTPClient.take(bytes, size * count, user) { response, bytes in
        response.body.append(contentsOf: bytes.prefix(HTTPClient.longestAnswer - response.body.count))
    }
}

private func takeHeader(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ user: UnsafeMutableRawPointer?
) -> Int {
    HTTPClient.take(bytes, size * count, user) { response, bytes in
        let line = String(decoding: bytes, as: UTF8.self)
        guard let colon = line.firstIndex(of: ":"), response.headers.count < 100 else { return }
        func trimmed(_ part: Substring) -> String {
            let part = part.drop { $0.isWhitespace }
            return String(
                part[..<(part.lastIndex { !$0.isWhitespace }.map { part.index(after: $0) } ?? part.startIndex)])
        }
        response.headers[line[..<colon].lowercased()] = trimmed(line[line.index(after: colon)...])
    }
}

extension Duration {
    fileprivate var milliseconds: Int { Int(nanoseconds / 1_000_000) }
}
