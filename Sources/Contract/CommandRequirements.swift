import LiftModel

/// The requirements for a centre's commands.
public struct CommandRequirements: Sendable {
    /// nil where a centre need not sign.
    public var key: CommandKey?
    public var site: String
    /// The wall clock; nil where it is not synchronised, so that the age of a signature is unknown.
    public var now: Instant?

    public init(key: CommandKey? = nil, site: String = "", now: Instant? = nil) {
        self.key = key
        self.site = site
        self.now = now
    }

    /// An older command was delayed or copied, and must be signed anew.
    static let longestAge = Duration.seconds(3600)
    /// The centre's clock may be so far ahead of the gateway's.
    static let longestLead = Duration.seconds(300)

    /// Checks the members of a command whose signature is valid.
    func mistake(in command: CentreCommand) -> String? {
        guard key != nil else { return nil }
        guard command.commandID != nil else {
            return "\"word_id\": expected the id of this command; a signed one needs it"
        }
        guard let site = command.site else {
            return "\"site\": expected the site that this is for; a signed command needs it"
        }
        if site != self.site {
            return
                "\"site\": this is for '\(printable(site, upTo: 50))', and this gateway is '\(self.site)'"
        }
        guard let time = command.time.flatMap({ Instant(rfc3339: $0) }) else {
            return "\"time\": expected when this was signed, such as 2026-03-01T18:00:00+08:00"
        }
        guard let now else { return nil }
        if now - time > Self.longestAge {
            return
                "\"time\": signed at \(time.rfc3339), more than 1 h ago; sign it anew if it still holds"
        }
        if time - now > Self.longestLead {
            return
                "\"time\": signed at \(time.rfc3339), and here it is \(now.rfc3339); set the centre's clock"
        }
        return nil
    }
}
