import LiftModel

/// Reads the keys of one mapping, and reports keys that are missing or unknown and values of the
/// wrong form.
///
/// Call `finish()` last: it reports each key that was not read, with the nearest one that was.
public struct YAMLReader {
    public let node: YAMLNode
    public let diagnostics: Diagnostics
    private let pairs: [(key: YAMLNode, value: YAMLNode)]
    private var known: Set<String> = []

    public init(
        _ node: YAMLNode, _ diagnostics: Diagnostics,
        expected: String = "a mapping of keys to values"
    ) {
        self.node = node
        self.diagnostics = diagnostics
        if case .mapping(let pairs) = node.content {
            self.pairs = pairs
        } else {
            pairs = []
            diagnostics.report(node, "found \(node.summary), expected \(expected)")
        }
    }

    public mutating func optional(_ key: String) -> YAMLNode? {
        known.insert(key)
        return pairs.first { $0.key.text == key }?.value
    }

    public mutating func required(_ key: String) -> YAMLNode? {
        if let value = optional(key) { return value }
        if case .mapping = node.content { diagnostics.report(node, "the key '\(key)' is missing") }
        return nil
    }

    /// Reports the keys that were not read.
    /// - Parameter hints: advice for certain unknown keys, by key.
    public mutating func finish(hints: [String: String] = [:]) {
        for (key, _) in pairs where !known.contains(key.text ?? "") {
            let name = key.text ?? ""
            let advice = hints[name].map { " " + $0 } ?? suggestion(for: name, among: known)
            diagnostics.report(key, "'\(name)' is not a key here.\(advice)")
        }
    }

    // MARK: Typed values. Each reports a wrong form and returns nil.

    public mutating func text(_ key: String) -> String? { optional(key).flatMap { text(of: $0) } }
    public mutating func requiredText(_ key: String) -> String? {
        required(key).flatMap { text(of: $0) }
    }
    public func text(of node: YAMLNode) -> String? {
        if let text = node.text { return text }
        diagnostics.report(node, "found \(node.summary), expected text")
        return nil
    }

    public mutating func boolean(_ key: String) -> Bool? {
        guard let node = optional(key) else { return nil }
        switch node.text {
        case "true": return true
        case "false": return false
        default:
            diagnostics.report(node, "found \(node.summary), expected true or false")
            return nil
        }
    }

    public mutating func duration(_ key: String) -> Duration? {
        optional(key).flatMap { duration(of: $0) }
    }
    public func duration(of node: YAMLNode) -> Duration? {
        if let duration = node.text.flatMap(Duration.init(written:)) { return duration }
        diagnostics.report(
            node, "found \(node.summary), expected a duration such as 90s, 5m or 2h, at most a year"
        )
        return nil
    }

    public mutating func number(_ key: String) -> Double? {
        optional(key).flatMap { number(of: $0) }
    }
    public func number(of node: YAMLNode) -> Double? {
        if let number = node.text.flatMap(Double.init), number.isFinite { return number }
        diagnostics.report(node, "found \(node.summary), expected a number")
        return nil
    }

    public mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let node = optional(key) else { return nil }
        if let number = node.text.flatMap({ Int($0) }), range.contains(number) { return number }
        diagnostics.report(
            node,
            "found \(node.summary), expected a whole number from \(range.lowerBound) to \(range.upperBound)"
        )
        return nil
    }

    /// One of the cases of an enumeration.
    public func choice<Choice: RawRepresentable & CaseIterable>(of node: YAMLNode, _: Choice.Type)
        -> Choice?
    where Choice.RawValue == String {
        let name = node.text ?? ""
        if let choice = Choice(rawValue: name) { return choice }
        let names = Choice.allCases.map(\.rawValue)
        diagnostics.report(node, "found \(node.summary).\(suggestion(for: name, among: names))")
        return nil
    }
    public mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, _ type: Choice.Type
    ) -> Choice?
    where Choice.RawValue == String { optional(key).flatMap { choice(of: $0, type) } }

    public mutating func items(_ key: String) -> [YAMLNode] {
        guard let node = optional(key) else { return [] }
        if case .sequence(let items) = node.content { return items }
        diagnostics.report(node, "found \(node.summary), expected a list")
        return []
    }

    /// A list of texts.
    public mutating func texts(_ key: String) -> [String] { items(key).compactMap { text(of: $0) } }

    public mutating func entries(_ key: String) -> [(key: YAMLNode, value: YAMLNode)] {
        guard let node = optional(key) else { return [] }
        if case .mapping(let pairs) = node.content { return pairs }
        // A key without a value is an empty mapping.
        if case .scalar("", _) = node.content { return [] }
        diagnostics.report(node, "found \(node.summary), expected a mapping of keys to values")
        return []
    }
}
