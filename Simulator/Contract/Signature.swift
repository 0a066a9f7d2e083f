import CCrypto
import FoundationEssentials

/// A JWS in compact form, as any receiver would verify it: EdDSA over Ed25519 (RFC 8037).
enum Signature {
    static func payload(_ jws: String) -> [UInt8]? { part(jws, 1) }

    static func keyID(_ jws: String) -> String? { part(jws, 0).flatMap { JSONValue($0)?["kid"]?.text } }

    static func isValid(_ jws: String, _ publicKey: [UInt8]) -> Bool {
        guard let signature = part(jws, 2), part(jws, 0).flatMap({ JSONValue($0)?["alg"]?.text }) == "EdDSA",
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
