/// A text that a person enters: a name, a reason, the condition of people. It is recorded, sent to
/// every centre and shown on screens. So it must be one line with a visible character, and without
/// characters that hide or reorder the text beside it.
public enum LineOfText {
    /// The mistake in a text; nil for a valid one.
    /// - Parameters:
    ///   - content: the expected content, as "the person's name".
    ///   - most: Unicode code points, as `maxLength` of JSON Schema counts.
    public static func mistake(in text: String, expected content: String, upTo most: Int) -> String?
    {
        func mistake(_ found: String) -> String {
            "found \(found), expected \(content): one line of at most \(most) characters"
        }
        let scalars = text.unicodeScalars
        if scalars.isEmpty { return mistake("an empty text") }
        for (index, scalar) in scalars.enumerated() where scalar.isInvisibleControl {
            let digits = String(scalar.value, radix: 16, uppercase: true)
            let code = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            return mistake("the control or invisible character U+\(code) at position \(index + 1)")
        }
        if !scalars.contains(where: \.isVisible) {
            return mistake("a text in which nothing can be seen")
        }
        if scalars.count > most { return mistake("\(scalars.count) characters") }
        return nil
    }
}

extension Unicode.Scalar {
    /// Control and format characters, and line separators: they include zero-width characters and
    /// those that change the writing direction.
    fileprivate var isInvisibleControl: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// U+2800 is the empty Braille pattern, which Unicode does not count as white space.
    fileprivate var isVisible: Bool {
        !properties.isWhitespace && !properties.isDefaultIgnorableCodePoint && value != 0x2800
    }
}
