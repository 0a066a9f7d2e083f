import PositionedYAML

/// Ids of lifts that are nearly right: a person has typed twenty digits.
enum MistypedID {
    /// Shorter ids may differ by one character on purpose: 1 and 2, A1 and A2.
    static let shortest = 8
    private static let mostChanges = 2

    /// The id that a topic is meant for, as its lift and a registered one differ by a character or
    /// two.
    /// - Parameter unheard: the registered ids of lifts that have never sent a message.
    static func meant(by topic: String, among unheard: [String]) -> String? {
        let levels = topic.split(separator: "/").filter { $0.count >= shortest && $0.count <= 64 }
        let near = levels.flatMap { level in
            unheard.filter { $0.count >= shortest && abs($0.count - level.count) <= mostChanges }
                .map { (id: $0, changes: editDistance(String(level), $0)) }
        }.filter { 1...mostChanges ~= $0.changes }
        return near.min { ($0.changes, $0.id) < ($1.changes, $1.id) }?.id
    }

    /// The ids that differ in form from all others, each with the difference; sentences without
    /// their full stop.
    static func doubtful(_ ids: [String]) -> [(id: String, why: String)] {
        guard ids.count > 1 else { return [] }
        return ids.indices.compactMap { index in
            let id = ids[index]
            let others = ids.indices.filter { $0 != index }.map { ids[$0] }
            let length = others[0].count
            guard id.count >= shortest,
                others.allSatisfy({ $0.count == length && $0.allSatisfy(isDigit) })
            else { return nil }
            if id.allSatisfy(isDigit) {
                // Of two ids the longer one is taken for the right one.
                guard id.count - length == -1 || id.count - length == 1 && ids.count > 2 else {
                    return nil
                }
                return (id, "it has \(id.count) digits, and the others have \(length)")
            }
            guard id.count == length, id.count(where: { !isDigit($0) }) == 1,
                let letter = id.first(where: { "lIOo".contains($0) })
            else { return nil }
            return (id, "it has the letter '\(letter)', and the others are digits only")
        }
    }

    private static func isDigit(_ character: Character) -> Bool {
        character.isASCII && character.isNumber
    }
}
