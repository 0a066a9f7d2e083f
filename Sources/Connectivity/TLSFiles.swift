import CSSL
import LiftModel

/// The client's TLS files. They are checked before a connection: libmosquitto reports little about
/// them, and asks the terminal for the password of an encrypted key.
public struct TLSFiles: Equatable, Sendable {
    /// Certificates of the authorities that may have signed the server's; nil for those of the
    /// system.
    public var authority: String?
    /// The client's certificate and its private key.
    public var certificate: String?
    public var key: String?

    public init(authority: String? = nil, certificate: String? = nil, key: String? = nil) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
    }

    /// The client's own certificate.
    /// - Throws: `ServerProblem` for a file that cannot be read or holds something else.
    public func ownCertificate() throws(ServerProblem) -> Certificate? {
        guard let certificate else { return nil }
        return try Self.certificate(in: certificate, Certificate.init)
    }

    /// Checks that TLS can use these files.
    /// - Parameter now: the time of this box's clock; nil to ignore the certificate's dates. The
    ///   server checks them, and its clock may be better.
    /// - Throws: `ServerProblem` for the first mistake.
    public func check(at now: Instant? = nil) throws(ServerProblem) {
        if let authority { _ = try Self.certificate(in: authority) { _ in true } }
        guard let certificate, let key else { return }
        let own = try Self.certificate(in: certificate, Certificate.init)
        if let now, now < own.validFrom { throw .ownNotYetValid(file: certificate, own, now: now) }
        if let now, now > own.validUntil { throw .ownExpired(file: certificate, own, now: now) }
        let belongs = try Self.privateKey(in: key) { (key) throws(ServerProblem) in
            try Self.certificate(in: certificate) { X509_check_private_key($0, key) == 1 }
        }
        // A mismatch leaves an error in OpenSSL's queue, which this thread's next TLS connection
        // would report as its own.
        ERR_clear_error()
        if !belongs { throw .keyDoesNotMatch(key: key, certificate: certificate) }
    }

    private static func open(_ path: String) throws(ServerProblem) -> OpaquePointer {
        guard let input = BIO_new_file(path, "r") else {
            ERR_clear_error()
            throw .unreadable(file: path)
        }
        return input
    }

    /// The result of `body` for the first certificate in a file.
    private static func certificate<Result>(
        in path: String, _ body: (OpaquePointer) -> Result
    ) throws(ServerProblem) -> Result {
        let input = try open(path)
        defer { BIO_free(input) }
        guard let handle = PEM_read_bio_X509(input, nil, nil, nil) else {
            ERR_clear_error()
            throw .notPEM(file: path, expected: "-----BEGIN CERTIFICATE-----")
        }
        defer { X509_free(handle) }
        return body(handle)
    }

    private static func privateKey<Result>(
        in path: String, _ body: (OpaquePointer) throws(ServerProblem) -> Result
    ) throws(ServerProblem) -> Result {
        let input = try open(path)
        defer { BIO_free(input) }
        // OpenSSL calls this closure for an encrypted key only. Without it OpenSSL would ask the
        // terminal. The pointer to the flag is used during this call only.
        var isEncrypted = false
        let handle = withUnsafeMutablePointer(to: &isEncrypted) { flag in
            PEM_read_bio_PrivateKey(
                input, nil,
                { _, _, _, flag in
                    flag?.assumingMemoryBound(to: Bool.self).pointee = true
                    return -1
                }, flag)
        }
        guard let handle else {
            ERR_clear_error()
            throw isEncrypted
                ? .keyIsEncrypted(file: path)
                : .notPEM(file: path, expected: "-----BEGIN PRIVATE KEY-----")
        }
        defer { EVP_PKEY_free(handle) }
        return try body(handle)
    }
}
