import CSSL
import LiftModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One TLS connection over a socket, by OpenSSL. A certificate that does not verify does not end
/// the handshake; the result of the verification can be read afterwards.
struct TLSSession: ~Copyable {
    enum Failure {
        case timedOut, closed
        /// The answer is not TLS.
        case noTLS
        /// The server ended the connection with an alert (RFC 8446, 6).
        case alert
        case failed
    }
    struct Outcome {
        var isDone = false
        var error: Failure?
        /// `SSL_R_…` of OpenSSL.
        var reason: Int32 = 0
        /// OpenSSL's text for the reason.
        var message = ""
        /// The server has sent its certificate.
        var hasPeerCertificate = false
    }

    private let context: OpaquePointer
    private let session: OpaquePointer
    private let descriptor: Int32

    /// - Parameters:
    ///   - descriptor: a connected socket that does not block; the caller keeps its ownership.
    ///   - now: the time for the check of the certificates' dates.
    init(_ descriptor: Int32, _ server: ServerAddress, _ files: TLSFiles, at now: Instant)
        throws(ServerProblem)
    {
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw .handshakeFailed(server, because: "OpenSSL cannot be started")
        }
        hoistway_ssl_context_set_least_version(context, TLS1_2_VERSION)
        SSL_CTX_set_cipher_list(context, TLSCiphers.withForwardSecrecy)
        // 0 = SSL_VERIFY_NONE: the handshake continues, and `verifyResult` is read afterwards.
        SSL_CTX_set_verify(context, 0, nil)
        if let authority = files.authority {
            SSL_CTX_load_verify_locations(context, authority, nil)
        } else {
            SSL_CTX_set_default_verify_paths(context)
        }
        if let certificate = files.certificate, let key = files.key {
            SSL_CTX_use_certificate_chain_file(context, certificate)
            SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM)
        }
        guard let session = SSL_new(context) else {
            SSL_CTX_free(context)
            throw .handshakeFailed(server, because: "OpenSSL cannot be started")
        }
        let parameters = SSL_get0_param(session)
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, server.host) != 1 {
            X509_VERIFY_PARAM_set1_host(parameters, server.host, 0)
            hoistway_ssl_set_host_name(session, server.host)
        }
        X509_VERIFY_PARAM_set_time(parameters, time_t(now.nanoseconds / 1_000_000_000))
        SSL_set_fd(session, descriptor)
        ERR_clear_error()
        (self.context, self.session, self.descriptor) = (context, session, descriptor)
    }

    deinit {
        SSL_free(session)
        SSL_CTX_free(context)
    }

    /// The server's certificate; nil before the handshake.
    var peerCertificate: Certificate? {
        guard let handle = SSL_get1_peer_certificate(session) else { return nil }
        defer { X509_free(handle) }
        return Certificate(handle)
    }
    /// The result of the verification of the server's certificate, as `X509_V_…`.
    var verifyResult: Int { SSL_get_verify_result(session) }

    func connect(_ timeout: Duration) -> Outcome { run(timeout) { SSL_connect($0) } }

    /// Waits for data or an alert from the server after the handshake.
    func read(_ timeout: Duration) -> Outcome {
        run(timeout) { session in
            var byte: UInt8 = 0
            return SSL_read(session, &byte, 1)
        }
    }

    private func run(_ timeout: Duration, _ step: (OpaquePointer) -> Int32) -> Outcome {
        let deadline = ContinuousClock.now + timeout
        while true {
            ERR_clear_error()
            errno = 0
            let result = step(session)
            if result == 1 { return Outcome(isDone: true) }
            let left = ContinuousClock.now.duration(to: deadline)
            switch SSL_get_error(session, result) {
            case SSL_ERROR_WANT_READ where left > .zero:
                _ = TCPConnection.wait(descriptor, POLLIN, for: left)
            case SSL_ERROR_WANT_WRITE where left > .zero:
                _ = TCPConnection.wait(descriptor, POLLOUT, for: left)
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return Outcome(error: .timedOut)
            case SSL_ERROR_SYSCALL, SSL_ERROR_ZERO_RETURN: return Outcome(error: .closed)
            default:
                var outcome = failure()
                outcome.hasPeerCertificate = peerCertificate != nil
                return outcome
            }
        }
    }

    private func failure() -> Outcome {
        let code = ERR_peek_last_error()
        let reason = hoistway_error_reason(code)
        let message = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
        func outcome(_ error: Failure) -> Outcome {
            Outcome(error: error, reason: reason, message: message)
        }
        guard hoistway_error_is_of_ssl(code) != 0 else { return outcome(.failed) }
        switch reason {
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_PACKET_LENGTH_TOO_LONG:
            return outcome(.noTLS)
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: return outcome(.closed)
        // OpenSSL adds 1000 to the number of an alert that was received.
        case 1000..<1256: return outcome(.alert)
        default: return outcome(.failed)
        }
    }
}
