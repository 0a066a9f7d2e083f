import CCrypto

/// SHA-256 (FIPS 180-4) by libcrypto.
enum SHA256 {
    static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        // libcrypto reads the bytes during the call only.
        let isDone = bytes.withUnsafeBufferPointer {
            // The pointer is valid for the call, which reads `count` bytes.
            EVP_Digest($0.baseAddress, $0.count, &digest, nil, EVP_sha256(), nil) == 1
        }
        precondition(isDone, "libcrypto has no SHA-256")
        return digest
    }
}
