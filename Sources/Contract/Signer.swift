import CCrypto
import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Signs the gateway's alerts, so that a centre can verify their origin: JWS compact serialisation
/// (RFC 7515) with EdDSA over Ed25519 (RFC 8037). The payload is the whole event as it was
/// journalled: a verifier needs to trust no other part of the message.
///
/// The key is created on the first start, in the state folder, for the gateway's user alone. Its
/// public half is in a file beside it, and in each heartbeat.
public final class Signer: Sendable {
    /// Owned; freed in deinit. Behind a lock, as each route signs on its own thread. Reading the
    /// key anew for each signature would double the cost.
    private let key: Mutex<OpaquePointer>
    /// 32 bytes.
    public let publicKey: [UInt8]
    /// The key was created now although its public half existed: the former key is lost.
    public let replacesLostKey: Bool
    private let header: String

    public struct Problem: Error, CustomStringConvertible {
        public var description: String
        /// There has been no key before, and none can be made: none is lost.
        public var isOfFirstKey = false
    }

    /// Reads the key, or creates one where there is none.
    /// - Throws: `Problem` for a file without such a key, or a folder that cannot be written.
    public init(keyFile path: String) throws(Problem) {
        let key: OpaquePointer
        if let known = try Self.read(path) {
            key = known
            replacesLostKey = false
        } else {
            replacesLostKey = access(path + ".pub", F_OK) == 0
            do throws(Problem) { key = try Self.make(path) } catch {
                var problem = error
                problem.isOfFirstKey = !replacesLostKey
                throw problem
            }
        }
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = bytes.count
        guard EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519,
            EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == 32
        else {
            EVP_PKEY_free(key)
            throw Problem(description: "\(path): holds a key of another kind than Ed25519")
        }
        publicKey = bytes
        header = Self.base64url(
            Array(#"{"alg":"EdDSA","kid":"\#(Self.thumbprint(bytes))","typ":"JOSE"}"#.utf8))
        self.key = Mutex(key)
    }

    deinit { key.withLock { EVP_PKEY_free($0) } }

    /// The JWS of some bytes; nil where libcrypto fails: an alert without a signature is better
    /// than none.
    public func sign(_ payload: [UInt8]) -> String? {
        let input = header + "." + Self.base64url(payload)
        var signature = [UInt8](repeating: 0, count: 64)
        var count = signature.count
        let bytes = Array(input.utf8)
        let isDone = key.withLock { key in
            let context = EVP_MD_CTX_new()
            defer { EVP_MD_CTX_free(context) }
            return EVP_DigestSignInit(context, nil, nil, nil, key) == 1
                && EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1
        }
        guard isDone, count == 64 else { return nil }
        return input + "." + Self.base64url(signature)
    }

    /// The public key's name (RFC 7638).
    public var keyID: String { Self.thumbprint(publicKey) }
    /// The public key as JOSE libraries take it (RFC 8037, section 2): the `x` of an `OKP` key.
    public var x: String { Self.base64url(publicKey) }

    static func thumbprint(_ publicKey: [UInt8]) -> String {
        let jwk = Array(#"{"crv":"Ed25519","kty":"OKP","x":"\#(base64url(publicKey))"}"#.utf8)
        var digest = [UInt8](repeating: 0, count: 32)
        let isDone = EVP_Digest(jwk, jwk.count, &digest, nil, EVP_sha256(), nil) == 1
        precondition(isDone, "libcrypto has no SHA-256")
        return base64url(digest)
    }

    static func base64url(_ bytes: [UInt8]) -> String {
        var text = Array(Data(bytes).base64EncodedString().utf8)
        while text.last == UInt8(ascii: "=") { text.removeLast() }
        for i in text.indices {
            if text[i] == UInt8(ascii: "+") { text[i] = UInt8(ascii: "-") }
            if text[i] == UInt8(ascii: "/") { text[i] = UInt8(ascii: "_") }
        }
        return String(decoding: text, as: UTF8.self)
    }

    // MARK: The key's file

    private static func read(_ path: String) throws(Problem) -> OpaquePointer? {
        guard let file = fopen(path, "r") else {
            if errno == ENOENT { return nil }
            throw Problem(description: "\(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        guard let key = PEM_read_PrivateKey(file, nil, nil, nil) else {
            // An error that is left in this thread's OpenSSL queue would count as one of the
            // thread's next TLS connection.
            ERR_clear_error()
            throw Problem(description: "\(path): holds no private key in PEM form")
        }
        return key
    }

    private static func make(_ path: String) throws(Problem) -> OpaquePointer {
        var key: OpaquePointer?
        let context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nil)
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_keygen(context, &key) == 1, let key
        else {
            throw Problem(description: "libcrypto cannot make an Ed25519 key")
        }
        // Written under another name and renamed: a power cut leaves no half key.
        // libcrypto writes to a C stream, whose type is a pointer.
        for (name, mode, write) in [
            (path, mode_t(0o600), { PEM_write_PrivateKey($0, key, nil, nil, 0, nil, nil) == 1 }),
            (path + ".pub", mode_t(0o644), { PEM_write_PUBKEY($0, key) == 1 }),
        ] as [(String, mode_t, (UnsafeMutablePointer<FILE>) -> Bool)] {
            let fresh = name + ".new"
            let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
            guard descriptor >= 0, let file = fdopen(descriptor, "w") else {
                throw Problem(description: "\(fresh): \(String(cString: strerror(errno)))")
            }
            let isWritten = write(file) && fflush(file) == 0 && fsync(descriptor) == 0
            let cause = errno
            fclose(file)
            guard isWritten, rename(fresh, name) == 0 else {
                let reason = String(cString: strerror(isWritten ? errno : cause))
                unlink(fresh)
                throw Problem(description: "\(name): cannot be written (\(reason))")
            }
        }
        return key
    }
}
