/// An untrusted text (a name, reason or payload) as one line for a log or a terminal. Control
/// characters (C0, C1), line separators and bidirectional controls become spaces: they can move the
/// cursor, colour or hide text, and change the writing direction.
///
/// - Parameter most: Unicode scalars; a longer text is cut and ends in `…`.
package func printable(_ text: String, upTo most: Int = .max) -> String {
    var safe = ""
    var count = 0
    for scalar in text.unicodeScalars {
        guard count < most else { return safe + "…" }
        safe.unicodeScalars.append(scalar.isTerminalControl ? " " : scalar)
        count += 1
    }
    return safe
}

/// JSON for a terminal: the same characters become JSON escapes. A program reads the same values.
package func printable(json: String) -> String {
    guard json.unicodeScalars.contains(where: { $0.value > 126 && $0.isTerminalControl }) else {
        return json
    }
    var safe = ""
    for scalar in json.unicodeScalars {
        // All of them are in the basic plane. Below 127, a control character is layout: JSON allows
        // no raw one in a string.
        if scalar.value > 126, scalar.isTerminalControl {
            let digits = String(scalar.value, radix: 16)
            safe += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
            safe.unicodeScalars.append(scalar)
        }
    }
    return safe
}

extension Unicode.Scalar {
    /// Moves a terminal's cursor, or changes the order of the text after it.
    package var isTerminalControl: Bool {
        if value < 32 || 127...159 ~= value { return true }
        guard value > 159 else { return false }
        return value == 0x2028 || value == 0x2029 || properties.isBidiControl
    }
}
