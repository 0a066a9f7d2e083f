import CCrypto

/// The site and journal that alert ids are made from. Two sites may both have a lift "A1", and a
/// site whose journal is lost starts its counts again.
public struct AlertOrigin: Sendable, Equatable {
    public var site: String
    /// The journal's identity. With nil, ids are those of earlier versions, which used neither site
    /// nor journal.
    public var journal: String?

    public init(site: String, journal: String? = AlertOrigin.replayed) {
        self.site = site
        self.journal = journal
    }

    /// Stands for the journal's identity in a replay, so that the same trace has the same ids.
    public static let replayed = "00000000-0000-0000-0000-000000000000"
}

/// Alert ids: name-based UUIDs (RFC 9562 version 5, SHA-1). The same event has the same id wherever
/// it is evaluated.
public enum AlertIdentity {
    /// The namespace of Hoistway's alerts, itself a random UUID.
    private static let namespace: [UInt8] = [
        0x6f, 0x1c, 0x0b, 0x52, 0x8d, 0x1e, 0x4a, 0x57, 0x9a, 0x3c, 0x41, 0x7e, 0x20, 0xd9, 0x5b,
        0x86,
    ]

    /// - Parameters:
    ///   - onset: nanoseconds, as first decided.
    ///   - earlier: the number of alerts journalled before with the same lift, kind and onset.
    public static func id(
        _ origin: AlertOrigin, lift: String, kind: String, onset: Int64, earlier: Int
    ) -> String {
        let whose = origin.journal.map { "\(origin.site)\u{1F}\($0)\u{1F}" } ?? ""
        let name =
            namespace + Array("\(whose)\(lift)\u{1F}\(kind)\u{1F}\(onset)\u{1F}\(earlier)".utf8)
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        let succeeded = EVP_Digest(name, name.count, &digest, nil, EVP_sha1(), nil)
        precondition(succeeded == 1, "libcrypto has no SHA-1")
        digest[6] = digest[6] & 0x0F | 0x50
        digest[8] = digest[8] & 0x3F | 0x80
        var text = ""
        for (i, byte) in digest[..<16].enumerated() {
            if [4, 6, 8, 10].contains(i) { text += "-" }
            let hex = String(byte, radix: 16)
            text += hex.count == 1 ? "0" + hex : hex
        }
        return text
    }
}
