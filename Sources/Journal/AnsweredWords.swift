/// Words of people at a centre that were answered: a centre says a word again until it hears the answer, and its broker may bring one twice.
extension Journal {
    /// Older ones are forgotten: nobody says a word again after so many others.
    private static let rememberedWords = 1000

    public func isAnswered(_ word: String, of centre: String) throws(JournalError) -> Bool {
        try database.scalar("SELECT 1 FROM word WHERE centre = ? AND id = ?", .text(centre), .text(word)) != nil
    }

    func noteAnswered(_ words: [(centre: String, id: String)], at now: Int64) throws(JournalError) {
        for (centre, id) in words {
            try database.run(
                "INSERT OR IGNORE INTO word VALUES(?, ?, ?)", .text(centre), .text(id), .integer(now))
        }
        if words.isEmpty { return }
        try database.run(
            "DELETE FROM word WHERE at < (SELECT at FROM word ORDER BY at DESC LIMIT 1 OFFSET ?)",
            .integer(Int64(Self.rememberedWords)))
    }
}
