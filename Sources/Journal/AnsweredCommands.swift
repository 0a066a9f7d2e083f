import Encoding

/// A centre command that was answered, by its id and its content.
///
/// A centre repeats a command until it receives the answer, and its broker may redeliver one. The
/// same id with other content is another command.
public struct AnsweredCommand: Equatable, Sendable {
    public var centre: String
    /// The id that the centre has given it (`word_id`).
    public var id: String
    /// A hash of the command with its alert and all its members.
    private var content: UInt64

    public init(centre: String, id: String, content: String) {
        self.centre = centre
        self.id = id
        var hash = ByteHash(seed: 3)
        let bytes = Array(content.utf8)
        hash.add(bytes.span, 0, bytes.count)
        self.content = hash.value
    }

    /// The value of column `id`. A command's id has no control character.
    fileprivate var key: String { "\(id)\u{1F}\(String(content, radix: 16))" }
    /// The keys of all commands with this id.
    fileprivate var range: (from: String, to: String) { ("\(id)\u{1F}", "\(id)\u{20}") }
}

extension Journal {
    /// Older ones are deleted: no centre repeats a command after so many others.
    private static let rememberedCommands: Int64 = 1000

    /// Whether a centre command was answered before.
    public enum CommandStatus: Sendable {
        case unanswered
        case answered
        /// Another command had this id.
        case idTaken
    }

    public func status(of command: AnsweredCommand) throws(JournalError) -> CommandStatus {
        // Version 0.2 stored the id alone.
        let isAnswered =
            try database.scalar(
                "SELECT 1 FROM word WHERE centre = ?1 AND id IN (?2, ?3)", .text(command.centre),
                .text(command.id),
                .text(command.key)) != nil
        if isAnswered { return .answered }
        let isTaken =
            try database.scalar(
                "SELECT 1 FROM word WHERE centre = ? AND id >= ? AND id < ? LIMIT 1",
                .text(command.centre),
                .text(command.range.from), .text(command.range.to)) != nil
        return isTaken ? .idTaken : .unanswered
    }

    /// Column `at` is a count that continues from the times that version 0.2 wrote. A time would
    /// make the newest command the oldest when the clock is set back.
    func recordAnswered(_ commands: [AnsweredCommand]) throws(JournalError) {
        for command in commands {
            try database.run(
                "INSERT OR IGNORE INTO word VALUES(?, ?, (SELECT ifnull(max(at), 0) + 1 FROM word))",
                .text(command.centre), .text(command.key))
        }
        if commands.isEmpty { return }
        try database.run(
            "DELETE FROM word WHERE at < (SELECT at FROM word ORDER BY at DESC LIMIT 1 OFFSET ?)",
            .integer(Self.rememberedCommands))
    }
}
