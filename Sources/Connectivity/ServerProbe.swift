import CSSL
import LiftModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Connects to a server once to find out why a connection fails: the name, the port, TLS, or the
/// certificates of both sides.
///
/// It is used after a failure and by `hoistway check`: libmosquitto's "A TLS error occurred" and
/// libcurl's messages do not help a technician. It sends nothing beyond the TLS handshake. Its
/// finding is only reported, so it need not trust the server.
public struct ServerProbe: Sendable {
    public var server: ServerAddress
    public var usesTLS: Bool
    public var files: TLSFiles
    /// The scheme of a url for this protocol over TLS.
    public var secureScheme = "mqtts"
    /// The timeout of each step.
    public var stepTimeout = Duration.seconds(5)

    public init(_ server: ServerAddress, usesTLS: Bool, files: TLSFiles = TLSFiles()) {
        self.server = server
        self.usesTLS = usesTLS
        self.files = files
    }

    /// The server of an `http://` or `https://` URL; nil for any other text.
    public init?(url: String, files: TLSFiles) {
        guard let split = url.firstRange(of: "://") else { return nil }
        let scheme = url[..<split.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { return nil }
        var rest = url[split.upperBound...].prefix { $0 != "/" && $0 != "?" }
        var port = scheme == "https" ? 443 : 80
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            guard let number = Int(rest[rest.index(after: colon)...]) else { return nil }
            port = number
            rest = rest[..<colon]
        }
        if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
        self.init(
            ServerAddress(host: String(rest), port: port), usesTLS: scheme == "https", files: files)
        secureScheme = "https"
    }

    /// In TLS 1.3 a server may reject a missing client certificate only after the handshake.
    private static let alertTimeout = Duration.milliseconds(700)

    /// - Parameter now: the time of this box's clock.
    /// - Returns: nil when connection and TLS have no problem.
    public func problem(at now: Instant) -> ServerProblem? {
        do throws(ServerProblem) {
            if usesTLS {
                try files.check(at: now)
                try handshake(at: now)
            } else if try speaksTLS(at: now) {
                return .wantsTLS(server, scheme: secureScheme)
            }
            return nil
        } catch { return error }
    }

    /// The certificate that the server shows, valid or not; nil where it shows none.
    public var serverCertificate: Certificate? {
        do throws(ServerProblem) {
            let connection = try TCPConnection(server, within: stepTimeout)
            // The time does not matter: nothing is verified.
            let session = try TLSSession(
                connection.descriptor, server, files, at: Instant(nanoseconds: 0))
            _ = session.connect(stepTimeout)
            return session.peerCertificate
        } catch { return nil }
    }

    /// Whether the port answers TLS: then no plain connection can succeed.
    private func speaksTLS(at now: Instant) throws(ServerProblem) -> Bool {
        let connection = try TCPConnection(server, within: stepTimeout)
        do throws(ServerProblem) {
            let session = try TLSSession(connection.descriptor, server, TLSFiles(), at: now)
            let outcome = session.connect(stepTimeout)
            return outcome.isDone || outcome.error == .alert
        } catch { return false }
    }

    private func handshake(at now: Instant) throws(ServerProblem) {
        let connection = try TCPConnection(server, within: stepTimeout)
        let session = try TLSSession(connection.descriptor, server, files, at: now)
        let outcome = session.connect(stepTimeout)
        guard outcome.isDone else { throw problem(outcome) }
        if let certificate = session.peerCertificate {
            try verify(certificate, session.verifyResult, at: now)
        }
        let afterwards = session.read(Self.alertTimeout)
        if afterwards.error == .alert { throw problem(afterwards) }
    }

    private func verify(_ certificate: Certificate, _ result: Int, at now: Instant)
        throws(ServerProblem)
    {
        switch Int32(result) {
        case X509_V_OK: return
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            throw .wrongName(server, certificate)
        case X509_V_ERR_CERT_HAS_EXPIRED where now > certificate.validUntil:
            throw .expired(server, certificate, now: now)
        case X509_V_ERR_CERT_NOT_YET_VALID where now < certificate.validFrom:
            throw .notYetValid(server, certificate, now: now)
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            throw .unknownAuthority(server, certificate, authority: files.authority)
        default:
            throw .untrusted(
                server, certificate, because: String(cString: X509_verify_cert_error_string(result))
            )
        }
    }

    private func problem(_ outcome: TLSSession.Outcome) -> ServerProblem {
        switch outcome.error {
        case .none, .timedOut: .silent(server, within: stepTimeout)
        case .closed, .noTLS: .noTLS(server)
        case .alert:
            switch outcome.reason {
            case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: .tlsTooOld(server)
            // A failure before the server's certificate means that both sides have no common
            // cipher.
            case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE where !outcome.hasPeerCertificate:
                .tlsTooOld(server)
            case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: .clientCertificateRequired(server)
            // TLS 1.2 has no alert of its own for a missing client certificate.
            case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE where files.certificate == nil:
                .clientCertificateRequired(server)
            default:
                if let file = files.certificate {
                    .certificateRefused(server, file: file, because: outcome.message)
                } else {
                    .handshakeFailed(server, because: outcome.message)
                }
            }
        case .failed:
            outcome.reason == SSL_R_UNSUPPORTED_PROTOCOL
                ? .tlsTooOld(server) : .handshakeFailed(server, because: outcome.message)
        }
    }
}
