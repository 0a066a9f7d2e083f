import CCrypto
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The key with which a centre signs its commands, pinned in the configuration. Commands by other
/// clients of the centre's broker are refused.
///
/// A command is signed as alerts are (`Signer`): JWS compact serialisation (RFC 7515), EdDSA over
/// Ed25519 (RFC 8037). The payload is the command itself, with its id, its alert and its time, so
/// that a copied command has no effect.
public struct CommandKey: Sendable, Equatable {
    /// Why a signature, or a key, is not valid.
    public struct Problem: Error, CustomStringConvertible, Sendable {
        public var description: String
    }

    /// 32 bytes.
    let publicKey: [UInt8]

    /// - Parameter pem: the public key as `openssl pkey -pubout` writes it.
    /// - Throws: `Problem` for what is no public key of Ed25519.
    public init(pem: [UInt8]) throws(Problem) {
        // OpenSSL reads the bytes in place: they must not move until it has read them.
        let read = pem.withUnsafeBytes { bytes in
            let source = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            defer { BIO_free(source) }
            return PEM_read_bio_PUBKEY(source, nil, nil, nil)
        }
        guard let key = read else {
            // An error that is left in this thread's OpenSSL queue would count as one of the
            // thread's next TLS connection.
            ERR_clear_error()
            throw Problem(
                description: "holds no public key in PEM form (openssl pkey -in KEY -pubout)")
        }
        defer { EVP_PKEY_free(key) }
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = bytes.count
        guard EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519,
            EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == 32
        else { throw Problem(description: "holds a key of another kind, expected Ed25519") }
        publicKey = bytes
    }

    /// The signed bytes.
    /// - Throws: `Problem` where they are not signed with this key.
    func payload(of jws: String) throws(Problem) -> [UInt8] {
        let parts = try Self.parts(jws)
        struct Header: Decodable {
            var alg: String
            var kid: String?
            var crit: [String]?
        }
        guard repeatedKey(in: parts.header) == nil,
            // The command is refused below, whatever the decoder found.
            let header = try? JSONDecoder().decode(Header.self, from: Data(parts.header)),
            header.crit == nil
        else {
            throw Problem(
                description: "\"jws\": its header cannot be read, or asks for more than a signature"
            )
        }
        guard header.alg == "EdDSA" else {
            throw Problem(
                description:
                    "\"jws\": signed with \(printable(header.alg, upTo: 20)), expected EdDSA over Ed25519"
            )
        }
        guard isSignature(parts.signature, of: parts.input) else {
            let expected = Signer.thumbprint(publicKey)
            let named = header.kid.map { ", and it names the key \(printable($0, upTo: 60))" } ?? ""
            throw Problem(description: "\"jws\": is not signed by command_key \(expected)\(named)")
        }
        return parts.payload
    }

    /// The payload without a check of its signature.
    static func unverifiedPayload(of jws: String) throws(Problem) -> [UInt8] {
        try parts(jws).payload
    }

    private struct Parts {
        var header: [UInt8]
        var payload: [UInt8]
        var signature: [UInt8]
        var input: [UInt8]
    }

    private static func parts(_ jws: String) throws(Problem) -> Parts {
        let parts = jws.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = bytes(parts[0]), let payload = bytes(parts[1]),
            let signature = bytes(parts[2])
        else {
            throw Problem(
                description: "\"jws\": expected HEADER.PAYLOAD.SIGNATURE, each in base64url")
        }
        return Parts(
            header: header, payload: payload, signature: signature,
            input: Array("\(parts[0]).\(parts[1])".utf8))
    }

    /// Decodes base64url without padding. Another spelling of the same bytes is refused.
    private static func bytes(_ base64url: Substring) -> [UInt8]? {
        var standard = base64url.utf8.map { byte in
            byte == UInt8(ascii: "-")
                ? UInt8(ascii: "+") : byte == UInt8(ascii: "_") ? UInt8(ascii: "/") : byte
        }
        while standard.count % 4 != 0 { standard.append(UInt8(ascii: "=")) }
        guard let data = Data(base64Encoded: Data(standard)),
            Signer.base64url(Array(data)) == base64url
        else {
            return nil
        }
        return Array(data)
    }

    private func isSignature(_ signature: [UInt8], of input: [UInt8]) -> Bool {
        guard
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, publicKey.count)
        else {
            return false
        }
        defer { EVP_PKEY_free(key) }
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, input, input.count) == 1
    }
}
