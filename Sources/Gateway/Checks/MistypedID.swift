/// Ids of lifts that are nearly right: a person has typed twenty digits.
enum MistypedID {
    /// Shorter ids may differ by one character on purpose: 1 and 2, A1 and A2.
    static let shortest = 8

    /// The id that a topic is meant for: its lift and a registered one differ by one slip of the
    /// hand. Ids of one building differ by two characters on purpose.
    /// - Parameter unheard: the registered ids of lifts that have never sent a message.
    static func meant(by topic: String, among unheard: [String]) -> String? {
        let levels = topic.split(separator: "/").filter { $0.count >= shortest && $0.count <= 64 }
        let near = levels.flatMap { level in
            unheard.filter { $0.count >= shortest && isOneSlip(Array(level), Array($0)) }
        }
        return near.min()
    }

    /// Whether one character is changed, missing or too many, or two neighbours are exchanged.
    private static func isOneSlip(_ one: [Character], _ other: [Character]) -> Bool {
        guard one != other, abs(one.count - other.count) <= 1 else { return false }
        let start = zip(one, other).prefix { $0 == $1 }.count
        let end = min(
            zip(one.reversed(), other.reversed()).prefix { $0 == $1 }.count,
            min(one.count, other.count) - start)
        let (here, there) = (one[start..<(one.count - end)], other[start..<(other.count - end)])
        return max(here.count, there.count) == 1
            || here.count == 2 && there.elementsEqual(here.reversed())
    }

    /// The ids that differ in form from all others, each with the difference; sentences without
    /// their full stop.
    // Each id is looked at once: a site may have ten thousand.
    static func doubtful(_ ids: [String]) -> [(id: String, why: String)] {
        guard ids.count > 1 else { return [] }
        let forms = ids.map { (length: $0.count, isNumber: $0.utf8.allSatisfy(isDigit)) }
        let others = forms.count { !$0.isNumber }
        let lengths = Dictionary(forms.map { ($0.length, 1) }, uniquingKeysWith: +)
        // With three lengths, or letters in two ids, no id is the only one of its form.
        guard others < 2, lengths.count < 3 else { return [] }
        return zip(ids, forms).compactMap { id, form in
            guard id.count >= shortest, others == (form.isNumber ? 0 : 1),
                let length = lengthOfOthers(than: form.length, lengths)
            else { return nil }
            if form.isNumber {
                // Of two ids the longer one is taken for the right one.
                guard
                    form.length - length == -1 || form.length - length == 1 && ids.count > 2
                else { return nil }
                return (id, "it has \(form.length) digits, and the others have \(length)")
            }
            guard form.length == length, id.utf8.count(where: { !isDigit($0) }) == 1,
                let letter = id.first(where: { "lIOo".contains($0) })
            else { return nil }
            return (id, "it has the letter '\(letter)', and the others are digits only")
        }
    }

    /// The length that all ids have but one of this length; nil where they have several.
    private static func lengthOfOthers(than length: Int, _ lengths: [Int: Int]) -> Int? {
        let rest = lengths.filter { $0.key != length || $0.value > 1 }
        return rest.count == 1 ? rest.first?.key : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { 48...57 ~= byte }
}
