import CCrypto
import Encoding
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A JWS in compact form, verified as any receiver would: EdDSA over Ed25519 (RFC 8037).
enum Signature {
    static func payload(_ jws: String) -> [UInt8]? { part(jws, 1) }

    static func keyID(_ jws: String) -> String? {
        part(jws, 0).flatMap { JSONValue($0)?["kid"]?.text }
    }

    static func isValid(_ jws: String, _ publicKey: [UInt8]) -> Bool {
        guard let signature = part(jws, 2),
            part(jws, 0).flatMap({ JSONValue($0)?["alg"]?.text }) == "EdDSA",
            let dot = jws.lastIndex(of: "."),
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, publicKey.count)
        else { return false }
        defer { EVP_PKEY_free(key) }
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        let input = Array(jws[..<dot].utf8)
        return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, input, input.count) == 1
    }

    /// Signs a command as a centre does.
    /// - Returns: nil where the file holds no private key of Ed25519.
    static func sign(_ payload: [UInt8], privateKeyFile path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        guard let key = PEM_read_PrivateKey(file, nil, nil, nil) else { return nil }
        defer { EVP_PKEY_free(key) }
        let input = text(Array(#"{"alg":"EdDSA"}"#.utf8)) + "." + text(payload)
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 64)
        var count = signature.count
        let bytes = Array(input.utf8)
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1, count == 64
        else { return nil }
        return input + "." + text(signature)
    }

    private static func text(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    private static func part(_ jws: String, _ index: Int) -> [UInt8]? {
        let parts = jws.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 3 ? base64url(String(parts[index])) : nil
    }

    static func base64url(_ text: String) -> [UInt8]? {
        var standard = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        while standard.count % 4 != 0 { standard.append("=") }
        return Data(base64Encoded: standard).map { Array($0) }
    }
}
