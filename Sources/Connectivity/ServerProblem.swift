import LiftModel

/// Why a server cannot be reached, with advice: the network, the TLS files, the server's
/// certificate, or the server's refusal of ours.
public enum ServerProblem: Error, Equatable, Sendable, CustomStringConvertible {
    // The network.
    case nameDoesNotResolve(host: String, because: String)
    case portIsClosed(ServerAddress)
    case noAnswer(ServerAddress, within: Duration)
    case unreachable(ServerAddress, because: String)
    // Files on this side.
    case unreadable(file: String)
    case notPEM(file: String, expected: String)
    case keyIsEncrypted(file: String)
    case keyDoesNotMatch(key: String, certificate: String)
    case ownExpired(file: String, Certificate, now: Instant)
    case ownNotYetValid(file: String, Certificate, now: Instant)
    // The server's certificate.
    case unknownAuthority(ServerAddress, Certificate, authority: String?)
    case wrongName(ServerAddress, Certificate)
    case expired(ServerAddress, Certificate, now: Instant)
    case notYetValid(ServerAddress, Certificate, now: Instant)
    case untrusted(ServerAddress, Certificate, because: String)
    // The server's protocol.
    case noTLS(ServerAddress)
    /// It accepts the connection, and answers nothing to TLS.
    case silent(ServerAddress, within: Duration)
    /// - Parameter scheme: the scheme of a url for the protocol over TLS: `mqtts` or `https`.
    case wantsTLS(ServerAddress, scheme: String)
    case tlsTooOld(ServerAddress)
    case clientCertificateRequired(ServerAddress)
    case certificateRefused(ServerAddress, file: String, because: String)
    case handshakeFailed(ServerAddress, because: String)

    /// Whether the certificate's dates and this box's clock disagree. Mostly the clock is wrong.
    public var concernsClock: Bool {
        switch self {
        case .notYetValid, .ownNotYetValid, .expired, .ownExpired: true
        default: false
        }
    }

    /// The problem and what to do about it, in whole sentences.
    public var description: String {
        switch self {
        case .nameDoesNotResolve(let host, let reason):
            "the name '\(host)' has no address (\(reason)). Check its spelling, and this box's name server."
        case .portIsClosed(let server):
            "nothing listens on \(server) (connection refused). Check the port, and that the server runs."
        case .noAnswer(let server, let span):
            "no answer from \(server) in \(span.spanText). Check the address; a firewall may drop what we send."
        case .unreachable(let server, let reason):
            "\(server) cannot be reached (\(reason)). Check this box's network."
        case .unreadable(let file):
            "\(file) cannot be read. Check that it exists and that the gateway's user may read it."
        case .notPEM(let file, let expected):
            "\(file) does not hold what it should: expected a line \(expected)."
        case .keyIsEncrypted(let file):
            "the private key \(file) is protected by a password, which nobody can type at the gateway's start. Write it without one: openssl pkey -in \(file) -out NEW."
        case .keyDoesNotMatch(let key, let certificate):
            "the private key \(key) does not belong to the certificate \(certificate). Put the two files of one pair there."
        case .ownExpired(let file, let certificate, let now):
            "our certificate \(file) has expired: it is valid from \(certificate.validity), and this box's clock says \(now.rfc3339). Renew it, or set the clock."
        case .ownNotYetValid(let file, let certificate, let now):
            "our certificate \(file) is not valid yet: it is valid from \(certificate.validity), and this box's clock says \(now.rfc3339). Set the clock."
        case .unknownAuthority(let server, let certificate, let authority):
            "the certificate of \(server) is signed by '\(certificate.issuer)', which \(authority.map { "is not in \($0)" } ?? "this box does not know"). \(authority == nil ? "Name that authority's certificate as ca_file." : "Put that authority's certificate there.")"
        case .wrongName(let server, let certificate):
            "the certificate of \(server) is made for \(certificate.names.map { "'\($0)'" }.joined(separator: ", ")) and not for '\(server.host)'. Use such a name in the url, or have the certificate made again."
        case .expired(let server, let certificate, let now):
            "the certificate of \(server) has expired: it is valid from \(certificate.validity), and this box's clock says \(now.rfc3339). Renew it on the server, or set the clock."
        case .notYetValid(let server, let certificate, let now):
            "the certificate of \(server) is not valid yet: it is valid from \(certificate.validity), and this box's clock says \(now.rfc3339). Set the clock."
        case .untrusted(let server, let certificate, let reason):
            "the certificate of \(server) ('\(certificate.subject)') is not trusted: \(reason)."
        case .noTLS(let server):
            "\(server) answers, but not with TLS. Use the port of its TLS listener (mostly 8883, for HTTPS 443), or a url without TLS on a line that nobody else can use."
        case .silent(let server, let span):
            "\(server) accepts the connection and does not answer TLS within \(span.spanText). Check the port; if it is right, the server hangs: restart it."
        case .wantsTLS(let server, let scheme):
            "\(server) speaks TLS only. Write \(scheme):// in the url, and name the certificate of its authority as ca_file."
        case .tlsTooOld(let server):
            "\(server) offers neither TLS 1.3 nor TLS 1.2 with forward secrecy (ECDHE). Allow one of them there."
        case .clientCertificateRequired(let server):
            "\(server) asks for a client certificate, and none is configured. Set certificate_file and key_file."
        case .certificateRefused(let server, let file, let reason):
            "\(server) refuses our certificate \(file) (\(reason)). Have it signed by an authority that the server knows."
        case .handshakeFailed(let server, let reason): "TLS with \(server) fails: \(reason)."
        }
    }
}

/// Where a server listens.
public struct ServerAddress: Equatable, Sendable, CustomStringConvertible {
    public var host: String
    public var port: Int
    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
