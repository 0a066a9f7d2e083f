/// Base64 (RFC 4648) for payloads that are not text.
package enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func encode(_ bytes: Span<UInt8>) -> String {
        var text: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for i in bytes.indices {
            buffer = buffer << 8 | UInt32(bytes[i])
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[Int(buffer >> UInt32(bits)) & 63])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << UInt32(6 - bits)) & 63]) }
        while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ text: Span<UInt8>, into bytes: inout [UInt8]) -> Bool {
        var buffer: UInt32 = 0
        var bits = 0
        for i in 0..<text.count where text[i] != UInt8(ascii: "=") {
            guard let digit = alphabet.firstIndex(of: text[i]) else { return false }
            buffer = buffer << 6 | UInt32(digit)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        return text.count % 4 == 0
    }
}
