/// The chain of alerts: each link is the SHA-256 of the link before it and the alert's body. An
/// alert that is changed, removed or inserted afterwards breaks every link after it.
///
/// Is: evidence for an accident's investigation, as long as another party knows a later link.
/// Is not: proof against a person who can write the whole file anew.
public enum AlertChain {
    public struct Link: Sendable {
        /// 1 for the first alert of the journal; column `place`.
        public var sequence: Int64
        public var hash: [UInt8]
    }

    static func last(in database: Database) throws(JournalError) -> Link? {
        var last: Link?
        try database.run("SELECT place, chain FROM alert ORDER BY place DESC LIMIT 1") {
            last = Link(sequence: $0.integer(0), hash: $0.blob(1))
        }
        return last
    }

    /// The link after the last one.
    static func append(_ body: [UInt8], in database: Database) throws(JournalError) -> Link {
        let last = try last(in: database)
        return Link(sequence: (last?.sequence ?? 0) + 1, hash: hash(after: last?.hash ?? [], body))
    }

    static func hash(after last: [UInt8], _ body: [UInt8]) -> [UInt8] {
        SHA256.hash((last + body).span)
    }
}

extension Journal {
    /// The chain's newest link. With it a centre can later check whether an earlier alert was
    /// changed.
    public func lastLink() throws(JournalError) -> AlertChain.Link? {
        try AlertChain.last(in: database)
    }
}
