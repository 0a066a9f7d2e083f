import CCurl
import Connectivity
import LiftModel

/// HTTP over the system's libcurl: several requests in flight at once, driven by its owner's loop.
///
/// Redirections are not followed: the configuration decides where an alert is sent, not an answer.
///
/// Confined to one thread.
public final class HTTPClient {
    public struct Options: Sendable {
        public var caFile: String?
        public var certificateFile: String?
        public var keyFile: String?
        /// The limit for connecting, with name look-up and TLS.
        public var connectTimeout = Duration.seconds(10)
        /// The limit for the whole request, until its answer is complete.
        public var timeout = Duration.seconds(20)
        public init() {}

        public var tlsFiles: TLSFiles {
            TLSFiles(authority: caFile, certificate: certificateFile, key: keyFile)
        }
    }

    public struct Request: Sendable {
        public var url: String
        public var headers: [(name: String, value: String)]
        public var body: [UInt8]
        /// The limit for the whole request; nil for the client's.
        public var timeout: Duration?
        /// A POST.
        public init(
            url: String, headers: [(name: String, value: String)], body: [UInt8],
            timeout: Duration? = nil
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

    /// A request without an answer: libcurl's code, and a text for a person.
    public struct Failure: Error, CustomStringConvertible, Equatable {
        public var code: UInt32
        public var url: String
        public var message: String
        /// The cause is TLS: a certificate or a key of either side.
        public var concernsTLS: Bool { HTTPClient.failuresOfTLS.contains(code) }
        public var description: String { "POST \(masked(url: url)): \(message)" }
    }

    /// Identifies a request in flight.
    public typealias Ticket = Int

    /// A longer answer is cut off here: a centre's answers are short.
    public static let longestAnswer = 1 << 20

    /// One request in flight. libcurl holds its address as the callbacks' user data as long as it
    /// is in `transfers`.
    private final class Transfer {
        let ticket: Ticket
        let url: String
        let timeout: Duration
        let handle: OpaquePointer
        // libcurl's list, freed in deinit. Its handles are pointers to C types that Swift does not
        // know, so they are passed as untyped pointers in this file.
        var headers: UnsafeMutablePointer<curl_slist>?
        var response = Response(status: 0)
        /// libcurl writes its error message here. It holds the address as long as the transfer
        /// lives.
        let errorText: UnsafeMutablePointer<CChar>
        init(_ ticket: Ticket, _ url: String, _ timeout: Duration, _ handle: OpaquePointer) {
            self.ticket = ticket
            self.url = url
            self.timeout = timeout
            self.handle = handle
            errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
            errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        }
        deinit {
            defer { errorText.deallocate() }
            curl_slist_free_all(headers)
            curl_easy_cleanup(UnsafeMutableRawPointer(handle))
        }
    }

    private let options: Options
    /// libcurl's handle for all transfers; owned, freed in deinit.
    private let multi: OpaquePointer
    private var transfers: [OpaquePointer: Transfer] = [:]
    private var nextTicket = 1

    private static let libraryIsReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// - Returns: nil when libcurl cannot start because there is no memory.
    public init?(_ options: Options) {
        guard Self.libraryIsReady, let multi = curl_multi_init() else { return nil }
        self.options = options
        self.multi = OpaquePointer(multi)
    }

    deinit {
        for transfer in transfers.values { remove(transfer) }
        curl_multi_cleanup(UnsafeMutableRawPointer(multi))
    }

    /// Starts a request.
    public func start(_ request: Request) throws(Failure) -> Ticket {
        guard let raw = curl_easy_init() else {
            throw Failure(
                code: CURLE_OUT_OF_MEMORY.rawValue, url: request.url, message: "out of memory")
        }
        let timeout = request.timeout ?? options.timeout
        let transfer = Transfer(nextTicket, request.url, timeout, OpaquePointer(raw))
        nextTicket += 1
        func set(_ result: CURLcode) throws(Failure) {
            if result != CURLE_OK { throw Self.failure(result, request.url) }
        }
        try set(hoistway_curl_set_pointer(raw, CURLOPT_ERRORBUFFER, transfer.errorText))
        try set(hoistway_curl_set_text(raw, CURLOPT_URL, request.url))
        try set(hoistway_curl_set_text(raw, CURLOPT_PROTOCOLS_STR, "http,https"))
        try set(hoistway_curl_set_long(raw, CURLOPT_POST, 1))
        try set(
            // libcurl copies the body (CURLOPT_COPYPOSTFIELDS).
            request.body.withUnsafeBytes {
                hoistway_curl_copy_body(raw, $0.baseAddress ?? UnsafeRawPointer(raw), $0.count)
            })
        // libcurl's timeouts by signals are not safe in a process with threads.
        try set(hoistway_curl_set_long(raw, CURLOPT_NOSIGNAL, 1))
        try set(
            hoistway_curl_set_long(
                raw, CURLOPT_CONNECTTIMEOUT_MS, options.connectTimeout.milliseconds))
        try set(hoistway_curl_set_long(raw, CURLOPT_TIMEOUT_MS, timeout.milliseconds))
        try set(hoistway_curl_set_long(raw, CURLOPT_TCP_KEEPALIVE, 1))
        try set(hoistway_curl_set_long(raw, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2)))
        try set(hoistway_curl_set_text(raw, CURLOPT_SSL_CIPHER_LIST, TLSCiphers.withForwardSecrecy))
        for (option, file) in [
            (CURLOPT_CAINFO, options.caFile), (CURLOPT_SSLCERT, options.certificateFile),
            (CURLOPT_SSLKEY, options.keyFile),
        ] where file != nil { try set(hoistway_curl_set_text(raw, option, file)) }
        // "Expect: 100-continue" would cost a round trip for each batch.
        for (name, value) in request.headers + [("Expect", "")] {
            transfer.headers = curl_slist_append(
                transfer.headers, value.isEmpty ? "\(name):" : "\(name): \(value)")
        }
        try set(hoistway_curl_set_list(raw, CURLOPT_HTTPHEADER, transfer.headers))
        let user = Unmanaged.passUnretained(transfer).toOpaque()
        try set(hoistway_curl_set_pointer(raw, CURLOPT_WRITEDATA, user))
        try set(hoistway_curl_set_pointer(raw, CURLOPT_HEADERDATA, user))
        try set(hoistway_curl_set_sink(raw, CURLOPT_WRITEFUNCTION, takeBody))
        try set(hoistway_curl_set_sink(raw, CURLOPT_HEADERFUNCTION, takeHeader))
        guard curl_multi_add_handle(UnsafeMutableRawPointer(multi), raw) == CURLM_OK else {
            throw Failure(
                code: CURLE_OUT_OF_MEMORY.rawValue, url: request.url, message: "out of memory")
        }
        transfers[transfer.handle] = transfer
        return transfer.ticket
    }

