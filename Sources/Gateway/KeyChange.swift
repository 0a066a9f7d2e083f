import Contract
import Encoding

/// Why alerts are signed with another key than before.
enum KeyChange: String, CaseIterable {
    /// The key's file was missing, and a new key was made.
    case missing
    /// The file contains another key.
    case changed
}

extension Signer {
    /// A number for the public key, which the journal stores.
    var fingerprint: Int64 {
        var hash = ByteHash(seed: 5)
        let bytes = publicKey
        hash.add(bytes.span, 0, bytes.count)
        return Int64(bitPattern: hash.value)
    }
}
