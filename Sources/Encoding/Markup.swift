extension String {
    /// The text with escapes, for the text or an attribute of HTML, SVG and XML.
    package var escapedForMarkup: String {
        var result = ""
        for character in self {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}