    /// Waits for data, a wake-up or a timeout, and then advances all transfers.
    /// - Returns: whether the descriptor can be read.
    public func wait(alsoFor descriptor: Int32, atMost time: Duration) -> Bool {
        var entry = curl_waitfd(fd: descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
        curl_multi_poll(
            UnsafeMutableRawPointer(multi), &entry, 1, Int32(clamping: time.milliseconds), nil)
        var running: Int32 = 0
        curl_multi_perform(UnsafeMutableRawPointer(multi), &running)
        return entry.revents != 0
    }

    /// The requests that have ended since the last call.
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
                        || result == CURLE_WRITE_ERROR
                            && transfer.response.body.count >= Self.longestAnswer
                        ? .success(transfer.response)
                        : .failure(
                            Self.failure(
                                result, transfer.url, String(cString: transfer.errorText),
                                transfer.timeout))
                ))
            remove(transfer)
        }
        return found
    }

    private func remove(_ transfer: Transfer) {
        curl_multi_remove_handle(
            UnsafeMutableRawPointer(multi), UnsafeMutableRawPointer(transfer.handle))
    }

    private static let failuresOfTLS = Set(
        [
            CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR,
        ].map(\.rawValue))

    /// - Parameters:
    ///   - details: libcurl's error message, which says more than the code; empty where it has
    ///     none.
    ///   - timeout: the request's timeout.
    private static func failure(
        _ code: CURLcode, _ url: String, _ details: String = "", _ timeout: Duration = .zero
    ) -> Failure {
        let text = details.isEmpty ? String(cString: curl_easy_strerror(code)) : details
        return Failure(code: code.rawValue, url: url, message: meaning(code, text, timeout) ?? text)
    }

    /// A clearer text for errors whose libcurl message does not help a technician; a sentence
    /// without its full stop. `ServerProbe` finds out why a connection cannot be made.
    private static func meaning(_ code: CURLcode, _ text: String, _ timeout: Duration) -> String? {
        switch code {
        case CURLE_GOT_NOTHING:
            "the server took the request and closed the connection without an answer. Look into its log; the url must lead to its HTTP port"
        case CURLE_OPERATION_TIMEDOUT where text.contains("bytes received"):
            "the server took the request and has not answered in \(timeout.written). Look into its log: it must answer by then, when it has stored the events"
        case CURLE_PARTIAL_FILE:
            "the server closed the connection in the middle of its answer. Look into its log, and that of a proxy before it"
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            "the connection broke off (\(text)). Look into the server's log, and that of a proxy before it"
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY:
            "the server does not speak HTTP (\(text)). Check the port of the url"
        default: nil
        }
    }

    // The bytes are libcurl's, valid during the callback.
    fileprivate static func take(
        _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ user: UnsafeMutableRawPointer?,
        _ body: (inout Response, UnsafeRawBufferPointer) -> Void
    ) -> Int {
        guard let bytes, let user else { return 0 }
        // The transfer is alive while libcurl may call: it is removed from libcurl before its
        // release.
        let transfer = Unmanaged<Transfer>.fromOpaque(user).takeUnretainedValue()
        body(&transfer.response, UnsafeRawBufferPointer(start: bytes, count: count))
        // Returning less than `count` ends the transfer: an endless answer costs no more data.
        return transfer.response.body.count < longestAnswer ? count : 0
    }
}

/// libcurl's callbacks. They are free functions: a closure could inherit an actor's isolation from
/// its context.
private func takeBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ user: UnsafeMutableRawPointer?
) -> Int {
    HTTPClient.take(bytes, size * count, user) { response, bytes in
        response.body.append(
            contentsOf: bytes.prefix(HTTPClient.longestAnswer - response.body.count))
    }
}

private func takeHeader(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ user: UnsafeMutableRawPointer?
) -> Int {
    HTTPClient.take(bytes, size * count, user) { response, bytes in
        let line = String(decoding: bytes, as: UTF8.self)
        guard let colon = line.firstIndex(of: ":"), response.headers.count < 100 else { return }
        func trimmed(_ part: Substring) -> String {
            let part = part.drop { $0.isWhitespace }
            return String(
                part[
                    ..<(part.lastIndex { !$0.isWhitespace }.map { part.index(after: $0) }
                        ?? part.startIndex)])
        }
        response.headers[line[..<colon].lowercased()] = trimmed(line[line.index(after: colon)...])
    }
}

extension Duration {
    fileprivate var milliseconds: Int { Int(nanoseconds / 1_000_000) }
}
