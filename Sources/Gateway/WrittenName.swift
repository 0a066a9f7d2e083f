/// Checks names that a person has typed or pasted, and that programs compare character by
/// character.
enum WrittenName {
    /// The first character that is there by mistake: a word processor's quote, or an invisible
    /// character.
    /// - Returns: its position and name; nil where there is none.
    static func strayCharacter(in text: String) -> String? {
        for (index, scalar) in text.unicodeScalars.enumerated() {
            let isUnseen =
                switch scalar.properties.generalCategory {
                case .format, .control, .lineSeparator, .paragraphSeparator, .privateUse,
                    .unassigned:
                    true
                case .spaceSeparator: scalar != " "
                default: false
                }
            guard isUnseen || quotes.contains(scalar) else { continue }
            let number = String(scalar.value, radix: 16, uppercase: true)
            let name = scalar.properties.name.map { " (\($0.lowercased()))" } ?? ""
            return
                "character \(index + 1) is U+\(String(repeating: "0", count: max(0, 4 - number.count)))\(number)\(name). Delete it, or type the whole anew"
        }
        return nil
    }

    private static let quotes = "\"'`´‘’‚‛“”„‟«»‹›＂＇「」『』".unicodeScalars
}
