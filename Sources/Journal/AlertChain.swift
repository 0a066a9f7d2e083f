import CCrypto

/// The chain of alerts: each link is the SHA-256 of the link before it and the alert's body, so that nobody can change, remove or
/// slip in an alert afterwards without breaking every link after it.
///
/// Is: evidence for an accident's investigation, as long as somebody else knows a later link. Is not: proof against whoever can
/// write the whole file anew.
public enum AlertChain {
    public struct Link: Sendable {
        /// 1 for the first alert of the journal.
        public var place: Int64
        public var hash: [UInt8]
    }

    static func last(in database: Database) throws(JournalError) -> Link? {
        var last: Link?
        try database.run("SELECT place, chain FROM alert ORDER BY place DESC LIMIT 1") {
            last = Link(place: $0.integer(0), hash: $0.blob(1))
        }
        return last
    }

    /// The link after the last one.
    static func append(_ body: [UInt8], in database: Database) throws(JournalError) -> Link {
        let last = try last(in: database)
        return Link(place: (last?.place ?? 0) + 1, hash: hash(after: last?.hash ?? [], body))
    }

    static func hash(after last: [UInt8], _ body: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        let input = last + body
        let isDone = EVP_Digest(input, input.count, &digest, nil, EVP_sha256(), nil) == 1
        precondition(isDone, "libcrypto has no SHA-256")
        return digest
    }
}

extension Journal {
    /// The chain's newest link: a centre that knows it can tell later whether anything before it was changed.
    public func lastLink() throws(JournalError) -> AlertChain.Link? { try AlertChain.last(in: database) }
}
