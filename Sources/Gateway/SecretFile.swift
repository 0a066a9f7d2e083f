/// Finds visible mistakes in a secret's file before it is used: with each of them the server says
/// no more than "not authorised".
enum SecretFile {
    enum Kind {
        /// It may contain blanks.
        case password
        /// It contains no blank (RFC 6750).
        case token
    }

    /// The mistake in the content, and what to do; nil for a possible secret.
    static func mistake(_ bytes: [UInt8], _ kind: Kind) -> String? {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            return
                "begins with a byte order mark, which would be a part of the secret. Save it as UTF-8 without one"
        }
        let text = String(decoding: bytes, as: UTF8.self)
        if text.allSatisfy(\.isWhitespace) { return "is empty" }
        if text.contains("-----BEGIN ") {
            return "holds a certificate or a key (PEM); expected the secret alone"
        }
        // Line breaks at the end are not a part of the secret.
        let secret = String(text.reversed().drop(while: \.isNewline).reversed())
        if secret.contains(where: \.isNewline) {
            return "has several lines; expected the secret alone, on one line"
        }
        guard kind == .token else { return nil }
        if secret.lowercased().hasPrefix("bearer ") {
            return
                "begins with 'Bearer', which the gateway adds by itself. Leave the token alone in the file"
        }
        return secret.contains(where: \.isWhitespace)
            ? "has a blank in it; a token is one word" : nil
    }
}
